"""Logs, live documents, metrics and interest, from a plugin's backend through host and runtime to a client."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.live_documents import (
    DOCUMENT_CLOSE,
    DOCUMENT_OPEN,
    DOCUMENT_SHOWN,
    DocumentNumber,
    DocumentOpen,
    DocumentShown,
)
from quarterdeck_api.logs import LOG_SOURCES, LogSourcesParams
from quarterdeck_api.metrics import (
    METRICS,
    METRICS_CHANGED,
    METRICS_CLOSE,
    METRICS_OPEN,
    MetricSeries,
    MetricsNumber,
    MetricsParams,
    MetricsWatch,
)
from quarterdeck_api.protocol import (
    BACKEND_RETRY,
    LOGS_CLOSE,
    LOGS_LINES,
    LOGS_OPEN,
    WATCH_CLOSE,
    WATCH_OPEN,
    AddressParams,
    LogLines,
    LogsParams,
    StreamNumber,
    WatchNumber,
    WatchParams,
)

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance("", ("editable",))


@pytest.fixture
def client(instance: Any) -> Iterator[Any]:
    connection = instance.client()
    connection.get("note")
    yield connection
    connection.close()


def received(client: Any, method: str, wanted: Callable[[Any], bool]) -> Any:
    """The first notification of a method that is wanted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = client.next_notification(1.0)
        if found is not None and found.method == method and wanted(found.params):
            return found.params
    raise AssertionError(f"no such {method} came")


def log(client: Any, address: str, source: str = "", tail: int = 0) -> tuple[list[str], LogLines]:
    """All lines of a log that is read to its end, and its last message."""
    client.call(LOGS_OPEN, LogsParams(1, address, False, tail, source))
    lines: list[str] = []
    while True:
        found = received(client, LOGS_LINES.name, lambda params: params.stream == 1)
        assert not found.skipped, "a log that is read to its end is complete"
        lines += found.lines
        if found.ended:
            return lines, found


def running_streams(client: Any) -> float | None:
    """How many logs and live documents the backend serves now, as it says itself."""
    result = client.call(METRICS, MetricsParams("editable/note/a", ("streams",)))
    return result.series[0].values[-1] if result.series and result.series[0].values else None


def test_logs_have_sources_and_are_read_to_their_end(client: Any) -> None:
    names = [each.name for each in client.call(LOG_SOURCES, LogSourcesParams("editable/note/b")).sources]
    assert names == ["stdout", "flood", "broken"]
    assert client.call(LOG_SOURCES, LogSourcesParams("core/runtime/runtime")).sources[0].name == "log"
    assert client.call(LOG_SOURCES, LogSourcesParams("core/plugin/editable")).sources == ()
    client.do_one("note.say", "editable/note/b", parameters={"lines": 3, "text": "naïve \x1b[31m"})
    lines, last = log(client, "editable/note/b")
    assert lines == [f"{number} naïve \x1b[31m" for number in range(3)]
    assert last.error is None
    assert log(client, "editable/note/b", "stdout", tail=1)[0] == ["2 naïve \x1b[31m"]


def test_a_million_lines_arrive_complete_and_in_order(client: Any) -> None:
    lines, last = log(client, "editable/note/b", "flood")
    assert last.error is None and len(lines) == 1_000_000
    assert [line[:9] for line in lines[::99_999]] == [f"{number:09d}" for number in range(0, 1_000_000, 99_999)]


def test_a_log_that_breaks_off_says_why_after_its_last_line(client: Any) -> None:
    lines, last = log(client, "editable/note/b", "broken")
    assert lines == ["the last line before the fault"]
    assert last.error is not None and "the log's server is gone" in last.error.message
    lines, last = log(client, "editable/note/b", "nothing")
    assert lines == [] and last.error is not None and last.error.code == NotFoundError.code


