"""The statements that read data and look at what is written, as text; pure. Times are integers in the server's precision.

Results bear names of our own (`c0`, `c1` …), since a server's name of a series may be any text, and be there twice.
"""

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.quoting import identifier, text
from quarterdeck_ainode.value_types import ValueType


class SourceColumn(Struct, frozen=True):
    """A column that is read or written: its bare name, how it stands in SQL, and its type."""

    name: str
    sql: str
    type: ValueType


class Source(Struct, frozen=True):
    """Columns of one device or of the rows of one table; `sql` is its name in SQL, `time` that of its time column, `tags` bare names with values."""

    dialect: Dialect
    sql: str
    columns: tuple[SourceColumn, ...]
    time: str = "time"
    tags: tuple[tuple[str, str], ...] = ()


class Span(Struct, frozen=True):
    """A stretch of time, both ends included; None is open."""

    first: int | None = None
    last: int | None = None


ALL_TIMES = Span()


def extent_statement(source: Source, span: Span) -> str:
    """How much there is: for a table one count with first and last time, for a device these three for each column."""
    if source.dialect is Dialect.TABLE:
        time = source.time
        return f"SELECT count(*) AS n0, min({time}) AS f0, max({time}) AS l0 FROM {source.sql}{_where(source, span)}"
    parts = ", ".join(
        f"count({column.sql}) AS n{place}, min_time({column.sql}) AS f{place}, max_time({column.sql}) AS l{place}"
        for place, column in enumerate(source.columns)
    )
    return f"SELECT {parts} FROM {source.sql}{_where(source, span)}"


def page_statement(source: Source, span: Span, after: int | None, rows: int) -> str:
    """The next rows of a span after a time, in the order of their times: the time and the columns."""
    columns = ", ".join(f"{column.sql} AS c{place}" for place, column in enumerate(source.columns))
    where = _where(source, span, after)
    if source.dialect is Dialect.TABLE:
        time = source.time
        return f"SELECT {time} AS t, {columns} FROM {source.sql}{where} ORDER BY {time} LIMIT {rows}"
    return f"SELECT {columns} FROM {source.sql}{where} LIMIT {rows}"


def devices_statement(table: str, tags: tuple[tuple[str, str], ...], most: int) -> str:
    """Devices of a table whose tags have these values."""
    conditions = " AND ".join(f"{identifier(name)} = {text(value)}" for name, value in tags)
    return f"SHOW DEVICES FROM {table}{f' WHERE {conditions}' if conditions else ''} LIMIT {most}"


def create_table_statement(table: str, tags: tuple[str, ...], columns: tuple[SourceColumn, ...]) -> str:
    """Makes a table with tags and fields, unless there is one."""
    parts = [f"{identifier(tag)} STRING TAG" for tag in tags]
    parts += [f"{column.sql} {column.type.name} FIELD" for column in columns]
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(parts)})"


def add_column_statement(table: str, column: SourceColumn) -> str:
    """Gives a table one more field, unless it has it."""
    return f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.sql} {column.type.name} FIELD"


def create_series_statements(device: str, columns: tuple[SourceColumn, ...], *, aligned: bool) -> tuple[str, ...]:
    """Makes series of a device: aligned ones together, others one by one."""
    if aligned:
        parts = ", ".join(f"{column.sql} {column.type.name}" for column in columns)
        return (f"CREATE ALIGNED TIMESERIES {device} ({parts})",)
    return tuple(f"CREATE TIMESERIES {device}.{column.sql} {column.type.name}" for column in columns)


def _where(source: Source, span: Span, after: int | None = None) -> str:
    conditions = [f"{identifier(name)} = {text(value)}" for name, value in source.tags]
    if after is not None:
        conditions.append(f"{source.time} > {after}")
    elif span.first is not None:
        conditions.append(f"{source.time} >= {span.first}")
    if span.last is not None:
        conditions.append(f"{source.time} <= {span.last}")
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
