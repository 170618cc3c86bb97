"""The rows of one kind, shared by every widget that shows them."""

from collections import Counter
from collections.abc import Callable, Sequence
from sys import intern
from weakref import WeakSet

from msgspec.structs import force_setattr as set_field

from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.panes import NEWEST_FIRST
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.table_model import TableModel, by_address, by_number_downwards
from quarterdeck_api.catalogue import Column
from quarterdeck_api.resources import CORE, Resource

_NO_ACTIONS_OFF: dict[str, str] = {}
_SHARED_LENGTH = 24


def share_values(resource: Resource) -> None:
    """Lets equal short texts of many rows be one object: decoding makes a new one for every row, which doubles the memory of a large table."""
    set_field(resource, "state", intern(resource.state))
    if not resource.actions_off:
        set_field(resource, "actions_off", _NO_ACTIONS_OFF)
    cells = resource.cells
    if str in map(type, cells):
        shared = tuple(
            intern(cell) if isinstance(cell, str) and len(cell) <= _SHARED_LENGTH else cell for cell in cells
        )
        set_field(resource, "cells", shared)


class Feed:
    """One kind's rows: keeps the model of its table and counts rows by backend. `told` is called after every change.

    With `parent` only the rows below that address are taken. `missing` says why there is nothing to watch; empty when there is.
    """

    def __init__(self, kind: str, *, told: Callable[[], None], parent: str = "") -> None:
        self.kind = kind
        self.parent = parent
        self.missing = ""
        self.schema: KindSchema | None = None
        self.ready = False
        self.expected = 0
        self.model = TableModel(self._columns_of, by_number_downwards if kind in NEWEST_FIRST else by_address)
        self.counts: Counter[str] = Counter()
        self.tables: WeakSet[LiveTable[TableModel]] = WeakSet()
        self._told = told

    def set_schema(self, schema: KindSchema) -> None:
        """Other columns."""
        self.schema = schema
        for table in self.tables:
            table.set_schema(schema)

    def rows_loaded(self, resources: tuple[Resource, ...], *, first: bool, last: bool, total: int) -> None:
        """Takes a part of a snapshot."""
        if self.parent:
            resources = tuple(resource for resource in resources if resource.parent == self.parent)
        before = len(self.model)
        for resource in resources:
            share_values(resource)
        self.model.load(resources)
        self._count(resources, len(self.model) - before)
        self.ready = self.ready or last
        self.expected = total
        self._changed(prepare=last)

    def rows_changed(self, upserts: tuple[Resource, ...], removes: tuple[str, ...]) -> None:
        """Takes changes."""
        if self.parent:
            elsewhere = [resource.address for resource in upserts if resource.parent != self.parent]
            upserts = tuple(resource for resource in upserts if resource.parent == self.parent)
            removes = (*removes, *elsewhere)
        rows, counts = self.model.rows, self.counts
        for resource in upserts:
            if resource.address not in rows:
                counts[resource.backend] += 1
            self.model.upsert(resource)
        for address in removes:
            gone = rows.get(address)
            if gone is not None:
                counts[gone.backend] -= 1
                self.model.remove(address)
        self._changed(prepare=False)

    def cannot_be_watched(self, reason: str) -> None:
        """There are no rows to come."""
        self.missing, self.ready = reason, True
        self._changed(prepare=False)

    def targets(self) -> list[tuple[Resource, str]]:
        """Every job with the address that it is for; for the feed of jobs, whose cells the runtime itself declares."""
        index = self.schema.indexes.get(CORE, {}).get("target", -1) if self.schema is not None else -1
        rows = self.model.rows.values()
        return [(row, str(row.cells[index])) for row in rows if 0 <= index < len(row.cells)]

    def _count(self, resources: Sequence[Resource], added: int) -> None:
        if added == len(resources):
            self.counts.update(resource.address.partition("/")[0] for resource in resources)
        else:
            self.counts = Counter(address.partition("/")[0] for address in self.model.rows)

    def _changed(self, *, prepare: bool) -> None:
        for table in self.tables:
            table.changed()
            if prepare:
                table.prepare_search()
        self._told()

    def _columns_of(self, resource: Resource) -> Sequence[Column]:
        return self.schema.columns_of(resource) if self.schema is not None else ()