def test_a_reader_that_is_too_slow_is_told_what_it_missed_and_costs_no_memory(
    instance: Any, client: Any, until: Until
) -> None:
    slow = instance.client("slow")
    status = client.status()
    processes = [
        psutil.Process(status.pid),
        psutil.Process(next(each.pid for each in status.hosts if each.plugin == "editable")),
    ]
    slow.call(LOGS_OPEN, LogsParams(7, "editable/note/b", True, 0, "flood"))
    until(lambda: next(each for each in client.status().clients if each.client == "slow").unsent_bytes > 500_000)
    before = [process.memory_info().rss for process in processes]
    first = received(slow, LOGS_LINES.name, lambda params: bool(params.lines)).lines[0]
    missed = received(slow, LOGS_LINES.name, lambda params: params.skipped > 0)
    assert first.startswith("000000000 ")
    assert missed.lines
    grown = [process.memory_info().rss - size for process, size in zip(processes, before, strict=True)]
    assert max(grown) < 40 * 1024**2, f"runtime and host have grown by {grown} bytes"
    slow.call(LOGS_CLOSE, StreamNumber(7))
    until(lambda: running_streams(client) == 0.0)
    slow.close()


def test_a_followed_log_goes_on_and_ends_with_its_client(instance: Any, client: Any, until: Until) -> None:
    reader = instance.client("reader")
    reader.call(LOGS_OPEN, LogsParams(1, "editable/note/c", True, 0, "stdout"))
    until(lambda: running_streams(client) == 1.0)
    client.do_one("note.say", "editable/note/c", parameters={"text": "later"})
    assert received(reader, LOGS_LINES.name, lambda params: bool(params.lines)).lines == ("0 later",)
    reader.close()
    until(lambda: running_streams(client) == 0.0)


def test_a_live_document_is_coalesced_to_ten_states_a_second(client: Any, until: Until) -> None:
    client.do_one("note.pulse", "editable/note/b", parameters={"rate": 1000.0})
    client.call(DOCUMENT_OPEN, DocumentOpen(3, "editable/note/b"))
    states: list[int] = []
    while len(states) < 12:
        found = received(client, DOCUMENT_SHOWN.name, lambda params: params.document is not None)
        states.append(int(found.document.blocks[-1].facts[0].value))
    client.call(DOCUMENT_CLOSE, DocumentNumber(3))
    assert states == sorted(states), "a later state is never followed by an earlier one"
    assert states[-1] - states[0] > 10 * len(states), "most of a thousand changes a second are never sent"
    assert found.resource.address == "editable/note/b" and found.columns == ("size", "version")
    until(lambda: running_streams(client) == 0.0)


def test_a_document_that_does_not_live_comes_once_and_with_each_change(client: Any) -> None:
    client.call(DOCUMENT_OPEN, DocumentOpen(4, "editable/note/a"))
    first: DocumentShown = received(client, DOCUMENT_SHOWN.name, lambda params: params.stream == 4)
    assert first.resource is not None and first.document is not None
    client.do_one("note.copy", "editable/note/b", parameters={"to": "editable/note/a"})
    later = received(
        client,
        DOCUMENT_SHOWN.name,
        lambda params: params.stream == 4 and params.resource and params.resource.cells != first.resource.cells,
    )
    assert later.document != first.document
    client.call(DOCUMENT_CLOSE, DocumentNumber(4))
    with pytest.raises(NotFoundError):
        client.call(DOCUMENT_OPEN, DocumentOpen(5, "editable/note/none"))
    client.call(DOCUMENT_OPEN, DocumentOpen(6, "core/plugin/editable"))
    assert received(client, DOCUMENT_SHOWN.name, lambda params: params.stream == 6).document.blocks
    client.call(DOCUMENT_CLOSE, DocumentNumber(6))


def test_streams_end_when_their_backend_is_opened_anew_and_documents_come_back(client: Any) -> None:
    client.call(LOGS_OPEN, LogsParams(1, "editable/note/b", True, 0, "stdout"))
    client.call(DOCUMENT_OPEN, DocumentOpen(2, "editable/note/b"))
    received(client, DOCUMENT_SHOWN.name, lambda params: params.document is not None)
    client.call(BACKEND_RETRY, AddressParams("editable/note/b"))
    ended = received(client, LOGS_LINES.name, lambda params: params.ended)
    assert ended.error is not None and "opened anew" in ended.error.message
    received(client, DOCUMENT_SHOWN.name, lambda params: params.document is not None and params.error is None)
    client.call(DOCUMENT_CLOSE, DocumentNumber(2))


