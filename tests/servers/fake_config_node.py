"""ConfigNodes that speak the real protocol from a few lines: each with one cluster's list of AINodes."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from iotdb.thrift.common.ttypes import TConfigNodeLocation, TEndPoint, TSStatus
from iotdb.thrift.confignode.IConfigNodeRPCService import Processor
from iotdb.thrift.confignode.ttypes import (
    TAINodeInfo,
    TAINodeRegisterResp,
    TAINodeRestartResp,
    TClusterParameters,
    TGetClusterIdResp,
    TNodeVersionInfo,
    TShowAINodesResp,
    TShowClusterResp,
    TShowVariablesResp,
)
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException

from quarterdeck_ainode.serving.config_node import NodeRegistration
from quarterdeck_ainode.serving.end_point import Address

#: Where the node of the tests says that it listens.
HERE = Address("127.0.0.1", 10810)


class FakeConfigNode:
    """A ConfigNode with one cluster's list of AINodes; `answers` are statuses that it gives first, in place of what it would."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.name = "plant"
        self.id = "id-of-plant"
        self.ainodes: dict[int, TAINodeInfo] = {}
        self.next_id = 2
        self.answers: list[TSStatus] = []
        self.lose_answers = 0
        self.calls: list[str] = []
        self.versions: list[TNodeVersionInfo] = []
        self.remove_works = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        transport = TSocket()
        try:
            transport.setHandle(self._tls.wrap_socket(connection, server_side=True) if self._tls else connection)
            protocol = TBinaryProtocol(TFramedTransport(transport))
            while True:
                Processor(self).process(protocol, protocol)
        except (TTransportException, OSError):
            return

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for connection in self._open:
            connection.close()

    def _status(self) -> TSStatus:
        return self.answers.pop(0) if self.answers else TSStatus(200)

    def _itself(self) -> list[TConfigNodeLocation]:
        point = TEndPoint(self.address.host, self.address.port)
        return [TConfigNodeLocation(0, point, point)]

    def showVariables(self) -> TShowVariablesResp:
        parameters = TClusterParameters(*([""] * 15))
        for entry in TClusterParameters.thrift_spec:
            if entry is not None and entry[1] != 11:
                setattr(parameters, entry[2], 0)
        parameters.clusterName, parameters.timestampPrecision = self.name, "us"
        return TShowVariablesResp(TSStatus(200), parameters)

    def getClusterId(self) -> TGetClusterIdResp:
        return TGetClusterIdResp(TSStatus(200), self.id)

    def showCluster(self) -> TShowClusterResp:
        versions = {0: TNodeVersionInfo("2.0.10", "x")}
        return TShowClusterResp(TSStatus(200), self._itself(), [], [], {}, versions)

    def showAINodes(self) -> TShowAINodesResp:
        return TShowAINodesResp(self._status(), list(self.ainodes.values()))

    def registerAINode(self, request: Any) -> TAINodeRegisterResp:
        self.calls.append("register")
        status = self._status()
        if status.code == 200 and self.ainodes:
            status = TSStatus(1501, "There is already one AINode in the cluster.")
        if status.code != 200:
            return TAINodeRegisterResp(status, self._itself())
        self.versions.append(request.versionInfo)
        self._enter(self.next_id, request.aiNodeConfiguration.location.internalEndPoint)
        self.next_id += 1
        if self.lose_answers:
            self.lose_answers -= 1
            raise OSError("the answer is lost")
        return TAINodeRegisterResp(status, self._itself(), self.next_id - 1)

    def restartAINode(self, request: Any) -> TAINodeRestartResp:
        location = request.aiNodeConfiguration.location
        self.calls.append(f"restart {location.aiNodeId} {request.clusterId}")
        if location.aiNodeId not in self.ainodes:
            return TAINodeRestartResp(TSStatus(1002, "no corresponding AINode"), self._itself())
        self._enter(location.aiNodeId, location.internalEndPoint)
        return TAINodeRestartResp(self._status(), self._itself())

    def removeAINode(self, request: Any) -> TSStatus:
        self.calls.append("remove")
        if self.remove_works:
            self.ainodes.pop(request.aiNodeLocation.aiNodeId)
        return TSStatus(200)

    def _enter(self, node_id: int, point: TEndPoint) -> None:
        self.ainodes[node_id] = TAINodeInfo(node_id, "Unknown", point.ip, point.port)


MakeConfigNode = Callable[..., FakeConfigNode]


@contextmanager
def config_nodes() -> Iterator[MakeConfigNode]:
    """Makes as many as are asked for, and ends them."""
    made: list[FakeConfigNode] = []

    def make(tls: ssl.SSLContext | None = None) -> FakeConfigNode:
        made.append(FakeConfigNode(tls))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.close()


def registration(address: Address = HERE) -> NodeRegistration:
    """What a node of the cluster says of itself."""
    return NodeRegistration("plant", address, 2, 2**30, "2.0.10", "quarterdeck")
