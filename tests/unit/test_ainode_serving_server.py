"""The listening side of our AINode over real sockets: bounds, overload, an end in good order; with an engine of a few lines."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from listening_ainode import PATIENCE, Asker, MakeNode, forecast, listening_ainodes, told, until, values
from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving import rpc_server
from quarterdeck_ainode.serving.complaints import Complaints
from quarterdeck_ainode.serving.engine import AinodeStatus
from quarterdeck_ainode.serving.rpc_server import RpcServer, ServerLimits
from quarterdeck_ainode.tsblock import encode_doubles
from quarterdeck_api.errors import UsageError


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    with listening_ainodes(tmp_path) as make:
        yield make


def test_heartbeats_are_answered_while_every_slow_thread_computes(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(slow_calls=3))
    slow = [node.asker() for _ in range(3)]
    for asker in slow:
        asker.send("forecast", forecast("slow", 1))
    until(lambda: node.engine.running == 3)
    other = node.asker()
    assert told(other.ask("forecast", forecast("last")))[0] == AinodeStatus.OVERLOADED
    beat = other.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert beat.status == "Running"
    node.engine.let_go.set()
    assert [values(asker.receive("forecast")) for asker in slow] == [[2.5]] * 3
    assert values(other.ask("forecast", forecast("last", 1))) == [2.5]


def test_an_announced_giant_ends_its_connection_only(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(frame_bytes=1000))
    for size in (1001, 2**31 - 1, -1, 0):
        hostile = node.asker()
        hostile.socket.sendall((size & 0xFFFFFFFF).to_bytes(4, "big"))
        assert hostile.ended()
    assert node.server.refused_frames == 4
    assert values(node.asker().ask("forecast", forecast("last", 1))) == [2.5]


def test_another_protocol_ends_its_connection_only(make_node: MakeNode) -> None:
    node = make_node()
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\0\0\5hello", b"\0\0\0\1\0"):
        hostile = node.asker()
        hostile.socket.sendall(data)
        if data.startswith(b"GET"):
            hostile.socket.shutdown(socket.SHUT_WR)
        assert hostile.ended()
    assert values(node.asker().ask("forecast", forecast("last", 1))) == [2.5]


def test_a_message_that_stops_in_the_middle_ends_its_connection(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(frame_seconds=0.2))
    silent = node.asker()
    assert values(silent.ask("forecast", forecast("last", 1))) == [2.5]
    half = node.asker()
    half.socket.sendall((100).to_bytes(4, "big") + b"\x80\x01")
    assert half.ended()
    assert values(silent.ask("forecast", forecast("last", 1))) == [2.5], "silence between messages is no fault"


def test_half_a_message_keeps_nobody_out(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(connections=2))
    halves = [node.asker(), node.asker()]
    for half in halves:
        half.socket.sendall((100).to_bytes(4, "big") + b"\x80\x01")
    until(lambda: node.server.connections == 2)
    assert values(node.asker().ask("forecast", forecast("last", 1))) == [2.5]
    assert halves[0].ended()


def test_half_a_message_does_not_hold_up_the_end(make_node: MakeNode) -> None:
    node = make_node()
    half = node.asker()
    half.socket.sendall((100).to_bytes(4, "big") + b"\x80\x01")
    until(lambda: node.server.connections == 1)
    assert node.server.stop(PATIENCE) is True
    assert half.ended()


def test_an_answer_that_is_not_read_yet_holds_up_the_end(make_node: MakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of it fits into the kernel's buffers; what is left is little, too, and must not be thrown away."""
    monkeypatch.setattr(
        rpc_server, "_keep_alive", lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    )
    node = make_node()
    slow = node.asker()
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    count = 5500
    slow.send("forecast", forecast("last", count))
    until(lambda: len(node.engine.asked) == 1)
    found: list[bool] = []
    stopping = threading.Thread(target=lambda: found.append(node.server.stop(PATIENCE)))
    stopping.start()
    stopping.join(0.3)  # It would have ended by then, and the rest of the answer with it.
    assert values(slow.receive("forecast")) == [2.5] * count
    stopping.join(PATIENCE)
    assert found == [True]


def test_the_longest_idle_connection_makes_room(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(connections=3))
    first, second, third = (node.asker() for _ in range(3))
    for asker in (first, second, third):
        assert values(asker.ask("forecast", forecast("last", 1))) == [2.5]
    assert values(first.ask("forecast", forecast("last", 1))) == [2.5]
    fourth = node.asker()
    assert values(fourth.ask("forecast", forecast("last", 1))) == [2.5]
    assert second.ended()
    assert values(first.ask("forecast", forecast("last", 1))) == [2.5]
    assert node.server.connections == 3


