"""Our AINode put together: data folder, engine, listening side and membership, from start to an end in good order."""

import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from random import Random
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_ainode.serving.config_node import ClusterIdentity, ConfigNodes, NodeRegistration
from quarterdeck_ainode.serving.end_point import Address, parse_address
from quarterdeck_ainode.serving.engine import Engine, EngineMetrics
from quarterdeck_ainode.serving.engine_settings import EngineSettings, TimeUnit
from quarterdeck_ainode.serving.joining import check_cluster
from quarterdeck_ainode.serving.load_sample import LoadSampler, machine_resources
from quarterdeck_ainode.serving.membership import Membership, MemberState, Standing
from quarterdeck_ainode.serving.node_folder import NodeFolder, NodeRecord
from quarterdeck_ainode.serving.rpc_server import RpcServer
from quarterdeck_ainode.serving.server_parameters import CONFIG_NODE_PORT, ServerParameters
from quarterdeck_ainode.serving.server_versions import PROTOCOL_VERSION, Footing, check_version
from quarterdeck_ainode.serving.service import AinodeService
from quarterdeck_ainode.serving.tls import TlsContexts, tls_contexts
from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.visible import visible

_log = logging.getLogger(__name__)

#: Seconds that requests under way are given when the node ends.
DRAIN_SECONDS = 30.0
#: Seconds that the cluster is given to forget a node that it told to end.
FORGET_SECONDS = 10.0
_ANYWHERE = ("0.0.0.0", "::")

OpenEngine = Callable[[EngineSettings], Engine]


class ServerState(Struct, frozen=True):
    """How the node is, for whoever shows it."""

    standing: Standing
    address: Address
    connections: int
    refused_frames: int
    heartbeat_age: float | None
    engine: EngineMetrics


