"""Managed processes as one part of the runtime: its pieces put together, and what the others see of it."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from random import Random

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.asking import Asking
from quarterdeck.runtime.borders import JobEnvironment
from quarterdeck.runtime.findings import Findings
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.processes.actions import ProcessActions
from quarterdeck.runtime.processes.asked import Do, ProcessRequests
from quarterdeck.runtime.processes.host_side import HostSide
from quarterdeck.runtime.processes.instance import Instance
from quarterdeck.runtime.processes.process_store import ProcessStore
from quarterdeck.runtime.processes.records import split_instance
from quarterdeck.runtime.processes.starting import process_log_path
from quarterdeck.runtime.processes.supervisor import ProcessSupervisor
from quarterdeck.runtime.processes.surroundings import ProcessSurroundings
from quarterdeck.runtime.processes.view import (
    failed_to_stay,
    instance_address,
    instance_blocks,
    instance_resource,
    last_lines,
    process_blocks,
    process_resource,
)
from quarterdeck.runtime.registry import Registry
from quarterdeck_api.documents import Block
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.findings import Finding, Severity
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.process_requests import PROCESS_ENSURE, PROCESS_READY, PROCESS_REMOVE
from quarterdeck_api.processes import PROCESS_CONTROL, PROCESS_REPORT, DesiredState, ProcessReport
from quarterdeck_api.resources import CORE, Address, Change, Remove, Synced, Upsert

_FINDINGS = "processes"
_CRASH_LOOP = "process-crash-loop"


class ManagedProcesses:
    """All managed processes of the runtime.

    `apply` takes changes of the core's resources, `samples` what instances report and use, `do` carries out an action for an actor. `clock`
    gives Unix seconds; `linger` is how many seconds an instance that is to stop with the runtime outlives it.
    """

    def __init__(
        self,
        paths: InstancePaths,
        database: sqlite3.Connection,
        registry: Registry,
        environment: JobEnvironment,
        hosts: HostSupervisor,
        findings: Findings,
        *,
        apply: Callable[[tuple[Change, ...]], None],
        samples: Callable[[Sequence[MetricSample]], None],
        do: Do,
        lookup: Callable[[str], str | None],
        clock: Callable[[], float],
        rng: Random,
        linger: float,
    ) -> None:
        self._paths = paths
        self._findings = findings
        self._apply = apply
        self._samples = samples
        self._clock = clock
        self._store = ProcessStore(database, clock)
        host_side = HostSide(hosts, paths.host_sockets)
        surroundings = ProcessSurroundings(registry, environment, self._store, host_side, lookup)
        self._shown: dict[str, set[str]] = {}
        self._supervisor = ProcessSupervisor(
            paths, self._store, surroundings, host_side, self._publish, self._sample_usage, clock, rng, linger
        )
        self._host_side = host_side
        self.actions = ProcessActions(self._store, self._supervisor, surroundings, host_side, self._publish, clock)
        self.requests = ProcessRequests(self._store, self._supervisor, self.actions, do)
        hosts.routes.on_notification(PROCESS_REPORT, self._reported)

    def answer(self, asking: Asking) -> None:
        """Lets plugin code ask for processes."""
        asking.on(PROCESS_ENSURE, self.requests.ensure)
        asking.on(PROCESS_REMOVE, self.requests.remove)
        asking.on(PROCESS_READY, self.requests.ready)
        asking.on(PROCESS_CONTROL, self.requests.control)

    async def adopt(self) -> None:
        """Finds what an earlier runtime has left running, and says everything that there is."""
        await self._supervisor.adopt()
        for record in self._store.all():
            self._publish(record.spec.name)
        self._apply((Synced(("process", "instance")),))

    async def run(self) -> None:
        """Keeps processes as they are wanted; call it once plugins are known."""
        await self._supervisor.run()

    async def close(self, stop: bool) -> None:
        """Ends every instance, or leaves them to their guards for another runtime."""
        await self._supervisor.close(stop)

    def live(self) -> int:
        """Processes that are wanted to run: they keep the runtime alive."""
        return self._supervisor.wanted()

    def counts(self) -> dict[str, int]:
        """How many processes there are, by what is wanted of them, and how many instances run."""
        records = [record for record in self._store.all() if not record.removed]
        wanted = sum(record.spec.desired is DesiredState.RUNNING for record in records)
        instances = [each for record in records for each in self._supervisor.instances(record.spec.name)]
        return {
            "running": wanted,
            "stopped": len(records) - wanted,
            "instances": sum(each.guarded is not None for each in instances),
        }

    def host_changed(self, plugin: str) -> None:
        """The state of a plugin's host changed."""
        if self._host_side.ready(plugin):
            self._supervisor.host_ready(plugin)

    def renew(self, plugins: Collection[str]) -> None:
        """Has the processes of these plugins drain and start again, for their code is another now, or is gone: then they wait for it."""
        self._supervisor.restart(self._supervisor.of_plugins(plugins))

    async def ended(self, plugins: Collection[str], timeout: float) -> bool:
        """Has the processes of plugins that are held drain and end; False when one is still there after `timeout` seconds."""
        mine = self._supervisor.of_plugins(plugins)
        self._supervisor.restart(each for each in mine if each.alive)
        return await self._supervisor.until(lambda: not any(each.alive for each in mine), timeout)

    def blocks(self, name: str) -> list[Block]:
        """What describes a process; raises NotFoundError."""
        record = self._store.get(name)
        instances = self._supervisor.instances(name)
        logs = {each.name: process_log_path(self._paths, each.name) for each in instances}
        return process_blocks(record, instances, self._store.events(name), self._clock(), logs)

    def instance_blocks(self, name: str) -> list[Block]:
        """What describes an instance; raises NotFoundError."""
        instance = self._supervisor.instance(name)
        if instance is None:
            raise NotFoundError(f"there is no instance {name!r}", "see `quarterdeck get instances`")
        events = self._store.events(instance.record.process)
        return instance_blocks(instance, events, process_log_path(self._paths, name))

    def log_path(self, address: Address) -> Path:
        """The log of an instance, or of a process with one instance; raises NotFoundError or UsageError."""
        process, number = split_instance(address.name)
        count = self._store.get(process).spec.count
        if address.kind == "process" and count > 1:
            raise UsageError(
                f"process {process} has {count} instances, each with a log of its own",
                f"name one, as in {instance_address(f'{process}.1')}",
                str(address),
            )
        return process_log_path(self._paths, f"{process}.{number}")

    def _reported(self, plugin: str, report: ProcessReport) -> None:
        instance = self._supervisor.report(plugin, report)
        if instance is not None and report.values:
            now, address = self._clock(), instance_address(instance.name)
            self._samples(
                [
                    MetricSample(address, name, value, now, report.units.get(name, ""))
                    for name, value in report.values.items()
                ]
            )

    def _publish(self, name: str) -> None:
        """Brings a process and its instances in the store to what they are now."""
        record = self._store.known(name)
        instances = self._supervisor.instances(name) if record is not None else []
        now = self._clock()
        rows = [instance_resource(record, each, now) for each in instances] if record is not None else []
        gone = self._shown.get(name, set()) - {row.address for row in rows}
        changes: list[Change] = [*(Upsert(row) for row in rows), *(Remove(address) for address in sorted(gone))]
        if record is None:
            self._shown.pop(name, None)
            changes.append(Remove(str(Address(CORE, "process", name))))
            self._remove_logs(name)
        else:
            self._shown[name] = {row.address for row in rows}
            changes.append(Upsert(process_resource(record, instances, now)))
        self._apply(tuple(changes))
        self._judge(name, instances, gone)

    def _sample_usage(self, instances: Sequence[Instance]) -> None:
        samples: list[MetricSample] = []
        now = self._clock()
        for instance in instances:
            if instance.usage.memory:
                address = instance_address(instance.name)
                samples.append(MetricSample(address, "memory", float(instance.usage.memory), now, "By"))
                samples.append(MetricSample(address, "cpu", instance.cpu, now, "1"))
        if samples:
            self._samples(samples)

    def _judge(self, name: str, instances: Sequence[Instance], gone: set[str]) -> None:
        """Crash loops are findings."""
        for instance in instances:
            address = instance_address(instance.name)
            if not instance.record.crash_loop:
                self._findings.cleared(_FINDINGS, _CRASH_LOOP, address)
                continue
            last = last_lines(process_log_path(self._paths, instance.name), 3)
            said = f"; its last lines: {' | '.join(last)}" if last else ""
            self._findings.raised(
                _FINDINGS,
                Finding(
                    _CRASH_LOOP,
                    f"{instance.name} {failed_to_stay(instance.record)}{said}".replace(" it ended", " ended", 1),
                    f"read `quarterdeck logs {address}`, then `quarterdeck processes start {name}`",
                    address,
                    Severity.CRITICAL,
                ),
            )
        for address in gone:
            self._findings.cleared(_FINDINGS, _CRASH_LOOP, address)

    def _remove_logs(self, name: str) -> None:
        for path in self._paths.logs.glob(f"process-{name}.*.log*"):
            path.unlink(missing_ok=True)