def test_busy_connections_are_not_ended_for_new_ones(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(connections=2))
    busy = [node.asker(), node.asker()]
    for asker in busy:
        asker.send("forecast", forecast("slow", 1))
    until(lambda: node.engine.running == 2)
    assert node.asker().ended()
    node.engine.let_go.set()
    assert [values(asker.receive("forecast")) for asker in busy] == [[2.5], [2.5]]


def test_requests_wait_while_too_many_bytes_are_held(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(bytes_in_flight=200_000))
    dataset = encode_doubles(np.full(10_000, 2.5))
    first, second, third = (node.asker() for _ in range(3))
    first.send("forecast", messages.ForecastRequestMessage("slow", dataset, 1))
    until(lambda: node.engine.running == 1)
    second.send("forecast", messages.ForecastRequestMessage("last", dataset, 2))
    for _ in range(20):
        beat = third.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
        assert isinstance(beat, messages.HeartbeatAnswer)
    assert node.engine.asked == []
    node.engine.let_go.set()
    assert values(first.receive("forecast")) == [2.5]
    assert values(second.receive("forecast")) == [2.5] * 2


def test_what_is_only_announced_takes_no_room_from_others(make_node: MakeNode) -> None:
    node = make_node(ServerLimits(bytes_in_flight=200_000))
    for _ in range(5):
        node.asker().socket.sendall((190_000).to_bytes(4, "big") + b"\x80\x01\0\1" + bytes(1000))
    until(lambda: node.server.connections == 5)
    dataset = encode_doubles(np.full(10_000, 2.5))
    asked = messages.ForecastRequestMessage("last", dataset, 2)
    assert values(node.asker().ask("forecast", asked)) == [2.5] * 2


def test_a_hundred_connections_at_once_are_all_answered(make_node: MakeNode) -> None:
    node = make_node()
    askers = [node.asker() for _ in range(100)]
    for asker in askers:
        asker.send("forecast", forecast("last", 2))
    answers = [asker.receive("forecast") for asker in askers]
    codes = [answer.status.code for answer in answers if isinstance(answer, messages.BlocksAnswer)]
    assert set(codes) <= {AinodeStatus.SUCCESS, AinodeStatus.OVERLOADED}
    assert codes.count(AinodeStatus.SUCCESS) >= 64


def test_what_is_under_way_is_answered_before_the_end(make_node: MakeNode) -> None:
    node = make_node()
    busy, idle = node.asker(), node.asker()
    idle.ask("showModels", messages.ModelsRequest())
    busy.send("forecast", forecast("slow", 1))
    until(lambda: node.engine.running == 1)
    node.service.drain()
    beat = idle.ask("getAIHeartbeat", messages.HeartbeatRequest(1, False))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert beat.status == "ReadOnly"
    assert "is ending" in told(idle.ask("forecast", forecast("last")))[1]
    found: list[bool] = []
    stopping = threading.Thread(target=lambda: found.append(node.server.stop(PATIENCE)))
    stopping.start()
    with pytest.raises(OSError):
        while True:  # Whoever still connects in the moment before the listening side ends is turned away.
            Asker(node.port).socket.close()
    node.engine.let_go.set()
    assert values(busy.receive("forecast")) == [2.5]
    stopping.join(PATIENCE)
    assert found == [True]
    assert idle.ended()


def test_what_does_not_end_in_time_is_left_unanswered(make_node: MakeNode) -> None:
    node = make_node()
    busy = node.asker()
    busy.send("forecast", forecast("slow", 1))
    until(lambda: node.engine.running == 1)
    assert node.server.stop(0.1) is False
    assert busy.ended()


def test_a_port_that_is_taken_is_told(make_node: MakeNode) -> None:
    node = make_node()
    other = RpcServer(node.service.answer, node.service.overloaded)
    with pytest.raises(UsageError, match=f"cannot listen at 127.0.0.1:{node.port}"):
        other.start("127.0.0.1", node.port)


@pytest.mark.parametrize("host", ["..", "x" * 70, "nowhere.invalid"])
def test_a_host_that_is_none_is_told_and_nothing_is_left_open(make_node: MakeNode, host: str) -> None:
    service = make_node().service
    server = RpcServer(service.answer, service.overloaded)
    with pytest.raises(UsageError, match="cannot listen at") as caught:
        server.start(host, 0)
    assert "--host" in caught.value.remedy
    assert server.stop(1.0) is True


def test_a_heartbeat_is_answered_though_the_data_folder_is_gone(make_node: MakeNode, tmp_path: Path) -> None:
    asker = make_node().asker()
    tmp_path.rmdir()
    beat = asker.ask("getAIHeartbeat", messages.HeartbeatRequest(1, True))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert (beat.status, beat.load is None) == ("Running", False)


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
