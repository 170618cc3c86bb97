"""The listening side of our AINode with an engine of a few lines, and whoever asks it over a real socket."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import numpy as np
from numpy.typing import NDArray
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving.engine import (
    AinodeStatus,
    EngineError,
    EngineMetrics,
    InferenceRequest,
    ServedModel,
)
from quarterdeck_ainode.serving.input_blocks import read_input_block
from quarterdeck_ainode.serving.load_sample import LoadSampler
from quarterdeck_ainode.serving.rpc_messages import METHODS, RpcStruct
from quarterdeck_ainode.serving.rpc_server import RpcServer, ServerLimits
from quarterdeck_ainode.serving.service import AinodeService
from quarterdeck_ainode.tsblock import encode_doubles

PATIENCE = 30.0


class SmallEngine:
    """Answers with the last value; `slow` waits until it is let go, `broken` raises what no engine should."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.running = 0
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    def devices(self) -> Mapping[str, str]:
        return {"cpu": "cpu"}

    def models(self) -> tuple[ServedModel, ...]:
        return tuple(ServedModel(name, "test", "builtin", "active") for name in ("broken", "last", "slow"))

    def loaded(self) -> Mapping[str, Mapping[str, int]]:
        return {"cpu": {"last": 2}}

    def load(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        self.asked.append(("load", (model_id, device_ids)))

    def unload(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        self.asked.append(("unload", (model_id, device_ids)))

    def register(self, model_id: str, uri: str) -> None:
        self.asked.append(("register", (model_id, uri)))

    def delete(self, model_id: str) -> None:
        raise EngineError(AinodeStatus.BUILT_IN_MODEL, f"{model_id} is built in")

    def infer(self, request: InferenceRequest) -> NDArray[np.float64]:
        if request.model_id == "slow":
            self.running += 1
            assert self.let_go.wait(PATIENCE)
        if request.model_id == "broken":
            raise ZeroDivisionError("secret")
        self.asked.append(("infer", (request.output_length, dict(request.options), request.series.values.tolist())))
        return np.full(request.output_length, request.series.values[-1])

    def metrics(self) -> EngineMetrics:
        return EngineMetrics(0, 0, 0, 0, 1, 0)

    def close(self) -> None:
        self.let_go.set()


class Asker:
    """One connection, as a node of IoTDB holds it."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)

    def send(self, name: str, request: RpcStruct | None = None) -> None:
        buffer = TMemoryBuffer()
        protocol = TBinaryProtocol(buffer)
        protocol.writeMessageBegin(name, TMessageType.CALL, 1)
        if request is not None:
            protocol.writeFieldBegin("req", TType.STRUCT, -1)
            request.write(protocol)
        protocol.writeFieldStop()
        data = buffer.getvalue()
        self.socket.sendall(len(data).to_bytes(4, "big") + data)

    def receive(self, name: str) -> RpcStruct:
        size = int.from_bytes(self._exactly(4), "big")
        protocol = TBinaryProtocol(TMemoryBuffer(self._exactly(size)))
        assert protocol.readMessageBegin()[:2] == (name, TMessageType.REPLY)
        protocol.readFieldBegin()
        return METHODS[name].answer.read(protocol)

    def ask(self, name: str, request: RpcStruct | None = None) -> RpcStruct:
        self.send(name, request)
        return self.receive(name)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the connection ended")
            data += more
        return data

    def ended(self) -> bool:
        """Whether the other side has ended the connection, without an answer."""
        try:
            return self.socket.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True


class ListeningAinode:
    """A listening AINode without a cluster."""

    def __init__(self, limits: ServerLimits | None, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.engine = SmallEngine()
        self.stops = threading.Event()
        self.service = AinodeService(self.engine, LoadSampler(folder), self.stops.set)
        self.server = RpcServer(self.service.answer, self.service.overloaded, limits, tls)
        self.port = self.server.start("127.0.0.1", 0)
        self._cleanup = ExitStack()

    def asker(self, context: ssl.SSLContext | None = None) -> Asker:
        asker = Asker(self.port, context)
        self._cleanup.callback(asker.socket.close)
        return asker

    def close(self) -> None:
        self.engine.close()
        self._cleanup.close()
        self.server.stop(PATIENCE)


MakeNode = Callable[..., ListeningAinode]


@contextmanager
def listening_ainodes(folder: Path) -> Iterator[MakeNode]:
    """Makes as many as are asked for, and ends them."""
    made: list[ListeningAinode] = []

    def make(limits: ServerLimits | None = None, tls: ssl.SSLContext | None = None) -> ListeningAinode:
        made.append(ListeningAinode(limits, folder, tls))
        return made[-1]

    try:
        yield make
    finally:
        for node in made:
            node.close()


def until(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def forecast(model: str, length: int = 3, **options: str) -> messages.ForecastRequestMessage:
    return messages.ForecastRequestMessage(
        model, encode_doubles(np.array([1.0, 2.5])), length, options=dict(options) or None
    )


def values(answer: RpcStruct) -> list[float]:
    assert isinstance(answer, messages.BlocksAnswer)
    assert answer.status.code == AinodeStatus.SUCCESS
    assert answer.blocks is not None
    [block] = answer.blocks
    return read_input_block(block).columns[0].tolist()


def told(answer: RpcStruct) -> tuple[int, str]:
    status = answer if isinstance(answer, messages.Status) else answer.status  # type: ignore[attr-defined]
    return status.code, status.message or ""
