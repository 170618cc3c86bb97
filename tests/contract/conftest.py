"""Backends of every type, each open in a real host under the real supervisor."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from quarterdeck.config.paths import HOME_VARIABLE, instance_paths
from quarterdeck.loading.plugins import load_plugins
from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostSupervisor
from quarterdeck_api.catalogue import Catalogue, PluginStatus
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.host_protocol import JobCheckpoint, JobProgress
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Change, Synced
from quarterdeck_api.wire import Method

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")

EXEMPLARY = Path(__file__).parents[1] / "plugins" / "exemplary"

#: Every backend type: plugin, backend, settings.
BACKENDS = {
    "ainode.local": ("ainode", HostedBackend("ainode", "ainode.local", {}, embedded=True)),
    "exemplary": ("exemplary", HostedBackend("plant", "exemplary", {"nodes": 4, "password": "not to be seen"})),
    "exemplary.many": ("exemplary", HostedBackend("crowd", "exemplary.many", {"rows": 1000})),
}

#: Seconds that anything awaited here may take; only a test that fails waits so long.
_PATIENCE = 60.0


class _Listener:
    """Keeps what a supervisor reports; jobs are nothing to it."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def begin(self, backend: str) -> None:
        self.changes.clear()

    def apply(self, backend: str, changes: tuple[Change, ...]) -> None:
        self.changes += changes

    def set_backend(self, state: BackendState) -> None:
        if state.state == "connecting":
            self.changes.clear()

    def on_progress(self, progress: JobProgress) -> None: ...

    def on_checkpoint(self, checkpoint: JobCheckpoint) -> None: ...

    def on_ended(self, job: int, token: int) -> None: ...

    def on_lost(self, job: int, token: int, error: ErrorReport) -> None: ...

    def on_free(self) -> None: ...


class HostedSubject:
    """One backend in a host of its own; a Subject of the contract."""

    def __init__(self, plugin: PluginStatus, backend: HostedBackend, logs: Path) -> None:
        self.backend = backend
        self.logs = logs
        self._plugin = plugin
        self._runner = asyncio.Runner()
        self._listener = _Listener()
        self._hosts: HostSupervisor | None = None
        self.run(self._open())

    @property
    def name(self) -> str:
        return self.backend.name

    @property
    def catalogue(self) -> Catalogue:
        assert self._plugin.catalogue is not None
        return self._plugin.catalogue

    @property
    def changes(self) -> Sequence[Change]:
        return self._listener.changes

    async def ask(self, method: Method[P, R], params: P) -> R:
        assert self._hosts is not None
        return await self._hosts.call(self.name, method, params, _PATIENCE)

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    @property
    def host(self) -> psutil.Process:
        assert self._hosts is not None
        return psutil.Process(self._hosts.status()[0].pid)

    async def retry(self) -> None:
        """Closes the backend and opens it anew; returns once it has said everything again."""
        assert self._hosts is not None
        await self._hosts.retry(self.name)
        await self._synced()

    async def stuck_calls(self) -> int:
        """Threads of the host that did not come back, as its next heartbeat says."""
        assert self._hosts is not None
        await asyncio.sleep(2.5)
        return self._hosts.status()[0].stuck_calls

    async def _open(self) -> None:
        self._hosts = HostSupervisor(self._listener, self._listener, self.logs)
        await self._hosts.start_plugin(self._plugin, [self.backend])
        await self._synced()

    async def _synced(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not any(isinstance(change, Synced) for change in tuple(self._listener.changes)):
                await asyncio.sleep(0.02)

    def close(self) -> None:
        hosts, self._hosts = self._hosts, None
        if hosts is not None:
            self.run(hosts.close())
            self._runner.close()


@pytest.fixture(scope="session")
def open_subject() -> Iterator[Callable[[str], HostedSubject]]:
    """Opens a backend by its type; all are closed when the session ends."""
    home = Path(tempfile.mkdtemp(prefix="qd-"))
    variables = {**os.environ, HOME_VARIABLE: str(home), "QUARTERDECK_PLUGIN_PATH": str(EXEMPLARY)}
    statuses = {
        status.id: status for status in load_plugins(instance_paths(variables), environment=variables, limit=60)
    }
    opened: list[HostedSubject] = []

    def open_one(backend_type: str) -> HostedSubject:
        plugin, backend = BACKENDS[backend_type]
        opened.append(HostedSubject(statuses[plugin], backend, home / f"logs-{len(opened)}"))
        return opened[-1]

    yield open_one
    for subject in opened:
        subject.close()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def tested_types() -> frozenset[str]:
    """The backend types that the suite tests."""
    return frozenset(BACKENDS)


@pytest.fixture(scope="module", params=list(BACKENDS))
def backend_type(request: pytest.FixtureRequest) -> str:
    """Each backend type in turn."""
    return request.param


@pytest.fixture(scope="module")
def subject(backend_type: str, open_subject: Callable[[str], HostedSubject]) -> Iterator[HostedSubject]:
    """One open backend, shared by the checks of a module."""
    opened = open_subject(backend_type)
    yield opened
    opened.close()
