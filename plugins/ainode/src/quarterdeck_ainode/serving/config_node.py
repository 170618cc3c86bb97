"""ConfigNodes as an AINode asks them: who they are, joining, coming back, leaving. Built on the stubs of IoTDB's Python client.

An answer of 400 names the leader, which is asked instead; a node that does not answer is passed over for the next.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from iotdb.thrift.common.ttypes import TAINodeConfiguration, TAINodeLocation, TEndPoint, TNodeResource
from iotdb.thrift.confignode.IConfigNodeRPCService import Client
from iotdb.thrift.confignode.ttypes import (
    TAINodeRegisterReq,
    TAINodeRemoveReq,
    TAINodeRestartReq,
    TNodeVersionInfo,
)
from msgspec import Struct
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TSSLSocket import TSSLSocket
from thrift.transport.TTransport import TFramedTransport

from quarterdeck_ainode.serving.end_point import Address
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnreachableError

#: Seconds for one answer. Joining writes to the consensus log of all ConfigNodes, so it may take a moment.
ANSWER_SECONDS = 10.0
#: Redirections that are followed before the cluster counts as having no leader.
_MOST_REDIRECTS = 5


class ConfigStatus(IntEnum):
    """Codes that a ConfigNode answers an AINode with (TSStatusCode of 2.0.10)."""

    SUCCESS = 200
    REDIRECTION = 400
    NODE_REFUSED = 1002
    NO_CLUSTER_ID_YET = 1009
    WARMING_UP = 1014
    NO_AINODE = 1500
    ALREADY_ONE = 1501


class ClusterIdentity(Struct, frozen=True):
    """Which cluster it is; `version` is that of its ConfigNode, empty when it does not tell; `time_unit` is ms, us or ns."""

    name: str
    id: str
    version: str
    time_unit: str


class RegisteredNode(Struct, frozen=True):
    """An AINode as the cluster lists it."""

    address: Address
    status: str


class NodeRegistration(Struct, frozen=True):
    """What a node says of itself when it joins."""

    cluster_name: str
    address: Address
    cores: int
    memory: int
    version: str
    build: str


class NotReadyError(UnreachableError):
    """The cluster answers, and cannot serve an AINode yet; trying again helps."""


class NodeRefusedError(RefusedError):
    """The ConfigNode does not want this node; `code` of its answer tells why."""

    def __init__(self, status: int, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.status = status


class ConfigNodes:
    """The ConfigNodes of one cluster; for one thread. The leader is remembered from call to call.

    `compact` is for clusters with `cn_rpc_thrift_compression_enable`, whose ConfigNodes read nothing but thrift's compact protocol.
    """

    def __init__(
        self,
        seeds: Sequence[Address],
        tls: ssl.SSLContext | None = None,
        compact: bool = False,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._seeds = tuple(dict.fromkeys(seeds))
        self._tls = tls
        self._protocol = TCompactProtocol if compact else TBinaryProtocol
        self._seconds = seconds
        self._leader: Address | None = None

    @property
    def known(self) -> tuple[Address, ...]:
        """Every ConfigNode that is known, the leader first."""
        first = (self._leader,) if self._leader else ()
        return tuple(dict.fromkeys((*first, *self._seeds)))

    def learn(self, addresses: Sequence[Address]) -> None:
        """Adds nodes that the cluster has told of."""
        self._seeds = tuple(dict.fromkeys((*self._seeds, *addresses)))

    def identity(self) -> ClusterIdentity:
        """Name, id and version of the cluster."""
        variables = self._ask("showVariables", lambda client: client.showVariables())
        cluster = self._ask("getClusterId", lambda client: client.getClusterId())
        nodes = self._ask("showCluster", lambda client: client.showCluster())
        versions = nodes.nodeVersionInfo or {}
        ids = [each.configNodeId for each in nodes.configNodeList or []]
        version = next((versions[each].version for each in ids if each in versions), "")
        parameters = variables.clusterParameters
        return ClusterIdentity(
            parameters.clusterName, cluster.clusterId or "", version or "", parameters.timestampPrecision or "ms"
        )

    def ainodes(self) -> dict[int, RegisteredNode]:
        """Every AINode that is registered, by its id."""
        found = self._ask("showAINodes", lambda client: client.showAINodes())
        return {
            each.aiNodeId: RegisteredNode(Address(each.internalAddress, each.internalPort), each.status)
            for each in found.aiNodesInfoList or []
        }

    def register(self, node: NodeRegistration) -> int:
        """Makes the node known to the cluster; gives its id."""
        request = TAINodeRegisterReq(node.cluster_name, _configuration(-1, node), _version(node))
        answer = self._ask("registerAINode", lambda client: client.registerAINode(request))
        self.learn([_address(each.internalEndPoint) for each in answer.configNodeList or []])
        return answer.aiNodeId

    def restart(self, node_id: int, cluster_id: str, node: NodeRegistration) -> None:
        """Says that a known node is back, perhaps at another address."""
        request = TAINodeRestartReq(
            node.cluster_name, _configuration(node_id, node), _version(node), cluster_id or None
        )
        answer = self._ask("restartAINode", lambda client: client.restartAINode(request))
        self.learn([_address(each.internalEndPoint) for each in answer.configNodeList or []])

    def remove(self, node_id: int, address: Address) -> None:
        """Asks the cluster to forget its AINode; it tells the node to end, and has forgotten it a moment later."""
        request = TAINodeRemoveReq(TAINodeLocation(node_id, TEndPoint(address.host, address.port)))
        self._ask("removeAINode", lambda client: client.removeAINode(request))

    def _ask(self, what: str, call: Callable[[Client], Any]) -> Any:
        """Asks the leader; raises UnreachableError, NotReadyError or NodeRefusedError."""
        trials: list[str] = []
        for _ in range(_MOST_REDIRECTS):
            answer, redirected = self._ask_any(what, call, trials)
            if not redirected:
                return answer
        raise NotReadyError(
            f"{what}: the ConfigNodes name one another as leader", "wait until they have elected one, and try again"
        )

    def _ask_any(self, what: str, call: Callable[[Client], Any], trials: list[str]) -> tuple[Any, bool]:
        for address in self.known:
            try:
                with self._connected(address) as client:
                    answer = call(client)
            except (OSError, TException, EOFError, ValueError) as error:
                trials.append(f"{address}: {_told(error)}")
                if self._leader == address:
                    self._leader = None
                continue
            status = getattr(answer, "status", answer)
            if status.code == ConfigStatus.REDIRECTION:
                redirect = getattr(status, "redirectNode", None)
                self._leader = _address(redirect) if redirect else None
                if self._leader in (None, address):
                    raise NotReadyError(
                        f"{what}: the ConfigNode at {address} knows of no leader",
                        "wait until one is elected, try again",
                    )
                return None, True
            self._leader = address
            _check(what, address, status)
            return answer, False
        compact = self._protocol is TCompactProtocol
        protocol = "" if compact else "; if it has cn_rpc_thrift_compression_enable=true, add --compact"
        without_tls = "; if its nodes speak without TLS, leave out --certificate" if self._tls else ""
        raise UnreachableError(
            f"no ConfigNode answers {what} ({'; '.join(dict.fromkeys(trials))})",
            "check that IoTDB runs, and --config-node: it wants the ConfigNode's internal port (10710), "
            f"not the client port (6667){without_tls}{protocol}",
        )

    @contextmanager
    def _connected(self, address: Address) -> Iterator[Client]:
        if self._tls is None:
            connection = TSocket(address.host, address.port)
        else:
            # The context has decided whom it trusts; the library would compare names beside that.
            connection = TSSLSocket(
                address.host, address.port, ssl_context=self._tls, validate_callback=lambda certificate, host: None
            )
        connection.setTimeout(self._seconds * 1000)
        transport = TFramedTransport(connection)
        transport.open()
        try:
            yield Client(self._protocol(transport))
        finally:
            transport.close()


def _check(what: str, address: Address, status: Any) -> None:
    """Raises what an answer's code means."""
    said = " ".join((status.message or "no reason given").split())  # IoTDB writes some as several lines.
    if status.code == ConfigStatus.SUCCESS:
        return
    if status.code in (ConfigStatus.WARMING_UP, ConfigStatus.NO_CLUSTER_ID_YET):
        raise NotReadyError(f"the ConfigNode at {address} is not ready yet ({said})", "wait a moment and try again")
    if status.code == ConfigStatus.ALREADY_ONE:
        raise NodeRefusedError(
            status.code,
            f"the cluster has an AINode already, and IoTDB allows one ({said})",
            "see SHOW AINODES; end that one and type REMOVE AINODE in IoTDB, or start with the --data folder it was registered from",
        )
    if status.code == ConfigStatus.NODE_REFUSED:
        raise NodeRefusedError(
            status.code,
            f"the ConfigNode at {address} refuses this node: {said}",
            "if SHOW AINODES lists one at this address, start with the --data folder it was registered from, or type "
            "REMOVE AINODE in IoTDB; else check --cluster-name against SHOW VARIABLES",
        )
    if status.code == ConfigStatus.NO_AINODE:
        raise NodeRefusedError(status.code, f"the cluster has no AINode ({said})", "nothing is to be done")
    raise QuarterdeckError(
        f"the ConfigNode at {address} answers {what} with {status.code}: {said}", "see the ConfigNode's log"
    )


def _configuration(node_id: int, node: NodeRegistration) -> TAINodeConfiguration:
    location = TAINodeLocation(node_id, TEndPoint(node.address.host, node.address.port))
    return TAINodeConfiguration(location, TNodeResource(node.cores, node.memory))


def _version(node: NodeRegistration) -> TNodeVersionInfo:
    return TNodeVersionInfo(node.version, node.build)


def _address(point: Any) -> Address:
    return Address(point.ip, point.port)


def _told(error: Exception) -> str:
    inner = getattr(error, "inner", None)  # Thrift's own words leave out why a connection failed.
    return (str(inner or error) or type(error).__name__).splitlines()[0][:200]
