"""Backends of every type, each open in a real host of the testing kit."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck_api.testing import FakeRuntime, HostedBackend

PLUGINS = Path(__file__).parents[1] / "plugins"

#: Every backend type: the plugin's entry-point module, the backend's name, its settings.
BACKENDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ainode.local": ("quarterdeck_ainode.plugin", "ainode", {}),
    "exemplary": ("quarterdeck_exemplary.plugin", "plant", {"nodes": 4, "password": "not to be seen"}),
    "exemplary.many": ("quarterdeck_exemplary.plugin", "crowd", {"rows": 1000}),
    "million": ("quarterdeck_million.plugin", "million", {}),
    "million.store": ("quarterdeck_million.plugin", "shop", {"rows": 23, "filters": False}),
    "editable": ("quarterdeck_editable.plugin", "editable", {"password": "not to be seen"}),
    "editable.shelf": ("quarterdeck_editable.plugin", "shelf", {"notes": 1}),
    "ainode.iotdb": ("quarterdeck_ainode.plugin", "plant", {}),
}

#: What a cluster has while it is looked at: both data models, names that have to be quoted, and nothing in one of the series.
CLUSTER_CONTENT = (
    (
        "tree",
        (
            "CREATE DATABASE root.contract",
            'CREATE TIMESERIES root.contract.`press 4`.`a "b" c` WITH DATATYPE=INT32',
            *(
                f"INSERT INTO root.contract.press{number}(time, t, name) VALUES (1, 1.5, 'x'), (2, 2.5, 'y')"
                for number in range(9)
            ),
        ),
    ),
    (
        "table",
        (
            "CREATE DATABASE contract",
            "CREATE TABLE contract.telemetry(time TIMESTAMP TIME, press STRING TAG, a DOUBLE FIELD, b INT32 FIELD)",
            "INSERT INTO contract.telemetry(time, press, a, b) VALUES (1, '4', 1.5, 1), (1, 'it''s', 2.5, null)",
        ),
    ),
)


class Opened:
    """One backend with the host that it is open in."""

    def __init__(self, backend_type: str, settings: dict[str, Any] | None = None) -> None:
        module, name, declared = BACKENDS[backend_type]
        settings = declared if settings is None else settings
        paths = [PLUGINS / name for name in ("exemplary", "million", "editable")]
        self.runtime = FakeRuntime(module, paths=paths)
        self.backend: HostedBackend = self.runtime.open(name, backend_type, settings)

    @property
    def host(self) -> psutil.Process:
        return psutil.Process(self.runtime.pid)

    def close(self) -> int:
        """Ends the host; its exit code."""
        return self.runtime.close()


@pytest.fixture
def tested_types() -> frozenset[str]:
    """The backend types that the suite tests."""
    return frozenset(BACKENDS)


@pytest.fixture(scope="session")
def cluster_settings(request: pytest.FixtureRequest) -> Callable[[], dict[str, Any]]:
    """Settings of a backend of the real cluster, with something in it; asked for only where they are needed, since it has to be started."""
    made: list[dict[str, Any]] = []

    def settings() -> dict[str, Any]:
        if not made:
            cluster = request.getfixturevalue("iotdb_cluster")
            _fill(cluster.ports.client)
            made.append({"nodes": [cluster.client_url], "refresh": 0.5})
        return made[0]

    return settings


@pytest.fixture(scope="session")
def open_backend(cluster_settings: Callable[[], dict[str, Any]]) -> Callable[[str], Opened]:
    """Opens a backend by its type in a host of its own."""

    def opened(backend_type: str) -> Opened:
        return Opened(backend_type, cluster_settings() if backend_type == "ainode.iotdb" else None)

    return opened


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, marks=pytest.mark.servers) if each == "ainode.iotdb" else each for each in BACKENDS],
)
def backend_type(request: pytest.FixtureRequest) -> str:
    """Each backend type in turn."""
    return request.param


@pytest.fixture(scope="module")
def opened(backend_type: str, open_backend: Callable[[str], Opened]) -> Iterator[Opened]:
    """One open backend, shared by the checks of a module."""
    found = open_backend(backend_type)
    yield found
    found.close()


def _fill(port: int) -> None:
    """Writes into the cluster what the checks look at."""
    from iotdb.Session import Session

    for dialect, statements in CLUSTER_CONTENT:
        session = Session("127.0.0.1", port, "root", "root", enable_redirection=False)
        session.sql_dialect = dialect
        session.open(False)
        try:
            for statement in statements:
                session.execute_non_query_statement(statement)
        finally:
            session.close()
