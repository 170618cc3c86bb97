"""Fixtures of real IoTDB clusters, for every suite; `tests/conftest.py` offers them.

Tests of a server that is not installed are skipped with the command that installs it; with QUARTERDECK_REQUIRE_SERVERS=1 they fail instead,
as does one that is skipped for any other reason. All of them bear the mark `servers`, so that `-m "not servers"` runs the others.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from iotdb_cluster import INSTALL_COMMAND, Cluster, installed, new_cluster
from iotdb_node import Node

_REQUIRED = "QUARTERDECK_REQUIRE_SERVERS"
_FIXTURES = {"iotdb_cluster", "fresh_iotdb", "make_iotdb"}
#: As it is delivered (ASYNC), a DataNode loses what it acknowledged in the last moments before SIGKILL.
_DURABLE = {"wal_mode": "SYNC"}


def _started(properties: dict[str, str] | None = None) -> Cluster:
    if installed() is None:
        pytest.skip(f"needs a real IoTDB, which is not installed: run `{INSTALL_COMMAND}`")
    cluster = new_cluster(properties)
    try:
        cluster.start()
        cluster.wait_running()
    except BaseException:
        cluster.close()
        raise
    return cluster


@pytest.fixture(scope="session")
def iotdb_cluster() -> Iterator[Cluster]:
    """A cluster that all tests of this process share: each uses databases of its own and leaves the nodes running."""
    cluster = _started()
    yield cluster
    cluster.close()


@pytest.fixture
def fresh_iotdb() -> Iterator[Cluster]:
    """A cluster of one test, which may kill its nodes; they keep all that they have acknowledged."""
    cluster = _started(dict(_DURABLE))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def make_iotdb() -> Iterator[Callable[..., Cluster]]:
    """Makes started clusters that live as long as the module's tests; takes further lines of `iotdb-system.properties` as names."""
    made: list[Cluster] = []

    def make(**properties: str) -> Cluster:
        made.append(_started(properties))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.hookimpl(tryfirst=True)  # Before pytest looks which marks are wanted.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need a real server."""
    for item in items:
        if not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A test that fails shows what the nodes of its clusters said last; where servers are required, none of their tests is skipped."""
    report = (yield).get_result()
    if report.skipped and os.environ.get(_REQUIRED) == "1" and item.get_closest_marker("servers") is not None:
        report.outcome = "failed"
        report.longrepr = f"{_REQUIRED} is 1, and this test was skipped: {report.longrepr}"
    if not report.failed:
        return
    for name, value in getattr(item, "funcargs", {}).items():
        if isinstance(value, Cluster):
            report.sections.extend((f"{name}: end of {node}.log", value.log(node)) for node in Node)
