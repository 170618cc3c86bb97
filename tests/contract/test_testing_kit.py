"""The testing kit itself: a fake runtime with a real host, acting on a backend, and faults between host and backend."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from quarterdeck_api.backend import Interest
from quarterdeck_api.errors import (
    CallTimeoutError,
    NotFoundError,
    QuarterdeckError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
    UsageError,
)
from quarterdeck_api.testing import FakeRuntime, Hangs, HostedBackend, Raises, Slow, contract
from quarterdeck_api.testing.faults import with_faults

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture(scope="module")
def runtime() -> Iterator[FakeRuntime]:
    with FakeRuntime("quarterdeck_editable.plugin", paths=[PLUGINS / "editable"], call_timeout=0.5) as found:
        yield found


@pytest.fixture(scope="module")
def shelf(runtime: FakeRuntime) -> HostedBackend:
    return runtime.open("shelf", "editable.shelf", {"notes": 3})


def test_a_test_acts_on_a_backend_and_sees_what_comes_of_it(shelf: HostedBackend) -> None:
    assert sorted(shelf.resources) == ["shelf/note/a", "shelf/note/b", "shelf/note/c"]
    assert shelf.do("note.say", "shelf/note/a").message == "written"
    assert shelf.log("shelf/note/a", "stdout").lines == ("0 hello",), "parameters get the defaults of their schema"
    assert shelf.live("shelf/note/b", states=2).documents
    change = shelf.put_text("shelf/note/b", "new\n", "1")
    assert change.version == "2" and shelf.get_text("shelf/note/b").text == "new\n"
    shelf.until(lambda: shelf.resources["shelf/note/b"].cells[1] == "2")
    assert [each.value for each in shelf.complete("note.copy", "shelf/note/a", "to", "shelf/note/b")] == [
        "shelf/note/b"
    ]
    assert shelf.metrics("shelf/note/b")[0].name == "versions"
    shelf.until(lambda: any(each.name == "size" for each in shelf.samples))
    assert shelf.probe().version == "1.0" and shelf.describe("shelf/note/b").title == "Note"
    shelf.set_interest(Interest.FOREGROUND)
    shelf.until(lambda: shelf.resources["shelf/note/a"].state == "foreground")
    with pytest.raises(RefusedError):
        shelf.put_text("shelf/note/b", "late\n", "1")
    with pytest.raises(UsageError, match="password"):
        shelf.do("note.unlock", "shelf/note/a")
    with pytest.raises(NotFoundError):
        shelf.do("note.fold", "shelf/note/a")


def test_a_slow_call_is_given_up_and_counted_and_others_go_on(runtime: FakeRuntime) -> None:
    slow = runtime.open("slow", "editable.shelf", faults={"describe": Slow(3.0)})
    with pytest.raises(CallTimeoutError, match="did not describe"):
        slow.describe("slow/note/a")
    assert slow.get_text("slow/note/a").version == "1"
    runtime.until(lambda: runtime.heartbeat().stuck_calls == 0, 30, "the slow call does not end")
    slow.close()


def test_an_action_that_does_not_answer_is_an_unknown_outcome(runtime: FakeRuntime) -> None:
    deaf = runtime.open("deaf", "editable.shelf", faults={"perform": Slow(4.0), "put_text": Slow(4.0)})
    with pytest.raises(UnknownOutcomeError):
        deaf.do("note.say", "deaf/note/a")
    with pytest.raises(UnknownOutcomeError):
        deaf.put_text("deaf/note/a", "x", "1")
    deaf.close()


def test_what_a_call_raises_is_a_sentence_and_three_failures_open_the_breaker(runtime: FakeRuntime) -> None:
    broken = runtime.open("broken", "editable.shelf", faults={"describe": Raises(), "probe": Raises("crash", "oh no")})
    with pytest.raises(QuarterdeckError, match="failed inside its plugin: RuntimeError: oh no"):
        broken.probe()
    for _ in range(3):
        with pytest.raises(UnreachableError, match="a fault that a test has put here"):
            broken.describe("broken/note/a")
    with pytest.raises(UnreachableError, match="is not asked any more"):
        broken.get_text("broken/note/a")
    broken.until(lambda: broken.report is not None and broken.report.state == "failed")
    broken.close()


def test_a_backend_that_cannot_be_opened_or_watched_says_why(runtime: FakeRuntime) -> None:
    with pytest.raises(UnreachableError, match="no route"):
        runtime.open("absent", "editable.shelf", faults={"open": Raises("unreachable", "no route")})
    with pytest.raises(UnreachableError, match="bad field"):
        runtime.open("wrong", "editable.shelf", faults={"open": Raises("usage", "bad field")})
    with pytest.raises(UnreachableError, match="no watch today"):
        runtime.open("blind", "editable.shelf", faults={"watch": Raises("unreachable", "no watch today")})
    with pytest.raises(NotFoundError, match="no backend type 'editable"):
        runtime.open("typo", "editable.shef")
    for name in ("absent", "wrong", "blind"):
        runtime.open(name + "2", "editable.shelf").close()


def test_a_fault_of_what_a_backend_lacks_is_a_mistake_of_the_test() -> None:
    class Least:
        def watch(self, context: object) -> None: ...

        def close(self) -> None: ...

    with pytest.raises(UsageError, match="Least has no describe"):
        with_faults(Least(), {"describe": Hangs()})
    faulty = with_faults(Least(), {"close": Raises("crash")})
    assert not hasattr(faulty, "describe") and type(faulty).__name__ == "FaultyLeast"


def test_the_contract_finds_a_backend_that_hangs(runtime: FakeRuntime) -> None:
    hanging = runtime.open("hanging", "editable.shelf", faults={"complete": Slow(2.0), "describe_live": Raises()})
    with pytest.raises(CallTimeoutError):
        hanging.check(contract.check_completion)
    with pytest.raises(AssertionError, match="the live document of hanging/note/a fails"):
        hanging.check(contract.check_live_documents)
    hanging.close()


def test_a_module_that_does_not_declare_says_why() -> None:
    with pytest.raises(UsageError, match="does not declare"):
        FakeRuntime("quarterdeck_nowhere.plugin")


def test_nothing_is_left_when_a_host_does_not_end_by_itself() -> None:
    with FakeRuntime("quarterdeck_editable.plugin", paths=[PLUGINS / "editable"]) as runtime:
        runtime.open("stubborn", "editable.shelf", faults={"close": Hangs(), "watch": Hangs()}, wait=False)
        host = psutil.Process(runtime.pid)
        family = [host, *host.children(recursive=True)]
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    with pytest.raises(UsageError, match="was closed"):
        runtime.open("late", "editable.shelf")
