"""Controllers as they are kept: on or off, their parameters, and what came of their last look."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck.runtime.database import transaction
from quarterdeck_api.resources import CORE, Address


class ControllerRecord(Struct, frozen=True):
    """One controller of one backend. Times are Unix times, 0 for never.

    `interval` 0 is the declared one; `parameters` are those that were set; `confirmed` confirms dangerous actions once for all. `looking`
    is when the look under way began. `decision` is `acted`, `kept` or `failed`, of the look that ended at `last`.
    """

    backend: str
    controller: str
    enabled: bool
    confirmed: bool = False
    interval: float = 0.0
    parameters: dict[str, Any] = {}
    state: Any = None
    looking: float = 0.0
    next_look: float = 0.0
    last: float = 0.0
    decision: str = ""
    sentence: str = ""
    failures: int = 0
    looks: int = 0
    acts: int = 0
    changed: float = 0.0

    @property
    def name(self) -> str:
        """The name of its resource: BACKEND/ID."""
        return f"{self.backend}/{self.controller}"

    @property
    def address(self) -> Address:
        """Its own address."""
        return Address(CORE, "controller", self.name)

    @property
    def actor(self) -> str:
        """Who requests, as the journal says."""
        return f"controller {self.name}"


class ControllerStore:
    """The table of controllers; every change is committed when it returns, and told to `publish`."""

    def __init__(self, connection: sqlite3.Connection, publish: Callable[[ControllerRecord], None]) -> None:
        self._db = connection
        self._publish = publish
        self._known: dict[str, ControllerRecord] = {}
        for row in connection.execute("SELECT * FROM controller"):
            record = _record(row)
            self._known[record.name] = record

    def get(self, name: str) -> ControllerRecord | None:
        """What is kept of a controller; None when nothing is yet."""
        return self._known.get(name)

    def all(self) -> list[ControllerRecord]:
        """Everything that is kept, also of backends that are gone."""
        return list(self._known.values())

    def keep(self, record: ControllerRecord) -> ControllerRecord:
        """Keeps a controller as it is now."""
        values: dict[str, Any] = msgspec.structs.asdict(record)
        for field in ("parameters", "state"):
            values[field] = msgspec.json.encode(values[field]).decode()
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        with transaction(self._db):
            self._db.execute(f"INSERT OR REPLACE INTO controller ({names}) VALUES ({places})", values)
        self._known[record.name] = record
        self._publish(record)
        return record


def _record(row: sqlite3.Row) -> ControllerRecord:
    values: dict[str, Any] = dict(row)
    for field in ("parameters", "state"):
        values[field] = msgspec.json.decode(values[field])
    return msgspec.convert(values, ControllerRecord, strict=False)
