"""The statements of the workbench: reading a window of a series, and what is asked of a cluster's models; pure.

Times are integers in the server's precision. Everything is ordered by time and bounded, and whatever a user wrote is quoted. `time` is the name
of a table's column of times, which its maker may have chosen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.quoting import identifier
from quarterdeck_ainode.iotdb.quoting import text as literal
from quarterdeck_ainode.iotdb.series import Series, TableSeries, TreeSeries
from quarterdeck_ainode.iotdb.workbench.sql_names import quoted_statement, table_name, tree_path
from quarterdeck_api.errors import UsageError

#: The name under which times come as integers, which no column of a user is likely to have.
TIME = "__time"

#: The name of a table's column of times, unless its maker chose another.
USUAL_TIME = "time"

_DOUBLE = "DOUBLE"


class Statement(Struct, frozen=True):
    """SQL with the dialect that it is written in."""

    text: str
    dialect: Dialect


def window_query(
    series: Series, rows: int, stretch: Span, *, drop_nulls: bool = False, time: str = USUAL_TIME
) -> Statement:
    """The last rows of a series, newest first: an integer time and a value."""
    if isinstance(series, TreeSeries):
        path = tree_path(series.path)
        where = _where([*_bounds("time", stretch)])
        text = f"SELECT {path.measurement} FROM {path.device}{where} ORDER BY TIME DESC LIMIT {rows}"
        return Statement(text, Dialect.TREE)
    column, moment = identifier(series.column), _time(time)
    conditions = [*_table_conditions(series, stretch, time)]
    if drop_nulls:
        conditions.append(f"{column} IS NOT NULL")
    text = (
        f"SELECT CAST({moment} AS INT64) AS {TIME}, {column} FROM {table_name(series)}{_where(conditions)} "
        f"ORDER BY {moment} DESC LIMIT {rows}"
    )
    return Statement(text, Dialect.TABLE)


def times_query(
    series: Series, stretch: Span, most: int, without: Sequence[str] = (), time: str = USUAL_TIME
) -> Statement:
    """The times at which a series has values in a stretch, oldest first, at most so many; of rows that lack the tags `without`."""
    if isinstance(series, TreeSeries):
        path = tree_path(series.path)
        where = _where([*_bounds("time", stretch)])
        return Statement(f"SELECT {path.measurement} FROM {path.device}{where} LIMIT {most}", Dialect.TREE)
    lacking = [f"{identifier(tag)} IS NULL" for tag in without]
    conditions = [*_table_conditions(series, stretch, time), *lacking, f"{identifier(series.column)} IS NOT NULL"]
    return _times_of(series, conditions, f"LIMIT {most}", time)


def tags_query(series: TableSeries, tags: Sequence[str]) -> Statement:
    """Which values other tags have in the rows of a series, at most two different ones."""
    names = ", ".join(identifier(tag) for tag in tags)
    where = _where(_tag_conditions(series))
    return Statement(f"SELECT DISTINCT {names} FROM {table_name(series)}{where} LIMIT 2", Dialect.TABLE)


def last_value_query(series: TableSeries, stretch: Span, time: str = USUAL_TIME) -> Statement:
    """The time of the last row of a stretch that has a value."""
    conditions = [*_table_conditions(series, stretch, time), f"{identifier(series.column)} IS NOT NULL"]
    return _times_of(series, conditions, "DESC LIMIT 1", time)


def nulls_query(series: TableSeries, stretch: Span, time: str = USUAL_TIME) -> Statement:
    """How many rows of a stretch have no value."""
    conditions = [*_table_conditions(series, stretch, time), f"{identifier(series.column)} IS NULL"]
    return Statement(f"SELECT count(*) FROM {table_name(series)}{_where(conditions)}", Dialect.TABLE)


def forecast_statement(
    series: Series,
    data_type: str,
    model: str,
    length: int,
    stretch: Span,
    options: Mapping[str, str],
    *,
    drop_nulls: bool = False,
    targets: str = "targets",
    time: str = USUAL_TIME,
) -> Statement:
    """FORECAST on a stretch: the function of the tree, or that of tables whose input argument is called `targets` (`input` before 2.0.8).

    A column of another type than DOUBLE is cast, since the table function casts what it forecasts back to the type of its input.
    """
    if isinstance(series, TreeSeries):
        path = tree_path(series.path)
        attributes = {"MODEL_ID": model, "OUTPUT_LENGTH": str(length)}
        if options:
            attributes["MODEL_OPTIONS"] = options_text(options)
        written = ", ".join(f"{literal(name)}={literal(value)}" for name, value in attributes.items())
        where = _where([*_bounds("time", stretch)])
        return Statement(f"SELECT FORECAST({path.measurement}, {written}) FROM {path.device}{where}", Dialect.TREE)
    column = identifier(series.column)
    arguments = [
        f"model_id => {literal(model)}",
        f"{targets} => ({_table_input(series, data_type, stretch, time, drop_nulls=drop_nulls)}) ORDER BY time",
        f"output_length => {length}",
    ]
    if options:
        arguments.append(f"model_options => {literal(options_text(options))}")
    text = f"SELECT CAST(time AS INT64) AS {TIME}, {column} FROM FORECAST({', '.join(arguments)})"
    return Statement(text, Dialect.TABLE)


def classify_statement(
    series: TableSeries,
    data_type: str,
    model: str,
    stretch: Span,
    *,
    drop_nulls: bool = False,
    argument: str = "input",
    time: str = USUAL_TIME,
) -> Statement:
    """CLASSIFY on a stretch of a table's column, its input called `argument`: one label for each row, at its time. It takes no options."""
    source = _table_input(series, data_type, stretch, time, drop_nulls=drop_nulls)
    text = (
        f"SELECT CAST(time AS INT64) AS {TIME}, category FROM CLASSIFY("
        f"model_id => {literal(model)}, {argument} => ({source}) ORDER BY time)"
    )
    return Statement(text, Dialect.TABLE)