class AinodeServer:
    """One AINode. `start` returns once it listens; it joins by itself, and ends by `stop` or when the cluster says so."""

    def __init__(self, parameters: ServerParameters, folder: NodeFolder, open_engine: OpenEngine) -> None:
        self._parameters = parameters
        self._folder = folder
        self._open_engine = open_engine
        self._contexts: TlsContexts = tls_contexts(parameters)
        seeds = config_node_addresses(parameters.config_node)
        self._record: NodeRecord | None = folder.read()
        known = self._record.config_nodes if self._record else ()
        self._nodes = ConfigNodes((*seeds, *known), self._contexts.connecting, parameters.compact)
        self._told_to_end = threading.Event()
        self._changes = threading.Condition()
        self._engine: Engine | None = None
        self._service: AinodeService | None = None
        self._rpc: RpcServer | None = None
        self._membership: Membership | None = None
        self._address = Address("", 0)

    def find_cluster(self) -> ClusterIdentity:
        """Asks which cluster it is; raises UnreachableError (worth another trial) or RefusedError."""
        identity = self._nodes.identity()
        check_cluster(identity, self._parameters.cluster_name, self._record)
        if check_version(identity.version) is Footing.NOT_VERIFIED:
            _log.warning(
                "this AINode was verified with IoTDB %s, and the cluster runs %s",
                PROTOCOL_VERSION,
                visible(identity.version) or "a version that it does not tell",
            )
        return identity

    def start(self, identity: ClusterIdentity) -> None:
        """Opens the engine, listens, and begins to join that cluster."""
        parameters = self._parameters
        self._engine = self._open_engine(engine_settings(parameters, self._folder.path, identity.time_unit))
        service = AinodeService(self._engine, LoadSampler(self._folder.path), self._end_asked)
        self._service = service
        self._rpc = RpcServer(service.answer, service.overloaded, tls=self._contexts.listening)
        port = self._rpc.start(parameters.host, listening_port(parameters, self._record))
        self._address = Address(advertised(parameters, self._nodes.known), port)
        cores, memory = machine_resources()
        node = NodeRegistration(
            identity.name,
            self._address,
            cores,
            memory,
            PROTOCOL_VERSION,
            f"quarterdeck {version('quarterdeck-ainode')}",
        )
        self._membership = Membership(
            self._nodes, identity, self._folder, node, lambda: service.last_heartbeat, self._stood, Random()
        )
        self._membership.start()

    @property
    def standing(self) -> Standing:
        """How the node stands to its cluster."""
        return self._membership.standing if self._membership else Standing(MemberState.JOINING)

    @property
    def told_to_end(self) -> bool:
        """Whether the cluster has told the node to end."""
        return self._told_to_end.is_set()

    def wait_change(self, seconds: float) -> None:
        """Sleeps until the standing changes or the cluster tells the node to end, at most so many seconds."""
        with self._changes:
            self._changes.wait(seconds)

    def wake(self) -> None:
        """Ends `wait_change`."""
        with self._changes:
            self._changes.notify_all()

    def state(self) -> ServerState:
        """How it is now; only after `start`."""
        assert self._rpc is not None and self._service is not None and self._engine is not None
        last = self._service.last_heartbeat
        return ServerState(
            self.standing,
            self._address,
            self._rpc.connections,
            self._rpc.refused_frames,
            None if last is None else monotonic() - last,
            self._engine.metrics(),
        )

    def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Refuses new requests, answers those under way, learns whether the node was removed, and ends everything."""
        with ExitStack() as last:
            last.callback(self._folder.close)
            if self._engine is not None:
                last.callback(self._engine.close)
            if self._service is not None:
                self._service.drain()
            if self._rpc is not None and not self._rpc.stop(seconds):
                _log.warning("requests were still under way after %g s; they end unanswered", seconds)
            if self._membership is not None:
                self._membership.close()
                if self.told_to_end:
                    self._after_removal(self._membership)

    def _after_removal(self, membership: Membership) -> None:
        if membership.forgotten(FORGET_SECONDS):
            _log.info("the node was removed from its cluster (REMOVE AINODE); the next start joins as a new one")
        else:
            _log.warning(
                "the node was told to end and the cluster still lists it; the next start comes back as node %d",
                membership.standing.node_id,
            )

    def _end_asked(self) -> None:
        if self.standing.node_id < 0:
            _log.warning(
                "told to end as a node that had this address before; this one is none of the cluster yet, and stays"
            )
            return
        self._told_to_end.set()
        self.wake()

    def _stood(self, standing: Standing) -> None:
        if standing.state is MemberState.SILENT:
            _log.warning("%s", standing.reason)
        elif standing.state in (MemberState.REMOVED, MemberState.REFUSED):
            _log.error("%s", standing.reason)
        self.wake()


def config_node_addresses(text: str) -> tuple[Address, ...]:
    """Reads addresses with commas between them; raises UsageError."""
    found = tuple(parse_address(each, CONFIG_NODE_PORT) for each in text.split(",") if each.strip())
    if not found:
        raise UsageError("no ConfigNode is named", "give --config-node HOST:PORT")
    return found


def listening_port(parameters: ServerParameters, record: NodeRecord | None) -> int:
    """The port to listen at: any free one is, if possible, the one that the node had before, of which the cluster need not be told."""
    if parameters.port or record is None:
        return parameters.port
    before = record.address.port
    with socket.socket(_family(parameters)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((parameters.host, before))
        except (OSError, UnicodeError):  # Where it is listened at, more is said of a host that nobody can listen at.
            return 0
    return before


def advertised(parameters: ServerParameters, config_nodes: tuple[Address, ...]) -> str:
    """The host that the cluster is told: what was given, else what is listened at, else the address that reaches the ConfigNode."""
    if parameters.advertise:
        return parameters.advertise
    if parameters.host not in _ANYWHERE:
        return parameters.host
    # Whoever listens at every IPv4 address listens at no IPv6 one, and the reverse.
    with socket.socket(_family(parameters), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((config_nodes[0].host, config_nodes[0].port))  # Sends nothing: the kernel picks a way.
            return probe.getsockname()[0]
        except OSError as error:
            raise UsageError(
                f"the address at which the cluster reaches this machine cannot be found: {error}",
                "give --advertise HOST",
            ) from error


def _family(parameters: ServerParameters) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in parameters.host else socket.AF_INET


def default_data_folder(config_node: Address, variables: Mapping[str, str]) -> Path:
    """One for each cluster: below the instance's home when one is selected, else in the user's data folder."""
    base = variables.get("XDG_DATA_HOME", "")
    share = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    home = variables.get("QUARTERDECK_HOME", "")
    above = Path(home).expanduser() / "ainode" if home else share / "quarterdeck-ainode"
    return above / re.sub(r"[^A-Za-z0-9.-]", "-", f"{config_node.host}-{config_node.port}")


def engine_settings(parameters: ServerParameters, folder: Path, time_unit: str) -> EngineSettings:
    """The engine's part of the parameters."""
    settings = EngineSettings(
        data_folder=folder,
        workers=parameters.workers,
        queue_limit=parameters.queue,
        time_limit=parameters.time_limit,
        trusted_folders=tuple(Path(each.strip()).expanduser() for each in parameters.trust.split(",") if each.strip()),
    )
    try:
        return replace(settings, time_unit=TimeUnit(time_unit))
    except ValueError:
        raise UnreachableError(
            f"the cluster counts time in {time_unit!r}, which this AINode does not know", "check timestamp_precision"
        ) from None


def node_folder_path(parameters: ServerParameters) -> Path:
    """The node's data folder."""
    if parameters.data:
        return Path(parameters.data).expanduser().absolute()
    return default_data_folder(config_node_addresses(parameters.config_node)[0], os.environ).absolute()


def open_folder(parameters: ServerParameters) -> NodeFolder:
    """The node's data folder, locked."""
    return NodeFolder(node_folder_path(parameters))
