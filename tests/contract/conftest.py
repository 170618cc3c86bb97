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
}


class Opened:
    """One backend with the host that it is open in."""

    def __init__(self, backend_type: str) -> None:
        module, name, settings = BACKENDS[backend_type]
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
def open_backend() -> Callable[[str], Opened]:
    """Opens a backend by its type in a host of its own."""
    return Opened


@pytest.fixture(scope="module", params=list(BACKENDS))
def backend_type(request: pytest.FixtureRequest) -> str:
    """Each backend type in turn."""
    return request.param


@pytest.fixture(scope="module")
def opened(backend_type: str) -> Iterator[Opened]:
    """One open backend, shared by the checks of a module."""
    found = Opened(backend_type)
    yield found
    found.close()
