"""Tables and their columns, page by page; a column is a series, of all rows or of those with certain tags."""

from collections.abc import Mapping, Sequence

from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.browsed.counting import CountedSource, Lister
from quarterdeck_ainode.iotdb.browsed.series_off import off_of_series
from quarterdeck_ainode.iotdb.browsed.series_statistics import Extent, column_extents, extent_cells
from quarterdeck_ainode.iotdb.browsed.table_names import TableDevice, TableName
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_text
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.series import TableSeries
from quarterdeck_ainode.iotdb.table_columns import TableColumn, read_table_columns
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.resources import Resource

#: Tables whose columns get statistics on one page: each costs a statement.
_TABLES_OF_A_PAGE = 4


class TableSource(CountedSource):
    """Tables of a database, or of all users' databases."""

    def __init__(self, lister: Lister, database: str, word: str) -> None:
        super().__init__(lister, schema_statements.count_tables(database, word), Dialect.TABLE)
        self._database = database
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        statement = schema_statements.show_tables(self._database, self._word, limit, offset)
        return [self._table(row) for row in self._lister.client.rows(statement, dialect=Dialect.TABLE).texts()]

    def _table(self, row: Mapping[str, str]) -> Resource:
        return self._lister.make(
            "table",
            TableName(row["database"], row["table_name"]).name,
            cells={
                "database": row["database"],
                "type": row.get("table_type", "").lower(),
                "ttl": ttl_text(row.get("ttl(ms)", "")),
                "comment": row.get("comment") or None,
            },
            state=row.get("status", "").lower(),
            parent=f"{self._lister.backend}/database/{row['database']}",
        )


class ColumnSource(CountedSource):
    """The columns that hold measurements, of the tables of a database or of all users' tables."""

    def __init__(self, lister: Lister, database: str, word: str) -> None:
        super().__init__(lister, schema_statements.count_columns(database, word), Dialect.TABLE)
        self._database = database
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them, with how much they have when they are of few tables."""
        statement = schema_statements.show_columns(self._database, self._word, limit, offset)
        found = list(self._lister.client.rows(statement, dialect=Dialect.TABLE).texts())
        tables = list(dict.fromkeys((row["database"], row["table_name"]) for row in found))
        extents: dict[tuple[str, str, str], Extent] = {}
        for database, table in tables if len(tables) <= _TABLES_OF_A_PAGE else ():
            wanted = [row["column_name"] for row in found if (row["database"], row["table_name"]) == (database, table)]
            of_table = column_extents(self._lister.client, database, table, wanted)
            extents.update({(database, table, column): extent for column, extent in of_table.items()})
        return [
            column_resource(
                self._lister.make,
                self._lister.backend,
                TableSeries(row["database"], row["table_name"], row["column_name"]),
                row["datatype"],
                extents.get((row["database"], row["table_name"], row["column_name"])),
            )
            for row in found
        ]


class TableDeviceSource(CountedSource):
    """The devices of a table: each combination of tags that it has."""

    def __init__(self, lister: Lister, table: TableName, tags: Sequence[str]) -> None:
        super().__init__(lister, schema_statements.count_table_devices(table.database, table.table), Dialect.TABLE)
        self._parent = f"{lister.backend}/table/{table.name}"
        self._table = table
        self._tags = tags

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        statement = schema_statements.table_devices(self._table.database, self._table.table, limit, offset)
        found = self._lister.client.rows(statement, dialect=Dialect.TABLE)
        places = [(tag, found.place(tag)) for tag in self._tags]
        devices = [
            TableDevice(self._table, tuple((tag, str(row[at])) for tag, at in places if row[at] is not None))
            for row in found.values
        ]
        return [self._lister.make("device", each.name, cells={}, parent=self._parent) for each in devices]


def columns_of(client: IotdbClient, table: TableName) -> tuple[TableColumn, ...]:
    """The columns of a table, in its order; raises NotFoundError when there is no such table."""
    found = read_table_columns(client, table.database, table.table)
    if found is None:
        raise NotFoundError(f"there is no table {table.name}", "see the tables of the cluster: `quarterdeck get table`")
    return found.columns


def require_tags(columns: Sequence[TableColumn], table: TableName, tags: Sequence[str], address: str = "") -> None:
    """Raises NotFoundError for a tag that the table has not."""
    known = [each.name for each in columns if each.category == "TAG"]
    unknown = [tag for tag in tags if tag.lower() not in {each.lower() for each in known}]
    if unknown:
        raise NotFoundError(
            f"table {table.name} has no tag {unknown[0]!r}", f"its tags are: {', '.join(known) or 'none'}", address
        )


def column_resources(
    client: IotdbClient,
    make: ResourceMaker,
    backend: str,
    table: TableName,
    columns: Sequence[TableColumn],
    tags: Sequence[tuple[str, str]],
) -> list[Resource]:
    """The measured columns of a table, of the rows with these tags."""
    extents = column_extents(client, table.database, table.table, [column.name for column in columns], tags)
    return [
        column_resource(
            make,
            backend,
            TableSeries(table.database, table.table, column.name, tuple(tags)),
            column.type,
            extents.get(column.name),
        )
        for column in columns
    ]


def column_resource(
    make: ResourceMaker, backend: str, series: TableSeries, kind: str, extent: Extent | None
) -> Resource:
    """A column as a series."""
    return make(
        "series",
        series.name,
        cells={
            "type": kind,
            "tags": ", ".join(f"{tag}={value}" for tag, value in series.tags) or None,
            **extent_cells(extent),
        },
        actions_off=off_of_series(kind),
        parent=f"{backend}/table/{TableName(series.database, series.table).name}",
    )
