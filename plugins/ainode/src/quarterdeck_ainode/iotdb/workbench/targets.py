"""Where a forecast is written: what has to be made first, what is there already, and the exact statements."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.quoting import identifier, path_nodes, require_allowed
from quarterdeck_ainode.iotdb.quoting import text as literal
from quarterdeck_ainode.iotdb.series import Series, TableSeries, TreeSeries
from quarterdeck_ainode.iotdb.table_columns import TableColumns, read_table_columns
from quarterdeck_ainode.iotdb.workbench.horizon_times import Times, pandas_times
from quarterdeck_ainode.iotdb.workbench.sql_names import table_name, tree_path
from quarterdeck_ainode.iotdb.workbench.statements import USUAL_TIME, Statement, tags_query
from quarterdeck_ainode.iotdb.workbench.target_names import tags_by_name, target_series
from quarterdeck_ainode.iotdb.workbench.window import times_in, tree_type
from quarterdeck_ainode.result_files import read_times
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.documents import Block, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnknownOutcomeError, UsageError
from quarterdeck_api.jobs import JobContext

#: Rows of one INSERT.
ROWS_A_STATEMENT = 500

_LONGEST_SHOWN = 2000

#: Rows that a document shows of what would be written.
_SHOWN = 10

#: More times of a target than this are not compared one by one: all of them count as replaced.
_MOST_COMPARED = 100_000

_WRITING = "writing"

_KEEPS_FRACTIONS = ("DOUBLE", "FLOAT")


class Target(Struct, frozen=True):
    """A series to write to. `making` makes what is missing, `existing` counts the points that writing would replace, `time` is a table's column of times."""

    series: Series
    times: Times
    making: tuple[Statement, ...]
    aligned: bool
    existing: int
    time: str = USUAL_TIME

    @property
    def new(self) -> bool:
        """Whether something has to be made first."""
        return bool(self.making)


def plan_target(client: IotdbClient, name: str, source: Series, times: Times) -> Target:
    """Looks what is there; raises UsageError for a target that cannot take a forecast."""
    series = target_series(name, source)
    if isinstance(series, TreeSeries):
        making, aligned, there = _plan_tree(client, series)
        existing = _existing(client, series, times) if there else 0
        return Target(series, times, making, aligned, existing)
    columns = read_table_columns(client, series.database, series.table)
    if columns is None:
        return Target(series, times, (_new_table(client, series),), aligned=False, existing=0)
    series = _of_same_device(client, series, source, columns.tags)
    making = _missing_column(series, columns)
    named = tags_by_name(series)
    without = [tag for tag in columns.tags if tag.lower() not in named]
    existing = 0 if making else _existing(client, series, times, without, columns.time)
    return Target(series, times, making, aligned=False, existing=existing, time=columns.time)


def require_overwrite(target: Target, overwrite: bool) -> None:
    """Raises QuarterdeckError when points would be replaced and nobody said that they may."""
    if target.existing and not overwrite:
        raise QuarterdeckError(
            f"{target.existing} of the {len(target.times)} points would replace points that {target.series.name} has already",
            "replace them with --overwrite, or write to another series",
        )


def write_statements(target: Target, values: Sequence[float]) -> tuple[Statement, ...]:
    """What writes the values: every statement the same when it is sent again, since a point is known by its time."""
    rows = list(zip(target.times.tolist(), values, strict=True))
    parts = [rows[place : place + ROWS_A_STATEMENT] for place in range(0, len(rows), ROWS_A_STATEMENT)]
    return tuple(_insert(target, part) for part in parts)


def write(client: IotdbClient, target: Target, values: Sequence[float], log: Callable[[str], None]) -> None:
    """Makes what is missing and writes the values, once, each statement logged before; raises UnknownOutcomeError when an answer was lost."""
    for statement in (*target.making, *write_statements(target, values)):
        log(_shortened(statement))
        try:
            client.execute(statement.text, dialect=statement.dialect)
        except UnknownOutcomeError as error:
            raise UnknownOutcomeError(
                error.message, "do it again with --overwrite: the same points are written, and none is there twice"
            ) from error


def begun(context: JobContext, target: str) -> bool:
    """Whether an earlier attempt of the job has begun to write to a target: what is there may be its own."""
    return context.spec.checkpoint == {_WRITING: target}


def begin(context: JobContext, target: str) -> None:
    """Keeps, for later attempts, that writing begins."""
    context.checkpoint({_WRITING: target})


def target_blocks(target: Target, values: Sequence[float], unit: TimeUnit, title: str) -> tuple[Block, ...]:
    """What is written, as a document shows it: target, first rows, statements."""
    shown = pandas_times(target.times[:_SHOWN], unit)
    statements = [*target.making, *write_statements(target, values)]
    text = ";\n".join(_shortened(each) for each in statements)
    facts = (
        Fact("Target", target.series.name),
        Fact("Is made", "yes" if target.new else "no, it exists"),
        Fact("Points", len(target.times)),
        Fact("Points that are replaced", target.existing),
    )
    rows = tuple(zip(read_times(shown), [float(each) for each in values[:_SHOWN]], strict=True))
    more = f", the first {_SHOWN} of {len(target.times)}" if len(target.times) > _SHOWN else ""
    return (
        FactsBlock(facts, title),
        TableBlock(("time", "value"), rows, f"Rows{more}"),
        TextBlock(text, "sql", "Statements that write"),
    )


