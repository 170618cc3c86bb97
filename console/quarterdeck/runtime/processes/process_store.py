"""The tables of managed processes: every change is committed when it returns."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from quarterdeck.runtime.database import transaction
from quarterdeck.runtime.processes.records import InstanceRecord, ProcessEvent, ProcessRecord
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.processes import DesiredState, ProcessSpec
from quarterdeck_api.resources import CORE, Address

#: Lines of history that are kept of each process.
KEPT_EVENTS = 200


class ProcessStore:
    """Keeps processes, their instances and histories. `clock` gives Unix seconds."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._db = connection
        self._clock = clock
        rows = connection.execute("SELECT * FROM process").fetchall()
        self._processes = {row["name"]: _process(row) for row in rows}
        found = connection.execute("SELECT * FROM process_instance").fetchall()
        instances = [msgspec.convert(dict(row), InstanceRecord, strict=False) for row in found]
        self._instances = {(each.process, each.number): each for each in instances}

    def all(self) -> list[ProcessRecord]:
        """Every process, by name."""
        return [self._processes[name] for name in sorted(self._processes)]

    def find(self, name: str) -> ProcessRecord | None:
        """A process, None when there is none or it is being removed."""
        found = self._processes.get(name)
        return None if found is None or found.removed else found

    def get(self, name: str) -> ProcessRecord:
        """A process; raises NotFoundError with the nearest name."""
        found = self.find(name)
        if found is None:
            remedy = nearest(name, self._processes, "see `quarterdeck processes`")
            raise NotFoundError(f"there is no process {name!r}", remedy, str(Address(CORE, "process", name)))
        return found

    def known(self, name: str) -> ProcessRecord | None:
        """A process, be it one that is being removed; None when the name is free."""
        return self._processes.get(name)

    def save(self, record: ProcessRecord) -> None:
        """Keeps a new process, or a changed one."""
        values: dict[str, Any] = {
            "name": record.spec.name,
            "plugin": record.spec.plugin,
            "backend": record.spec.backend,
            "process_type": record.spec.process_type,
            "parameters": msgspec.json.encode(record.spec.parameters).decode(),
            "desired": record.spec.desired.value,
            "count": record.spec.count,
            "created": record.created,
            "removed": record.removed,
        }
        changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "name")
        statement = f"INSERT INTO process {_columns(values)} ON CONFLICT (name) DO UPDATE SET {changes}"
        with transaction(self._db):
            self._db.execute(statement, values)
        self._processes[record.spec.name] = record

    def forget(self, name: str) -> None:
        """Removes a process with everything that is kept of it."""
        with transaction(self._db):
            for table in ("process_event", "process_instance"):
                self._db.execute(f"DELETE FROM {table} WHERE process = ?", (name,))
            self._db.execute("DELETE FROM process WHERE name = ?", (name,))
        self._processes.pop(name, None)
        for key in [key for key in self._instances if key[0] == name]:
            del self._instances[key]

    def instances(self, name: str = "") -> list[InstanceRecord]:
        """The instances of one process, or of all."""
        return [self._instances[key] for key in sorted(self._instances) if name in ("", key[0])]

    def instance(self, name: str, number: int) -> InstanceRecord:
        """An instance as kept; one that was never started is empty."""
        return self._instances.get((name, number)) or InstanceRecord(name, number)

    def save_instance(self, record: InstanceRecord, event: str = "", detail: str = "") -> None:
        """Keeps an instance, and with `event` a line of history in the same transaction."""
        values: dict[str, Any] = asdict(record)
        with transaction(self._db):
            self._db.execute(f"INSERT OR REPLACE INTO process_instance {_columns(values)}", values)
            if event:
                self._add_event(record.process, record.number, event, detail)
        self._instances[record.process, record.number] = record

    def drop_instance(self, name: str, number: int) -> None:
        """Forgets an instance that is wanted no more."""
        with transaction(self._db):
            self._db.execute("DELETE FROM process_instance WHERE process = ? AND number = ?", (name, number))
        self._instances.pop((name, number), None)

    def note(self, name: str, event: str, detail: str = "") -> None:
        """Adds a line to a process's history."""
        with transaction(self._db):
            self._add_event(name, 0, event, detail)

    def events(self, name: str) -> list[ProcessEvent]:
        """A process's history, oldest first."""
        rows = self._db.execute(
            "SELECT time, instance, event, detail FROM process_event WHERE process = ? ORDER BY number", (name,)
        )
        return [msgspec.convert(dict(row), ProcessEvent) for row in rows]

    def set_desired(self, name: str, desired: DesiredState) -> ProcessRecord:
        """Changes what is wanted of a process; raises NotFoundError."""
        record = self.get(name)
        record = replace(record, spec=replace(record.spec, desired=desired))
        self.save(record)
        return record

    def _add_event(self, name: str, number: int, event: str, detail: str) -> None:
        self._db.execute(
            "INSERT INTO process_event (process, instance, time, event, detail) VALUES (?, ?, ?, ?, ?)",
            (name, number, self._clock(), event, detail),
        )
        self._db.execute(
            "DELETE FROM process_event WHERE process = ? AND number <= "
            "(SELECT number FROM process_event WHERE process = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (name, name, KEPT_EVENTS),
        )


def _columns(values: dict[str, Any]) -> str:
    return f"({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"


def _process(row: sqlite3.Row) -> ProcessRecord:
    spec = ProcessSpec(
        name=row["name"],
        process_type=row["process_type"],
        plugin=row["plugin"],
        backend=row["backend"],
        parameters=msgspec.json.decode(row["parameters"]),
        desired=DesiredState(row["desired"]),
        count=row["count"],
    )
    return ProcessRecord(spec, row["created"], bool(row["removed"]))
