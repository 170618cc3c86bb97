"""The listening side of our AINode over real sockets: bounds, overload, an end in good order, TLS; with an engine of a few lines."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from numpy.typing import NDArray
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from made_certificates import make_authority, make_certificate
from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving.complaints import Complaints
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
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.service import AinodeService
from quarterdeck_ainode.serving.tls import tls_contexts
from quarterdeck_ainode.tsblock import encode_doubles
from quarterdeck_api.errors import UsageError

_PATIENCE = 30.0


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
            assert self.let_go.wait(_PATIENCE)
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
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
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


class Node:
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
        self.server.stop(_PATIENCE)


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    made: list[Node] = []

    def make(limits: ServerLimits | None = None, tls: ssl.SSLContext | None = None) -> Node:
        made.append(Node(limits, tmp_path, tls))
        return made[-1]

    yield make
    for node in made:
        node.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def _forecast(model: str, length: int = 3, **options: str) -> messages.ForecastRequestMessage:
    return messages.ForecastRequestMessage(
        model, encode_doubles(np.array([1.0, 2.5])), length, options=dict(options) or None
    )


def _values(answer: RpcStruct) -> list[float]:
    assert isinstance(answer, messages.BlocksAnswer)
    assert answer.status.code == AinodeStatus.SUCCESS
    assert answer.blocks is not None
    [block] = answer.blocks
    return read_input_block(block).columns[0].tolist()


def _told(answer: RpcStruct) -> tuple[int, str]:
    status = answer if isinstance(answer, messages.Status) else answer.status  # type: ignore[attr-defined]
    return status.code, status.message or ""


def test_every_method_answers(make_node: MakeNode) -> None:
    node = make_node()
    asker = node.asker()
    beat = asker.ask("getAIHeartbeat", messages.HeartbeatRequest(42, True))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert (beat.timestamp, beat.status, beat.reason) == (42, "Running", None)
    assert beat.load is not None
    assert 0 <= beat.load.memory_usage_rate <= 100
    assert beat.load.free_disk_space > 0
    quiet = asker.ask("getAIHeartbeat", messages.HeartbeatRequest(43, False))
    assert isinstance(quiet, messages.HeartbeatAnswer)
    assert quiet.load is None
    models = asker.ask("showModels", messages.ModelsRequest())
    assert isinstance(models, messages.ModelsAnswer)
    assert models.model_ids == ["broken", "last", "slow"]
    assert models.states == dict.fromkeys(models.model_ids, "active")
    one = asker.ask("showModels", messages.ModelsRequest("last"))
    assert isinstance(one, messages.ModelsAnswer)
    assert one.model_ids == ["last"]
    assert asker.ask("showAIDevices") == messages.DevicesAnswer(messages.Status(200), {"cpu": "cpu"})
    every = asker.ask("showLoadedModels", messages.LoadedModelsRequest([]))
    assert every == messages.LoadedModelsAnswer(messages.Status(200), {"cpu": {"last": 2}})
    assert _told(asker.ask("showLoadedModels", messages.LoadedModelsRequest(["9"])))[0] == AinodeStatus.DEVICE_NOT_FOUND
    assert _told(asker.ask("loadModel", messages.LoadModelRequest("last", ["cpu"])))[0] == 200
    assert _told(asker.ask("unloadModel", messages.UnloadModelRequest("last", ["cpu"])))[0] == 200
    twice = _told(asker.ask("loadModel", messages.LoadModelRequest("last", ["cpu", "cpu"])))
    assert twice[0] == AinodeStatus.LOAD_MODEL_FAILED
    assert "twice" in twice[1]
    assert _told(asker.ask("registerModel", messages.RegisterModelRequest("mine", "file:///a/b")))[0] == 200
    assert _told(asker.ask("deleteModel", messages.DeleteModelRequest("last"))) == (1506, "last is built in")
    assert node.engine.asked == [
        ("load", ("last", ("cpu",))),
        ("unload", ("last", ("cpu",))),
        ("register", ("mine", "file:///a/b")),
    ]
    assert "does not fine-tune" in _told(asker.ask("createTuningTask", messages.TuningRequest("tree", "a", "b")))[1]
    assert _values(asker.ask("forecast", _forecast("last", 4))) == [2.5] * 4
    dataset = encode_doubles(np.array([7.0]))
    assert _values(asker.ask("inference", messages.InferenceRequestMessage("last", dataset))) == [7.0] * 96
    attributes = {"outputLength": "2", "sp": "12"}
    assert _values(asker.ask("inference", messages.InferenceRequestMessage("last", dataset, attributes))) == [7.0] * 2
    assert node.engine.asked[-1] == ("infer", (2, {"sp": "12"}, [7.0]))
    assert not node.stops.is_set()
    assert _told(asker.ask("stopAINode"))[0] == 200
    assert node.stops.is_set()


@pytest.mark.parametrize(
    ("request_", "code", "sentence"),
    [
        (messages.InferenceRequestMessage("last", b"junk"), 1512, "the input cannot be read"),
        (
            messages.InferenceRequestMessage("last", encode_doubles(np.ones(2)), {"outputLength": "many"}),
            1512,
            "'many' is no number",
        ),
        (
            messages.InferenceRequestMessage("last", encode_doubles(np.ones(2)), {"outputLength": "9" * 5000}),
            1512,
            "is no number",
        ),
        (messages.InferenceRequestMessage("broken", encode_doubles(np.ones(2))), 1599, "ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_told(
    make_node: MakeNode, request_: messages.InferenceRequestMessage, code: int, sentence: str
) -> None:
    asker = make_node().asker()
    told = _told(asker.ask("inference", request_))
    assert told[0] == code
    assert sentence in told[1]
    assert "secret" not in told[1]
    assert _values(asker.ask("forecast", _forecast("last", 1))) == [2.5], "the connection goes on"


def test_covariates_are_refused(make_node: MakeNode) -> None:
    asked = messages.ForecastRequestMessage("last", encode_doubles(np.ones(2)), 1, history_covariates="SELECT 1")
    assert "covariates" in _told(make_node().asker().ask("forecast", asked))[1]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/a/b",
        "http://example/a",
        "file:a/b",
        "file://other/a",
        "file:///a?b",
        "file:///a#b",
        "file:///a\0b",
        "file:///a\nb",
        "file://[/a",
        "repo://a/b",
        "file:///" + "a" * 5000,
    ],
)
def test_a_uri_that_is_no_file_of_this_machine_never_reaches_the_engine(make_node: MakeNode, uri: str) -> None:
    node = make_node()
    code, sentence = _told(node.asker().ask("registerModel", messages.RegisterModelRequest("mine", uri)))
    assert code == AinodeStatus.CREATE_MODEL_FAILED
    assert "cannot be used" in sentence
    assert node.engine.asked == []


def test_heartbeats_are_answered_while_every_slow_thread_computes(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(slow_calls=3))
    slow = [node.asker() for _ in range(3)]
    for asker in slow:
        asker.send("forecast", _forecast("slow", 1))
    _until(lambda: node.engine.running == 3)
    other = node.asker()
    assert _told(other.ask("forecast", _forecast("last")))[0] == AinodeStatus.OVERLOADED
    beat = other.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert beat.status == "Running"
    node.engine.let_go.set()
    assert [_values(asker.receive("forecast")) for asker in slow] == [[2.5]] * 3
    assert _values(other.ask("forecast", _forecast("last", 1))) == [2.5]


def test_an_announced_giant_ends_its_connection_only(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(frame_bytes=1000))
    for size in (1001, 2**31 - 1, -1, 0):
        hostile = node.asker()
        hostile.socket.sendall((size & 0xFFFFFFFF).to_bytes(4, "big"))
        assert hostile.ended()
    assert node.server.refused_frames == 4
    assert _values(node.asker().ask("forecast", _forecast("last", 1))) == [2.5]


def test_another_protocol_ends_its_connection_only(make_node: MakeNode) -> None:
    node = make_node()
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\0\0\5hello", b"\0\0\0\1\0"):
        hostile = node.asker()
        hostile.socket.sendall(data)
        if data.startswith(b"GET"):
            hostile.socket.shutdown(socket.SHUT_WR)
        assert hostile.ended()
    assert _values(node.asker().ask("forecast", _forecast("last", 1))) == [2.5]


def test_a_message_that_stops_in_the_middle_ends_its_connection(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(frame_seconds=0.2))
    silent = node.asker()
    assert _values(silent.ask("forecast", _forecast("last", 1))) == [2.5]
    half = node.asker()
    half.socket.sendall((100).to_bytes(4, "big") + b"\x80\x01")
    assert half.ended()
    assert _values(silent.ask("forecast", _forecast("last", 1))) == [2.5], "silence between messages is no fault"


def test_the_longest_idle_connection_makes_room(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(connections=3))
    first, second, third = (node.asker() for _ in range(3))
    for asker in (first, second, third):
        assert _values(asker.ask("forecast", _forecast("last", 1))) == [2.5]
    assert _values(first.ask("forecast", _forecast("last", 1))) == [2.5]
    fourth = node.asker()
    assert _values(fourth.ask("forecast", _forecast("last", 1))) == [2.5]
    assert second.ended()
    assert _values(first.ask("forecast", _forecast("last", 1))) == [2.5]
    assert node.server.connections == 3


def test_busy_connections_are_not_ended_for_new_ones(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(connections=2))
    busy = [node.asker(), node.asker()]
    for asker in busy:
        asker.send("forecast", _forecast("slow", 1))
    _until(lambda: node.engine.running == 2)
    assert node.asker().ended()
    node.engine.let_go.set()
    assert [_values(asker.receive("forecast")) for asker in busy] == [[2.5], [2.5]]


def test_requests_wait_while_too_many_bytes_are_held(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(bytes_in_flight=200_000))
    dataset = encode_doubles(np.full(10_000, 2.5))
    first, second, third = (node.asker() for _ in range(3))
    first.send("forecast", messages.ForecastRequestMessage("slow", dataset, 1))
    _until(lambda: node.engine.running == 1)
    second.send("forecast", messages.ForecastRequestMessage("last", dataset, 2))
    for _ in range(20):
        beat = third.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
        assert isinstance(beat, messages.HeartbeatAnswer)
    assert node.engine.asked == []
    node.engine.let_go.set()
    assert _values(first.receive("forecast")) == [2.5]
    assert _values(second.receive("forecast")) == [2.5] * 2


def test_a_hundred_connections_at_once_are_all_answered(make_node: MakeNode) -> None:
    node = make_node()
    askers = [node.asker() for _ in range(100)]
    for asker in askers:
        asker.send("forecast", _forecast("last", 2))
    answers = [asker.receive("forecast") for asker in askers]
    codes = [answer.status.code for answer in answers if isinstance(answer, messages.BlocksAnswer)]
    assert set(codes) <= {AinodeStatus.SUCCESS, AinodeStatus.OVERLOADED}
    assert codes.count(AinodeStatus.SUCCESS) >= 64


def test_what_is_under_way_is_answered_before_the_end(make_node: MakeNode) -> None:
    node = make_node()
    busy, idle = node.asker(), node.asker()
    idle.ask("showModels", messages.ModelsRequest())
    busy.send("forecast", _forecast("slow", 1))
    _until(lambda: node.engine.running == 1)
    node.service.drain()
    beat = idle.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert beat.status == "ReadOnly"
    assert "is ending" in _told(idle.ask("forecast", _forecast("last")))[1]
    found: list[bool] = []
    stopping = threading.Thread(target=lambda: found.append(node.server.stop(_PATIENCE)))
    stopping.start()
    with pytest.raises(OSError):
        while True:  # Whoever still connects in the moment before the listening side ends is turned away.
            Asker(node.port).socket.close()
    node.engine.let_go.set()
    assert _values(busy.receive("forecast")) == [2.5]
    stopping.join(_PATIENCE)
    assert found == [True]
    assert idle.ended()


def test_what_does_not_end_in_time_is_left_unanswered(make_node: MakeNode) -> None:
    node = make_node()
    busy = node.asker()
    busy.send("forecast", _forecast("slow", 1))
    _until(lambda: node.engine.running == 1)
    assert node.server.stop(0.1) is False
    assert busy.ended()


def test_a_port_that_is_taken_is_told(make_node: MakeNode) -> None:
    node = make_node()
    other = RpcServer(node.service.answer, node.service.overloaded)
    with pytest.raises(UsageError, match=f"cannot listen at 127.0.0.1:{node.port}"):
        other.start("127.0.0.1", node.port)


def test_tls_lets_in_whoever_has_a_certificate_of_the_authority(make_node: MakeNode, tmp_path: Path) -> None:
    for authority in ("plant", "stranger"):
        make_authority(tmp_path, authority)
    make_certificate(tmp_path, "node", "plant")
    make_certificate(tmp_path, "foreign", "stranger")

    def contexts(name: str, authority: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        found = tls_contexts(
            ServerParameters(
                certificate=str(tmp_path / f"{name}.pem"),
                key=str(tmp_path / f"{name}.key"),
                authority=str(tmp_path / f"{authority}.pem"),
            )
        )
        assert found.listening is not None
        assert found.connecting is not None
        return found.listening, found.connecting

    listening, connecting = contexts("node", "plant")
    node = make_node(tls=listening)
    assert _values(node.asker(connecting).ask("forecast", _forecast("last", 1))) == [2.5]
    plain = node.asker()
    plain.send("showModels", messages.ModelsRequest())
    assert plain.ended()
    with pytest.raises((ssl.SSLError, ConnectionError)):  # TLS 1.3 says so with the first answer.
        node.asker(contexts("foreign", "plant")[1]).ask("showModels", messages.ModelsRequest())
    with pytest.raises(ssl.SSLCertVerificationError):
        node.asker(contexts("foreign", "stranger")[1])
    assert _values(node.asker(connecting).ask("forecast", _forecast("last", 1))) == [2.5]


def test_tls_needs_files_that_go_together(tmp_path: Path) -> None:
    make_authority(tmp_path, "plant")
    make_authority(tmp_path, "other")
    certificate, key, other = (str(tmp_path / name) for name in ("plant.pem", "plant.key", "other.key"))
    assert tls_contexts(ServerParameters()).listening is None
    with pytest.raises(UsageError, match="needs a certificate and the authority"):
        tls_contexts(ServerParameters(certificate=certificate, key=key))
    with pytest.raises(UsageError, match="is no file"):
        tls_contexts(ServerParameters(certificate=certificate, key=key, authority=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="do not go together"):
        tls_contexts(ServerParameters(certificate=certificate, key=other, authority=certificate))


def test_complaints_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    complaints = Complaints(logging.getLogger("complaints"), lambda: now[0])
    for _ in range(1000):
        complaints.tell("rubbish came")
    assert [record.getMessage() for record in caplog.records] == ["rubbish came"]
    now[0] += 6.0
    complaints.tell("rubbish came again")
    assert caplog.records[-1].getMessage().startswith("rubbish came again (999 more such things")
    now[0] += 6.0
    complaints.tell("and again")
    assert caplog.records[-1].getMessage() == "and again"
