"""A store of a million rows, browsed through a real runtime and a real host."""

import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from quarterdeck_api.browsing import BROWSE, BrowseRequest, BrowseResult
from quarterdeck_api.errors import CallTimeoutError, NotFoundError, UsageError

CONFIG = """
[backends.deaf]
type = "million.store"
filters = false
rows = 1000
"""

ROWS = 1_000_000


@pytest.fixture(scope="module")
def client(make_instance: Callable[..., Any]) -> Any:
    instance = make_instance(CONFIG, ("million",))
    connection = instance.client()
    connection.instance = instance
    connection.get("store")
    return connection


def page(client: Any, kind: str = "series", **more: Any) -> BrowseResult:
    return client.call(BROWSE, BrowseRequest(more.pop("backend", "million"), kind, **more), 60.0)


def names(result: BrowseResult) -> list[str]:
    return [each.name for each in result.page.resources]


def test_pages_join_forward_and_back(client: Any) -> None:
    first = page(client, limit=300)
    assert first.columns == ("number", "unit")
    assert names(first) == [f"s{number:07d}" for number in range(300)]
    assert first.page.start == 0 and first.page.total == ROWS and first.page.previous == ""
    second = page(client, limit=300, cursor=first.page.next)
    assert names(second) == [f"s{number:07d}" for number in range(300, 600)]
    assert names(page(client, limit=300, cursor=second.page.previous)) == names(first)
    last = page(client, limit=7, last=True)
    assert names(last)[-1] == f"s{ROWS - 1:07d}" and last.page.next == "" and last.page.start == ROWS - 7


def test_a_filter_narrows_or_the_page_says_that_it_did_not(client: Any) -> None:
    found = page(client, filter="777", limit=5)
    assert names(found) == ["s0000777", "s0001777", "s0002777", "s0003777", "s0004777"]
    assert found.page.total == 1000 and not found.page.unfiltered
    assert page(client, backend="deaf", filter="777", limit=5).page.unfiltered


def test_children_of_a_browsed_resource_are_browsed_and_described(client: Any) -> None:
    found = page(client, "sample", parent="million/series/s0000005", limit=3)
    assert [each.parent for each in found.page.resources] == ["million/series/s0000005"] * 3
    described = client.describe("million/sample/s0000005@2")
    assert described.resource.address == "million/sample/s0000005@2"
    [facts] = described.document.blocks
    assert {fact.label: fact.value for fact in facts.facts} == {"number": 5, "value": 1.0}
    with pytest.raises(NotFoundError, match="there is no million/series/nothing"):
        page(client, "sample", parent="million/series/nothing")


def test_what_cannot_be_browsed_says_why(client: Any) -> None:
    with pytest.raises(UsageError, match="is not a cursor of million"):
        page(client, cursor="nonsense")
    with pytest.raises(UsageError, match="not browsed page by page"):
        page(client, "store")
    with pytest.raises(UsageError, match="a page of 5000 is not possible"):
        page(client, limit=5000)
    with pytest.raises(NotFoundError, match="has no 'serie'"):
        page(client, "serie")
    with pytest.raises(NotFoundError, match="no backend 'milion'"):
        page(client, backend="milion")
    with pytest.raises(UsageError, match="browsed page by page"):
        client.get("series")


def test_a_million_rows_cost_neither_host_nor_runtime_memory(client: Any) -> None:
    def walk(limit: int, pages: int, **first: Any) -> int:
        found = page(client, limit=limit, **first)
        seen, forward = len(found.page.resources), not first
        for _ in range(pages):
            cursor = found.page.next if forward else found.page.previous
            if not cursor:
                break
            found = page(client, limit=limit, cursor=cursor)
            seen += len(found.page.resources)
        return seen

    status = client.status()
    watched = [psutil.Process(status.pid), psutil.Process(next(h.pid for h in status.hosts if h.plugin == "million"))]
    walk(1000, 20)
    before = [process.memory_info().rss for process in watched]
    assert walk(1000, 2000) == ROWS
    assert walk(1000, 100, last=True) == 101_000
    grown = [process.memory_info().rss - size for process, size in zip(watched, before, strict=True)]
    assert max(grown) < 30 * 1024**2, f"runtime and host have grown by {grown} bytes"


def test_a_page_that_does_not_come_is_given_up_and_holds_up_nobody(make_instance: Callable[..., Any]) -> None:
    slow = '[runtime]\ncall_timeout = 1.0\n[backends.slow]\ntype = "million.store"\npage_seconds = 3600.0\n'
    instance = make_instance(slow, ("million",))
    waiting, other = instance.client("waiting"), instance.client("other")
    waiting.get("store", "slow")
    answers: list[Exception] = []

    def wait() -> None:
        try:
            page(waiting, backend="slow")
        except CallTimeoutError as error:
            answers.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while thread.is_alive():
        assert len(page(other, limit=5).page.resources) == 5
    assert "slow" in str(answers[0])


def test_whoever_browses_looks_at_the_backend_for_a_while(
    client: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    def interest() -> str:
        return client.get("store", "deaf").resources[0].state

    until(lambda: interest() == "background")
    page(client, backend="deaf", limit=1)
    until(lambda: interest() == "foreground")
    until(lambda: interest() == "background")