def inference_statement(
    series: TreeSeries, model: str, length: int, stretch: Span, options: Mapping[str, str], *, times: bool
) -> Statement:
    """CALL INFERENCE on a stretch of a series of the tree; with `times` beside those that the server makes up."""
    if not model.replace("_", "").isalnum() or not model.isascii():
        raise UsageError(f"{model!r} cannot be the id of a model", "it has letters, digits and underscores only")
    path = tree_path(series.path)
    source = f"SELECT {path.measurement} FROM {path.device}{_where([*_bounds('time', stretch)])}"
    extra = "".join(f", {_option_name(name)}={literal(value)}" for name, value in options.items())
    made_up = "generateTime=true, " if times else ""
    text = f"CALL INFERENCE({model}, {quoted_statement(source)}, {made_up}outputLength={length}{extra})"
    return Statement(text, Dialect.TREE)


def options_text(options: Mapping[str, str]) -> str:
    """Options as the server splits them: at commas, then at `=`; raises UsageError for what it would tear apart, or drop."""
    for name, value in options.items():
        _option_name(name)
        if not value.strip() or any(sign in value for sign in ",="):
            raise UsageError(
                f"{name} cannot be {value!r}: the server splits options at commas and equals signs",
                "write lists with ;, as order=2;1;1",
            )
    return ",".join(f"{name}={value}" for name, value in options.items())


def option_value(value: Any) -> str:
    """A parameter's value as an option: lists with `;`, which our AINode reads, since a comma would tear them apart."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(option_value(each) for each in value)
    return repr(value) if isinstance(value, float) else str(value)


def _option_name(name: str) -> str:
    if not name.isidentifier() or not name.isascii():
        raise UsageError(f"{name!r} cannot be the name of an option", "it has letters, digits and underscores only")
    return name


def _table_input(series: TableSeries, data_type: str, stretch: Span, time: str, *, drop_nulls: bool) -> str:
    column = identifier(series.column)
    value = column if data_type == _DOUBLE else f"CAST({column} AS DOUBLE) AS {column}"
    moment = USUAL_TIME if time == USUAL_TIME else f"{_time(time)} AS {USUAL_TIME}"
    conditions = [*_table_conditions(series, stretch, time)]
    if drop_nulls:
        conditions.append(f"{column} IS NOT NULL")
    return f"SELECT {moment}, {value} FROM {table_name(series)}{_where(conditions)}"


def _times_of(series: TableSeries, conditions: list[str], order: str, time: str) -> Statement:
    moment = _time(time)
    text = f"SELECT CAST({moment} AS INT64) AS {TIME} FROM {table_name(series)}{_where(conditions)} ORDER BY {moment} {order}"
    return Statement(text, Dialect.TABLE)


def _time(name: str) -> str:
    return name if name == USUAL_TIME else identifier(name)


def _table_conditions(series: TableSeries, stretch: Span, time: str) -> list[str]:
    return [*_tag_conditions(series), *_bounds(_time(time), stretch)]


def _tag_conditions(series: TableSeries) -> list[str]:
    return [f"{identifier(tag)} = {literal(value)}" for tag, value in series.tags]


def _bounds(name: str, stretch: Span) -> list[str]:
    bounds = [(">=", stretch.first), ("<=", stretch.last)]
    return [f"{name} {sign} {moment}" for sign, moment in bounds if moment is not None]


def _where(conditions: list[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
