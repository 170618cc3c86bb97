"""Where a dataset is written to: what is there already, what has to be made first, and why it cannot be; nothing is changed here."""

import re
from collections.abc import Sequence

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.parameters import IngestParameters
from quarterdeck_ainode.iotdb.data.reading import read_extent
from quarterdeck_ainode.iotdb.data.sources import device_columns, parse_tags, table_columns, tags_text
from quarterdeck_ainode.iotdb.data.statements import (
    Source,
    SourceColumn,
    Span,
    add_column_statement,
    create_series_statements,
    create_table_statement,
)
from quarterdeck_ainode.iotdb.quoting import bare, identifier, node, path_nodes, require_allowed
from quarterdeck_ainode.iotdb.table_columns import table_sql
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.resources import Address

_NUMBERS = frozenset({ValueType.INT32, ValueType.INT64, ValueType.FLOAT, ValueType.DOUBLE})
_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class IngestPlan(Struct, frozen=True):
    """A target: `columns` stand in the order of the dataset's; `target` and `database` as a tablet has them (`database` empty in the tree).

    `statements` make what is not there, in their order; `existing` are the columns that are there. `tags` are bare names with values.
    """

    dialect: Dialect
    sql: str
    target: str
    database: str
    columns: tuple[SourceColumn, ...]
    existing: tuple[SourceColumn, ...]
    tags: tuple[tuple[str, str], ...]
    aligned: bool
    statements: tuple[str, ...]
    time: str = "time"
    notices: tuple[str, ...] = ()

    def points_there(self, client: IotdbClient, span: Span) -> int:
        """How many rows the target has in a span already (of several series: the one with the most)."""
        if not self.existing:
            return 0
        return read_extent(client, Source(self.dialect, self.sql, self.existing, self.time, self.tags), span).rows


def plan_ingest(client: IotdbClient, address: str, wanted: IngestParameters, columns: Sequence[str]) -> IngestPlan:
    """Where the columns of a dataset go in the database at an address; raises UsageError with what is wrong about it."""
    database = Address.parse(address).name
    tags = parse_tags(wanted.tags)
    if is_tree(database):
        if tags:
            raise UsageError(f"{database} is a database of the tree, which has no tags", "leave --tags out", address)
        return _device_plan(client, database, wanted, columns, address)
    return _table_plan(client, database, wanted.into, tags, columns, address)


def is_tree(database: str) -> bool:
    """Whether a database is one of the tree."""
    return database == "root" or database.startswith("root.")


def chosen_columns(wanted: IngestParameters, known: Sequence[str]) -> tuple[str, ...]:
    """The dataset's columns that are written; raises UsageError."""
    for name in wanted.columns:
        if name not in known:
            raise UsageError(f"{wanted.dataset} has no column {name!r}", nearest(name, known))
    if len(set(wanted.columns)) < len(wanted.columns):
        raise UsageError("a column is named twice", "name each once")
    return wanted.columns or tuple(known)


def _device_plan(
    client: IotdbClient, database: str, wanted: IngestParameters, columns: Sequence[str], address: str
) -> IngestPlan:
    written = wanted.into if wanted.into.startswith("root.") else f"{database}.{wanted.into}"
    nodes = [node(bare(each)) if place else each for place, each in enumerate(path_nodes(written))]
    above = [node(bare(each)) if place else each for place, each in enumerate(path_nodes(database))]
    if nodes[: len(above)] != above or len(nodes) == len(above):
        raise UsageError(f"{written} is no device below {database}", f"write {database}.NAME", address)
    require_allowed([*nodes, *columns])
    device = ".".join(nodes)
    known = device_columns(client, device)
    rows = list(client.rows(f"SHOW DEVICES {device}").texts())
    aligned = rows[0]["isaligned"].lower() == "true" if rows else wanted.aligned
    notices: list[str] = []
    if rows and aligned is not wanted.aligned:
        notices.append(f"{device} is there already and {'aligned' if aligned else 'not aligned'}; it stays so")
    found = [known.get(name) or SourceColumn(name, node(name), ValueType.DOUBLE) for name in columns]
    existing = tuple(column for column in found if column.name in known)
    notices += _check_types(existing, device, address)
    missing = tuple(column for column in found if column.name not in known)
    statements = create_series_statements(device, missing, aligned=aligned) if missing else ()
    return IngestPlan(
        Dialect.TREE, device, device, "", tuple(found), existing, (), aligned, statements, notices=tuple(notices)
    )


