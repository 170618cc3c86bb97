"""A statement is sent once, however often its job is begun; afterwards the cluster is looked at until it is so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.operations.sending import Look, Sent, SentState, send_once, wait_until
from quarterdeck_api.errors import (
    CallTimeoutError,
    JobCancelledError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
)


class Spec:
    def __init__(self, checkpoint: Any = None) -> None:
        self.checkpoint = checkpoint
        self.address = "plant/model/arima"


class Context:
    """A host's job without a host: what it commits is what the next attempt finds."""

    def __init__(self, checkpoint: Any = None) -> None:
        self.spec = Spec(checkpoint)
        self.kept: list[Any] = []
        self.lines: list[str] = []
        self.cancelled = False
        self.shown: list[tuple[float, str]] = []

    async def commit(self, value: Any) -> None:
        self.kept.append(value)

    async def call(self, function: Callable[[], Any], timeout: float) -> Any:
        return function()

    def log(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, fraction: float, message: str = "") -> None:
        self.shown.append((fraction, message))

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise JobCancelledError("cancelled")


class Client:
    def __init__(self, fault: Exception | None = None, context: Context | None = None) -> None:
        self.sent: list[str] = []
        self._fault = fault
        self._context = context

    def execute(self, statement: str) -> None:
        if self._context is not None:
            assert self._context.kept, "nothing leaves before it is committed that it may have left"
        self.sent.append(statement)
        if self._fault is not None:
            raise self._fault


def run(work: Awaitable[Any]) -> Any:
    async def all_of_it() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(all_of_it())


def send(context: Context, client: Client) -> Sent:
    return run(send_once(context, client, "LOAD", 1.0, {"devices": ["cpu"]}))  # type: ignore[arg-type]


def test_it_is_committed_before_it_leaves_and_its_answer_after() -> None:
    context = Context()
    client = Client(context=context)
    sent = send(context, client)
    assert client.sent == ["LOAD"]
    assert sent == Sent("LOAD", SentState.ACCEPTED, {"devices": ["cpu"]})
    assert [each["state"] for each in context.kept] == ["sending", "accepted"]


@pytest.mark.parametrize("state", ["sending", "accepted", "lost"])
def test_what_an_earlier_attempt_may_have_sent_is_not_sent_again(state: str) -> None:
    context, client = Context({"statement": "LOAD", "state": state, "before": {"devices": ["0"]}}), Client()
    assert send(context, client) == Sent("LOAD", SentState(state), {"devices": ["0"]})
    assert client.sent == []
    assert "not sent again" in context.lines[0]


@pytest.mark.parametrize("fault", [UnknownOutcomeError("gone"), CallTimeoutError("no answer")])
def test_an_answer_that_is_lost_is_kept_as_such(fault: Exception) -> None:
    context = Context()
    assert send(context, Client(fault)).state is SentState.LOST
    assert context.kept[-1]["state"] == "lost"


@pytest.mark.parametrize("fault", [IotdbError("1504 no such model", status=1504), UnreachableError("nobody listens")])
def test_what_certainly_did_not_happen_may_be_sent_by_the_next_attempt(fault: Exception) -> None:
    context = Context()
    with pytest.raises(type(fault)):
        send(context, Client(fault))
    assert context.kept[-1] is None


def test_a_job_that_is_cancelled_sends_nothing() -> None:
    context, client = Context(), Client()
    context.cancelled = True
    with pytest.raises(JobCancelledError):
        send(context, client)
    assert (client.sent, context.kept) == ([], [])


def wait(context: Context, *found: Look | Exception, seconds: float = 60.0, known: bool = True) -> Any:
    looks = iter(found)

    def look() -> Look:
        each = next(looks)
        if isinstance(each, Exception):
            raise each
        return each

    return run(wait_until(context, look, seconds, 1.0, "see the log", known))  # type: ignore[arg-type]


def test_it_is_looked_until_it_is_so_also_while_the_cluster_does_not_answer() -> None:
    context = Context()
    waited = wait(context, Look(False, "0 instances"), UnreachableError("nobody listens"), Look(True, "2 instances"))
    assert (waited.seen, waited.looks) == ("2 instances", 3)
    assert [line.split(": ", 1)[1] for line in context.lines] == [
        "0 instances",
        "the cluster cannot be asked: nobody listens",
        "2 instances",
    ]
    assert context.shown[-1] == (1.0, "2 instances")


def test_what_can_no_longer_become_so_fails_at_once_with_the_advice() -> None:
    with pytest.raises(QuarterdeckError, match="stays inactive") as caught:
        wait(Context(), Look(False, "inactive", "it stays inactive"))
    assert caught.value.remedy == "see the log"


def test_after_the_time_it_fails_with_what_was_seen_last() -> None:
    with pytest.raises(QuarterdeckError, match=r"after 0 s 0 instances") as caught:
        wait(Context(), Look(False, "0 instances"), seconds=0.0)
    assert caught.value.code == "failed"


def test_nobody_knows_whether_a_lost_statement_was_carried_out() -> None:
    with pytest.raises(UnknownOutcomeError, match="answer to the statement was lost") as caught:
        wait(Context(), Look(False, "0 instances"), seconds=0.0, known=False)
    assert "not sent again" in caught.value.remedy
