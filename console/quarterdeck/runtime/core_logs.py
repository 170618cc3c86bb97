"""Which logs the core itself keeps: of jobs, of managed processes, of hosts, and the runtime's own."""

from pathlib import Path

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.processes.part import ManagedProcesses
from quarterdeck.runtime.serving.log_streams import LogSource
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.resources import CORE, Address


class CoreLogs:
    """Finds the files of a log by its address."""

    def __init__(
        self, paths: InstancePaths, jobs: JobService, hosts: HostSupervisor, processes: ManagedProcesses
    ) -> None:
        self._paths = paths
        self._jobs = jobs
        self._hosts = hosts
        self._processes = processes

    def find(self, text: str) -> LogSource:
        """The log of an address of the core; raises NotFoundError when it has none."""
        address = Address.parse(text)
        if address.backend == CORE and address.kind == "job" and address.name.isdigit():
            return self._job(int(address.name))
        if text == "core/runtime/runtime":
            return LogSource(lambda: [self._paths.logs / "runtime.log"], lambda: False)
        if address.backend == CORE and address.kind == "host":
            path = self._hosts.log_path(address.name)
            if path.exists():
                return LogSource(lambda: [path], lambda: False)
        if address.backend == CORE and address.kind in ("process", "instance"):
            path = self._processes.log_path(address)
            return LogSource(lambda: [path], lambda: False)
        raise NotFoundError(
            f"{text} has no log", "jobs, processes, core/host/PLUGIN and core/runtime/runtime have one", text
        )

    def _job(self, number: int) -> LogSource:
        self._jobs.get(number)
        return LogSource(
            lambda: [Path(path) for path in self._jobs.get(number).log_paths],
            lambda: self._jobs.get(number).state.final,
        )