def _shortened(statement: Statement) -> str:
    """A statement as people read it: of hundreds of rows the first ones."""
    return statement.text if len(statement.text) <= _LONGEST_SHOWN else f"{statement.text[:_LONGEST_SHOWN]} …"


def _plan_tree(client: IotdbClient, series: TreeSeries) -> tuple[tuple[Statement, ...], bool, bool]:
    path = tree_path(series.path)
    devices = client.rows(f"SHOW DEVICES {path.device}").texts()
    aligned = any(row.get("isaligned", "").lower() == "true" for row in devices)
    found = tree_type(client, series)
    if found is None:
        require_allowed(path_nodes(series.path))
        text = (
            f"CREATE ALIGNED TIMESERIES {path.device}({path.measurement} DOUBLE)"
            if aligned
            else f"CREATE TIMESERIES {path.text} WITH DATATYPE=DOUBLE"
        )
        return (Statement(text, Dialect.TREE),), aligned, False
    _check_type(series, found)
    return (), aligned, True


def _of_same_device(client: IotdbClient, series: TableSeries, source: Series, tags: Sequence[str]) -> TableSeries:
    """The target with every tag of the source, when it is of the same table: else its points would be another device's."""
    if not isinstance(source, TableSeries) or _table_of(series) != _table_of(source):
        return series
    named = tags_by_name(source)
    if tags_by_name(series) != named:
        return series
    open_tags = [tag for tag in tags if tag.lower() not in named]
    if not open_tags:
        return series
    statement = tags_query(source, open_tags)
    found = client.rows(statement.text, dialect=statement.dialect).values
    if len(found) != 1:
        raise UsageError(
            f"{source.name} has rows of several devices, which differ in {', '.join(open_tags)}: whose the forecast is, is open",
            f'name all tags of the target, as {series.database}.{series.table}.{series.column}[{open_tags[0]}="value"]',
        )
    values = [(tag, str(value)) for tag, value in zip(open_tags, found[0], strict=True) if value is not None]
    return TableSeries(series.database, series.table, series.column, (*series.tags, *values))


def _table_of(series: TableSeries) -> tuple[str, str]:
    return series.database.lower(), series.table.lower()


def _new_table(client: IotdbClient, series: TableSeries) -> Statement:
    """What makes the table of a series in a database that is there."""
    if not _has_database(client, series.database):
        raise NotFoundError(f"there is no database {series.database}", "make it first, or write to another one")
    tags = "".join(f"{identifier(tag)} STRING TAG, " for tag, _ in series.tags)
    text = f"CREATE TABLE {table_name(series)} ({tags}{identifier(series.column)} DOUBLE FIELD)"
    return Statement(text, Dialect.TABLE)


def _missing_column(series: TableSeries, columns: TableColumns) -> tuple[Statement, ...]:
    """What makes the column of a series in a table that is there, nothing when it has it; raises UsageError for one that takes no forecast."""
    tags = {tag.lower() for tag in columns.tags}
    wrong = next((tag for tag in tags_by_name(series) if tag not in tags), None)
    if wrong is not None:
        raise UsageError(
            f"{wrong} is no tag of {series.database}.{series.table}",
            f"its tags are: {', '.join(columns.tags) or 'none'}",
        )
    found = columns.named(series.column)
    if found is None:
        text = f"ALTER TABLE {table_name(series)} ADD COLUMN {identifier(series.column)} DOUBLE FIELD"
        return (Statement(text, Dialect.TABLE),)
    if found.category != "FIELD":
        raise UsageError(f"{series.column} is a {found.category.lower()} and holds no measurements", "write to a field")
    _check_type(series, found.type)
    return ()


def _has_database(client: IotdbClient, name: str) -> bool:
    found = client.rows("SHOW DATABASES", dialect=Dialect.TABLE)
    return any(str(each).lower() == name.lower() for each in found.column("Database"))


def _check_type(series: Series, found: str) -> None:
    if found not in _KEEPS_FRACTIONS:
        raise UsageError(
            f"{series.name} is {found}, which cannot hold a forecast's fractions",
            "write to a series of type DOUBLE, or to one that does not exist yet",
        )


def _existing(
    client: IotdbClient, series: Series, times: Times, without: Sequence[str] = (), time: str = USUAL_TIME
) -> int:
    found = times_in(client, series, Span(int(times[0]), int(times[-1])), _MOST_COMPARED, without, time)
    if len(found) >= _MOST_COMPARED:
        return len(times)
    return int(np.count_nonzero(np.isin(times, found)))


def _insert(target: Target, rows: Sequence[tuple[int, float]]) -> Statement:
    if isinstance(target.series, TreeSeries):
        path = tree_path(target.series.path)
        kind = " ALIGNED" if target.aligned else ""
        written = ", ".join(f"({moment}, {value!r})" for moment, value in rows)
        text = f"INSERT INTO {path.device}(timestamp, {path.measurement}){kind} VALUES {written}"
        return Statement(text, Dialect.TREE)
    tags = target.series.tags
    time = target.time if target.time == USUAL_TIME else identifier(target.time)
    names = ", ".join((time, *(identifier(tag) for tag, _ in tags), identifier(target.series.column)))
    fixed = "".join(f"{literal(value)}, " for _, value in tags)
    written = ", ".join(f"({moment}, {fixed}{value!r})" for moment, value in rows)
    return Statement(f"INSERT INTO {table_name(target.series)}({names}) VALUES {written}", Dialect.TABLE)
