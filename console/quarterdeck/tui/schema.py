"""What a kind's rows mean: its columns, and where each backend keeps their cells."""

from collections.abc import Sequence

from msgspec import Struct

from quarterdeck.tui.cell_text import format_cell
from quarterdeck.tui.columns import ColumnView, Source, table_columns
from quarterdeck.tui.style import GLYPHS
from quarterdeck_api.catalogue import Column
from quarterdeck_api.protocol import CatalogueResult
from quarterdeck_api.resources import CORE, Resource
from quarterdeck_api.visible import visible


class KindSchema(Struct, frozen=True):
    """One kind as tables show it: `views` from left to right, `columns` and `indexes` of the cells by backend name."""

    kind: str
    views: tuple[ColumnView, ...]
    columns: dict[str, tuple[Column, ...]]
    indexes: dict[str, dict[str, int]]

    def named(self, title: str) -> "KindSchema":
        """The same with another title over the names."""
        views = tuple(
            ColumnView(view.source, Column("name", title)) if view.source is Source.NAME else view
            for view in self.views
        )
        return KindSchema(self.kind, views, self.columns, self.indexes)

    def columns_of(self, resource: Resource) -> Sequence[Column]:
        """The columns in which this resource's cells stand."""
        return self.columns.get(resource.backend, ())

    def all_columns(self) -> tuple[Column, ...]:
        """Every column that any backend has, to check a filter's fields."""
        return tuple(column for columns in self.columns.values() for column in columns)

    def text(self, resource: Resource, view: ColumnView, now: float) -> str:
        """What a column shows of a resource, safe for a terminal."""
        match view.source:
            case Source.NAME:
                return visible(resource.name)
            case Source.BACKEND:
                return resource.backend
            case Source.STATE:
                return f"{GLYPHS[resource.health]} {visible(resource.state or resource.health.value)}"
            case Source.REASON:
                return visible(resource.reason)
            case Source.CELL:
                index = self.indexes.get(resource.backend, {}).get(view.column.id, -1)
                if not 0 <= index < len(resource.cells):
                    return ""
                return format_cell(resource.cells[index], view.column.type, now)
            case Source.RATE | Source.TREND:
                return ""  # Of a schema with rates only.


def kind_schema(kind: str, known: CatalogueResult) -> KindSchema:
    """The schema of a kind, from everything that the plugins declare."""
    catalogues = {status.id: status.catalogue for status in known.plugins if status.catalogue is not None}
    plugins = {backend.name: backend.plugin for backend in known.backends} | {CORE: CORE}
    columns: dict[str, tuple[Column, ...]] = {}
    for backend, plugin in plugins.items():
        found = catalogues[plugin].kind(kind) if plugin in catalogues else None
        if found is not None:
            columns[backend] = found.columns
    indexes = {backend: {column.id: index for index, column in enumerate(own)} for backend, own in columns.items()}
    views = table_columns(kind, catalogues.values(), backend=set(columns) != {CORE})
    return KindSchema(kind, views, columns, indexes)
