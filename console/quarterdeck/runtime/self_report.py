"""What the runtime says of itself: to whom it greets, and to whom asks how it stands."""

import os
from collections.abc import Callable

import psutil

from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import Settings
from quarterdeck.runtime.environment import OfferedEnvironment
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.processes.part import ManagedProcesses
from quarterdeck.runtime.store import Store
from quarterdeck.runtime.workers.pool import WorkerPool
from quarterdeck_api import __version__
from quarterdeck_api.protocol import HelloResult
from quarterdeck_api.runtime_requests import ClientStatus, ConfigurationState, RuntimeStatus
from quarterdeck_api.wire import PROTOCOL_VERSION


class SelfReport:
    """Answers from the parts as they are now; `settings`, `configuration` and `clients` give what holds and who is connected, `started` is a Unix time."""

    def __init__(
        self,
        paths: InstancePaths,
        started: float,
        store: Store,
        environment: OfferedEnvironment,
        hosts: HostSupervisor,
        workers: WorkerPool,
        jobs: JobService,
        processes: ManagedProcesses,
        *,
        settings: Callable[[], Settings],
        configuration: Callable[[], ConfigurationState],
        clients: Callable[[], tuple[ClientStatus, ...]],
    ) -> None:
        self._paths = paths
        self._started = started
        self._store = store
        self._environment = environment
        self._hosts = hosts
        self._workers = workers
        self._jobs = jobs
        self._processes = processes
        self._settings = settings
        self._configuration = configuration
        self._clients = clients

    def hello(self) -> HelloResult:
        """Who greets, and which environment names it has no value for."""
        return HelloResult(
            PROTOCOL_VERSION,
            __version__,
            os.getpid(),
            self._paths.home or "default",
            self._started,
            self._environment.missing(),
        )

    def status(self) -> RuntimeStatus:
        """How the runtime and its processes stand."""
        runtime = self._settings().runtime
        return RuntimeStatus(
            pid=os.getpid(),
            version=__version__,
            protocol=PROTOCOL_VERSION,
            instance=self._paths.home or "default",
            socket=str(self._paths.socket),
            started=self._started,
            memory=psutil.Process().memory_info().rss,
            revision=self._store.revision,
            read_only=runtime.read_only,
            idle_exit=runtime.idle_exit,
            hosts=self._hosts.status(),
            workers=self._workers.status(),
            clients=self._clients(),
            jobs=self._jobs.counts(),
            processes=self._processes.counts(),
            configuration=self._configuration(),
        )
