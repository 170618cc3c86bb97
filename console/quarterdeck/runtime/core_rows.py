"""What the core itself has, as resources of its backend `core`: kept in the store as it changes."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from quarterdeck.runtime.controllers.controller_store import ControllerRecord
from quarterdeck.runtime.controllers.view import controller_resource
from quarterdeck.runtime.core_catalogue import plugin_resource
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue, dataset_resource
from quarterdeck.runtime.jobs.view import job_resource
from quarterdeck.runtime.journal import journal_resource
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.reloading import configuration_notice
from quarterdeck.runtime.schedules.conflicts import Conflict
from quarterdeck.runtime.schedules.schedule_store import Schedule
from quarterdeck.runtime.schedules.view import schedule_resource
from quarterdeck.runtime.shown_rows import ShownRows
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import ControllerInfo
from quarterdeck_api.protocol import JobRecord, JournalEntry
from quarterdeck_api.resources import CORE, Address, Health, Remove, Synced, Upsert
from quarterdeck_api.runtime_requests import ConfigurationState

#: Journal entries and ended jobs that are kept as resources; older ones are in the database only.
SHOWN_JOURNAL = 1000
SHOWN_JOBS = 2000


class CoreRows:
    """Jobs, journal entries, schedules, plugins and datasets as rows of the store. `configuration` gives how the settings stand."""

    def __init__(self, store: Store, registry: Registry, configuration: Callable[[], ConfigurationState]) -> None:
        self._store = store
        self._registry = registry
        self._configuration = configuration
        self._shown_jobs = ShownRows(SHOWN_JOBS)
        self._shown_journal = ShownRows(SHOWN_JOURNAL)
        self._shown_schedules: dict[str, Schedule] = {}
        self._in_conflict: dict[str, tuple[Conflict, ...]] = {}

    def first(
        self, records: Iterable[JobRecord], entries: Iterable[JournalEntry], schedules: Iterable[Schedule]
    ) -> None:
        """Says everything that was there before the runtime started; `entries` oldest first."""
        jobs = list(records)
        journal = [journal_resource(entry) for entry in entries]
        for record in jobs:
            if record.state.final:
                self._shown_jobs.add(record.address)
        for entry in journal:
            self._shown_journal.add(entry.address)
        rows = tuple(Upsert(row) for row in (*map(job_resource, jobs), *journal, *map(schedule_resource, schedules)))
        self._store.apply(CORE, (*rows, Synced(("job", "journal", "schedule", "controller", "finding"))))

    def job(self, record: JobRecord) -> None:
        """A job changed; when too many have ended, the oldest is no longer shown."""
        gone: tuple[str, ...] = ()
        if record.state.final:
            gone = self._shown_jobs.add(record.address)
        else:
            self._shown_jobs.keep(record.address)
        self._store.apply(CORE, (Upsert(job_resource(record)), *(Remove(address) for address in gone)))

    def schedule(self, name: str, schedule: Schedule | None, conflicts: Mapping[str, Sequence[Conflict]]) -> None:
        """A schedule changed, or with None is gone; others may meet it now, or no longer."""
        before = self._in_conflict
        if schedule is None:
            self._store.apply(CORE, (Remove(str(Address(CORE, "schedule", name))),))
        else:
            self._shown_schedules[name] = schedule
            self._store.apply(CORE, (Upsert(schedule_resource(schedule, conflicts.get(name, ()))),))
        if schedule is None:
            self._shown_schedules.pop(name, None)
        self._in_conflict = {each: tuple(found) for each, found in conflicts.items()}
        touched = [each for each in {*before, *conflicts} - {name} if before.get(each) != self._in_conflict.get(each)]
        self.conflicts([self._shown_schedules[each] for each in touched if each in self._shown_schedules], conflicts)

    def conflicts(self, schedules: Iterable[Schedule], conflicts: Mapping[str, Sequence[Conflict]]) -> None:
        """Shows schedules with what they come into the way of."""
        self._shown_schedules.update({each.name: each for each in schedules})
        self._in_conflict = {each: tuple(found) for each, found in conflicts.items()}
        rows = tuple(Upsert(schedule_resource(each, conflicts.get(each.name, ()))) for each in schedules)
        if rows:
            self._store.apply(CORE, rows)

    def controller(self, record: ControllerRecord, info: ControllerInfo, why_not: str) -> None:
        """A controller changed."""
        self._store.apply(CORE, (Upsert(controller_resource(record, info, why_not)),))

    def gone(self, address: Address) -> None:
        """Something of the core is no longer there."""
        self._store.apply(CORE, (Remove(str(address)),))

    def forget(self, addresses: tuple[str, ...]) -> None:
        """Jobs and journal entries that are not kept any more."""
        for address in addresses:
            self._shown_jobs.keep(address)
            self._shown_journal.keep(address)
        self._store.apply(CORE, tuple(Remove(address) for address in addresses))

    def journal_entry(self, entry: JournalEntry) -> None:
        """An entry is new, or has its outcome."""
        row = journal_resource(entry)
        gone = self._shown_journal.add(row.address)
        self._store.apply(CORE, (Upsert(row), *(Remove(address) for address in gone)))

    def plugins(self) -> None:
        """All plugins, as the registry knows them now."""
        rows = tuple(Upsert(plugin_resource(status)) for status in self._registry.plugins())
        self._store.begin(CORE)
        self._store.apply(CORE, (*rows, Synced(("plugin",))))
        self.configuration(self._configuration())

    def configuration(self, state: ConfigurationState) -> None:
        """A configuration that is wrong, or waits for a restart, shows on the core's own line of the plugins."""
        reason, remedy = configuration_notice(state)
        row = plugin_resource(self._registry.status(CORE))
        if reason:
            row = replace(row, health=Health.DEGRADED, reason=reason, cells=(*row.cells[:-1], remedy))
        self._store.apply(CORE, (Upsert(row),))

    def datasets(self, datasets: DatasetCatalogue) -> None:
        """All datasets and samples, as the catalogue knows them now."""
        rows = tuple(Upsert(dataset_resource(record)) for record in datasets.all())
        self._store.begin(CORE)
        self._store.apply(CORE, (*rows, Synced(("dataset",))))
