"""The columns of a table as the server describes them: which one holds the times, which are tags and which are fields."""

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.quoting import identifier

#: What the server answers of a table or database that does not exist.
_NO_TABLE = frozenset({500, 550})


class TableColumn(Struct, frozen=True):
    """A column: its type and category (`TIME`, `TAG`, `FIELD`, `ATTRIBUTE`) in the server's words."""

    name: str
    type: str
    category: str
    comment: str = ""


class TableColumns(Struct, frozen=True):
    """All columns of a table, in the server's order."""

    columns: tuple[TableColumn, ...]

    @property
    def time(self) -> str:
        """The name of the column of times."""
        return next(each.name for each in self.columns if each.category == "TIME")

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the tags, which tell devices apart."""
        return tuple(each.name for each in self.columns if each.category == "TAG")

    def named(self, name: str) -> TableColumn | None:
        """The column of a name, whatever its case, as the server takes it."""
        return next((each for each in self.columns if each.name.lower() == name.lower()), None)


def table_sql(database: str, table: str) -> str:
    """A table's name in SQL."""
    return f"{identifier(database)}.{identifier(table)}"


def describe_table(database: str, table: str) -> str:
    """The statement that gives the columns of a table, with type and category."""
    return f"DESCRIBE {table_sql(database, table)} DETAILS"


def read_table_columns(client: IotdbClient, database: str, table: str) -> TableColumns | None:
    """The columns of a table; None when there is no such table."""
    try:
        found = client.rows(describe_table(database, table), dialect=Dialect.TABLE)
    except IotdbError as error:
        if error.status in _NO_TABLE:
            return None
        raise
    return TableColumns(
        tuple(
            TableColumn(row["columnname"], row["datatype"].upper(), row["category"].upper(), row.get("comment", ""))
            for row in found.texts()
        )
    )