def _table_plan(
    client: IotdbClient, database: str, name: str, tags: dict[str, str], columns: Sequence[str], address: str
) -> IngestPlan:
    table = name.removeprefix(f"{database}.")
    if not _TABLE_NAME.fullmatch(table):
        raise UsageError(f"{table!r} cannot be a table's name here", "use letters, digits and '_'", address)
    sql = table_sql(database, table)
    given = tuple(tags.items())
    clash = [column for column in columns if column.lower() in {"time", *(tag.lower() for tag in tags)}]
    if clash:
        raise UsageError(
            f"the column {clash[0]!r} would be the table's time or one of its tags", "leave it out", address
        )
    _require_distinct(columns, address)
    there = table_columns(client, database, table)
    if there is None:
        found = tuple(SourceColumn(column, identifier(column), ValueType.DOUBLE) for column in columns)
        statements = (create_table_statement(sql, tuple(tags), found),)
        return IngestPlan(Dialect.TABLE, sql, table, database, found, (), given, False, statements)
    by_case = {column.lower(): (described, category) for column, (described, category) in there.items()}
    of_tags = [column for column, (_, category) in there.items() if category == "TAG"]
    unknown = [tag for tag in tags if tag.lower() not in {each.lower() for each in of_tags}]
    if unknown:
        raise UsageError(f"{database}.{table} has no tag {unknown[0]!r}", nearest(unknown[0], of_tags), address)
    left = [tag for tag in of_tags if tag.lower() not in {each.lower() for each in tags}]
    if left:
        raise UsageError(
            f"{database}.{table} has the tag{'s' * (len(left) > 1)} {', '.join(left)}, which the rows need too",
            f"give them all: --tags {tags_text({**tags, **dict.fromkeys(left, 'VALUE')})}",
            address,
        )
    fields = [by_case.get(column.lower()) for column in columns]
    for column, described in zip(columns, fields, strict=True):
        if described is not None and described[1] != "FIELD":
            raise UsageError(f"{column} of {database}.{table} is no field but {described[1]}", "leave it out", address)
    found = tuple(
        described[0] if described is not None else SourceColumn(column, identifier(column), ValueType.DOUBLE)
        for column, described in zip(columns, fields, strict=True)
    )
    existing = tuple(column for column, described in zip(found, fields, strict=True) if described is not None)
    notices = _check_types(existing, f"{database}.{table}", address)
    statements = tuple(add_column_statement(sql, column) for column in found if column not in existing)
    time = next(column.sql for column, category in there.values() if category == "TIME")
    return IngestPlan(
        Dialect.TABLE, sql, table, database, found, existing, given, False, statements, time, tuple(notices)
    )


def _require_distinct(columns: Sequence[str], address: str) -> None:
    """Raises UsageError for columns that a table would take for the same one."""
    first: dict[str, str] = {}
    for column in columns:
        other = first.setdefault(column.lower(), column)
        if other != column:
            raise UsageError(
                f"{other} and {column} would be one column of the table, whose names have no case",
                "name one of them with --columns",
                address,
            )


def _check_types(existing: Sequence[SourceColumn], where: str, address: str) -> list[str]:
    for column in existing:
        if column.type not in _NUMBERS:
            raise UsageError(
                f"{column.name} of {where} holds {column.type.name}, and a dataset has numbers",
                "leave the column out, or write into another one",
                address,
            )
    narrow = [column.name for column in existing if column.type is ValueType.FLOAT]
    return [f"{', '.join(narrow)} of {where} holds FLOAT: numbers are rounded to 32 bits"] if narrow else []