def test_streams_survive_their_host_as_errors_and_documents_come_back(instance: Any, client: Any, until: Until) -> None:
    client.call(LOGS_OPEN, LogsParams(1, "editable/note/b", True, 0, "stdout"))
    client.call(DOCUMENT_OPEN, DocumentOpen(2, "editable/note/b"))
    received(client, DOCUMENT_SHOWN.name, lambda params: params.document is not None)
    host = psutil.Process(instance.host_pid(client, "editable"))
    host.kill()
    ended = received(client, LOGS_LINES.name, lambda params: params.ended)
    assert ended.error is not None and "host" in ended.error.message
    received(client, DOCUMENT_SHOWN.name, lambda params: params.error is not None)
    received(client, DOCUMENT_SHOWN.name, lambda params: params.document is not None)
    client.call(DOCUMENT_CLOSE, DocumentNumber(2))
    until(lambda: instance.host_pid(client, "editable") not in (0, host.pid))


def test_metrics_are_kept_and_joined_with_what_the_backend_keeps(client: Any, until: Until) -> None:
    def series() -> dict[str, MetricSeries]:
        return {each.name: each for each in client.call(METRICS, MetricsParams("editable/note/b")).series}

    client.get("note")
    until(lambda: len(series().get("size", MetricSeries("size", (), ())).values) >= 2)
    found = series()
    assert set(found) == {"size", "versions"} and found["size"].unit == "By"
    assert list(found["size"].times) == sorted(found["size"].times)
    assert found["versions"].values[1] is None, "a gap stays a gap"
    [only] = client.call(METRICS, MetricsParams("editable/note/b", ("size",), -60.0)).series
    assert only.name == "size" and all(value is not None for value in only.values)
    with pytest.raises(UsageError, match="ends before it begins"):
        client.call(METRICS, MetricsParams("editable/note/b", since=20.0, until=10.0))


def test_the_newest_samples_of_a_kind_are_followed(client: Any) -> None:
    client.call(METRICS_OPEN, MetricsWatch(9, kind="note", names=("size",)))
    first = received(client, METRICS_CHANGED.name, lambda params: len(params.samples) >= 3)
    assert {each.address for each in first.samples} == {f"editable/note/{name}" for name in "abc"}
    later = received(client, METRICS_CHANGED.name, lambda params: bool(params.samples))
    assert {each.name for each in later.samples} == {"size"}
    assert later.samples[0].time > first.samples[0].time
    client.call(METRICS_CLOSE, MetricsNumber(9))
    with pytest.raises(UsageError, match="of one address or of one kind"):
        client.call(METRICS_OPEN, MetricsWatch(9))


def test_a_backend_knows_who_looks_at_it(instance: Any, client: Any, until: Until) -> None:
    def interest() -> str:
        """What the backend's `watch` says of it; asking for it is not looking at it."""
        return client.get("note", "editable").resources[0].state

    until(lambda: interest() == "background")
    client.call(WATCH_OPEN, WatchParams(1, "note"))
    until(lambda: interest() == "foreground")
    client.call(WATCH_CLOSE, WatchNumber(1))
    until(lambda: interest() == "background")
    client.call(DOCUMENT_OPEN, DocumentOpen(2, "editable/note/b"))
    until(lambda: interest() == "foreground")
    client.call(DOCUMENT_CLOSE, DocumentNumber(2))
    until(lambda: interest() == "background")
    other = instance.client("other")
    other.call(LOGS_OPEN, LogsParams(1, "editable/note/b", True, 0, "stdout"))
    until(lambda: interest() == "foreground")
    other.close()
    until(lambda: interest() == "background")
