"""Tables and their columns, page by page; a column is a series, of all rows or of those with certain tags."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb import schema_statements
from quarterdeck_ainode.iotdb.browse_tree import Counts, counted, ttl_text
from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.dialect import Dialect
from quarterdeck_ainode.iotdb.faults import IotdbError
from quarterdeck_ainode.iotdb.series import TableSeries
from quarterdeck_ainode.iotdb.series_off import off_of_series
from quarterdeck_ainode.iotdb.series_statistics import Extent, column_extents, extent_cells
from quarterdeck_ainode.iotdb.table_names import TableDevice, TableName
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.resources import Resource

_COUNTING_SECONDS = 2.0
#: Tables whose columns get statistics on one page: each costs a statement.
_TABLES_OF_A_PAGE = 4
#: What the server answers when there is no such table, and no such database.
_NO_TABLE = (550, 500)


class TableColumn(Struct, frozen=True):
    """A column of a table; `category` is TIME, TAG, ATTRIBUTE or FIELD."""

    name: str
    type: str
    category: str
    comment: str = ""


class TableSource:
    """Tables of a database, or of all users' databases."""

    def __init__(
        self, client: IotdbClient, counts: Counts, make: ResourceMaker, backend: str, database: str, word: str
    ) -> None:
        self._client = client
        self._counts = counts
        self._make = make
        self._backend = backend
        self._database = database
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        statement = schema_statements.show_tables(self._database, self._word, limit, offset)
        return [self._table(row) for row in self._client.rows(statement, dialect=Dialect.TABLE).texts()]

    def count(self) -> int | None:
        """How many there are."""
        statement = schema_statements.count_tables(self._database, self._word)
        return self._counts.of(statement, lambda: counted(self._client, statement, _COUNTING_SECONDS, Dialect.TABLE))

    def exact_count(self) -> int:
        """How many, however long it takes."""
        known = self.count()
        statement = schema_statements.count_tables(self._database, self._word)
        return known if known is not None else counted(self._client, statement, None, Dialect.TABLE)

    def _table(self, row: Mapping[str, str]) -> Resource:
        return self._make(
            "table",
            TableName(row["database"], row["table_name"]).name,
            cells={
                "database": row["database"],
                "type": row.get("table_type", "").lower(),
                "ttl": ttl_text(row.get("ttl(ms)", "")),
                "comment": row.get("comment") or None,
            },
            state=row.get("status", "").lower(),
            parent=f"{self._backend}/database/{row['database']}",
        )


class ColumnSource:
    """The columns that hold measurements, of the tables of a database or of all users' tables."""

    def __init__(
        self, client: IotdbClient, counts: Counts, make: ResourceMaker, backend: str, database: str, word: str
    ) -> None:
        self._client = client
        self._counts = counts
        self._make = make
        self._backend = backend
        self._database = database
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them, with how much they have when they are of few tables."""
        statement = schema_statements.show_columns(self._database, self._word, limit, offset)
        found = list(self._client.rows(statement, dialect=Dialect.TABLE).texts())
        tables = list(dict.fromkeys((row["database"], row["table_name"]) for row in found))
        extents: dict[tuple[str, str, str], Extent] = {}
        for database, table in tables if len(tables) <= _TABLES_OF_A_PAGE else ():
            wanted = [row["column_name"] for row in found if (row["database"], row["table_name"]) == (database, table)]
            of_table = column_extents(self._client, database, table, wanted)
            extents.update({(database, table, column): extent for column, extent in of_table.items()})
        return [
            column_resource(
                self._make,
                self._backend,
                TableSeries(row["database"], row["table_name"], row["column_name"]),
                row["datatype"],
                extents.get((row["database"], row["table_name"], row["column_name"])),
            )
            for row in found
        ]

    def count(self) -> int | None:
        """How many there are."""
        statement = schema_statements.count_columns(self._database, self._word)
        return self._counts.of(statement, lambda: counted(self._client, statement, _COUNTING_SECONDS, Dialect.TABLE))

    def exact_count(self) -> int:
        """How many, however long it takes."""
        known = self.count()
        return (
            known
            if known is not None
            else counted(self._client, schema_statements.count_columns(self._database, self._word), None, Dialect.TABLE)
        )


class TableDeviceSource:
    """The devices of a table: each combination of tags that it has."""

    def __init__(
        self,
        client: IotdbClient,
        counts: Counts,
        make: ResourceMaker,
        backend: str,
        table: TableName,
        tags: Sequence[str],
    ) -> None:
        self._client = client
        self._counts = counts
        self._make = make
        self._parent = f"{backend}/table/{table.name}"
        self._table = table
        self._tags = tags

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        statement = schema_statements.table_devices(self._table.database, self._table.table, limit, offset)
        found = self._client.rows(statement, dialect=Dialect.TABLE)
        places = [(tag, found.place(tag)) for tag in self._tags]
        devices = [
            TableDevice(self._table, tuple((tag, str(row[at])) for tag, at in places if row[at] is not None))
            for row in found.values
        ]
        return [self._make("device", each.name, cells={}, parent=self._parent) for each in devices]

    def count(self) -> int | None:
        """How many there are."""
        statement = schema_statements.count_table_devices(self._table.database, self._table.table)
        return self._counts.of(statement, lambda: counted(self._client, statement, _COUNTING_SECONDS, Dialect.TABLE))

    def exact_count(self) -> int:
        """How many, however long it takes."""
        known = self.count()
        statement = schema_statements.count_table_devices(self._table.database, self._table.table)
        return known if known is not None else counted(self._client, statement, None, Dialect.TABLE)


def columns_of(client: IotdbClient, table: TableName) -> tuple[TableColumn, ...]:
    """The columns of a table, in its order; raises NotFoundError when there is no such table."""
    statement = schema_statements.describe_table(table.database, table.table)
    try:
        found = client.rows(statement, dialect=Dialect.TABLE)
    except IotdbError as error:
        if error.status not in _NO_TABLE:
            raise
        raise NotFoundError(
            f"there is no table {table.name}", "see the tables of the cluster: `quarterdeck get table`"
        ) from error
    return tuple(
        TableColumn(row["columnname"], row["datatype"], row["category"].upper(), row.get("comment", ""))
        for row in found.texts()
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
