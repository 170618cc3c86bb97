"""The document of a series: how much it has, how regular it is, what a forecast has to know, and its latest values as a chart."""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.browsed.series_off import NUMBERS
from quarterdeck_ainode.iotdb.browsed.series_statistics import Extent, column_extents, tree_extents, value_text
from quarterdeck_ainode.iotdb.browsed.table_lists import columns_of, require_tags
from quarterdeck_ainode.iotdb.browsed.table_names import TableName
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.described.spacing import Spacing, duration_text, spacing_of
from quarterdeck_ainode.iotdb.described.time_text import time_text
from quarterdeck_ainode.iotdb.series import TableSeries, TreeSeries, parse_series
from quarterdeck_api.documents import (
    Block,
    ChartBlock,
    ChartSeries,
    Document,
    Fact,
    FactsBlock,
    SeriesRole,
    TextBlock,
)
from quarterdeck_api.errors import NotFoundError, QuarterdeckError
from quarterdeck_api.resources import Cell

#: Rows that are looked at, and points of the chart.
LOOKED_AT = 1_000
CHARTED = 500
#: Seconds for its points, for its latest rows, and for what can be left out: a page has ten in all, and each answer one of grace.
_SECONDS = 2.5
_SPARED_SECONDS = 1.0


class LatestRows(Struct, frozen=True):
    """The latest rows, oldest first: Unix times, values with None for NULL, and how they follow one another.

    `without` counts rows of the series' device that have no value.
    """

    times: tuple[float, ...]
    values: tuple[Cell, ...]
    spacing: Spacing | None
    without: int = 0

    @property
    def numbers(self) -> tuple[float | None, ...]:
        """The values as numbers; None for what is none."""
        return tuple(float(each) if isinstance(each, int | float) else None for each in self.values)


def describe_series(client: IotdbClient, address: str, name: str) -> Document:
    """The document; raises NotFoundError when there is no such series. Without its latest rows when they do not come in time."""
    series = parse_series(name)
    read: Callable[[], LatestRows]
    if isinstance(series, TreeSeries):
        kind, facts = _of_tree(client, address, series)
        extent = tree_extents(client, [series.path], _SECONDS).get(series.path, Extent())
        read = partial(_latest_of_tree, client, series)
    else:
        kind, facts = _of_table(client, address, series)
        table, column = TableName(series.database, series.table), series.column
        extent = column_extents(client, table.database, table.table, [column], series.tags, _SECONDS).get(
            column, Extent()
        )
        read = partial(_latest_of_table, client, series)
    head = _head(facts, extent)
    try:
        latest = read()
    except QuarterdeckError as error:
        return Document(address, (head, TextBlock(f"not read: {error.message}", title="The latest rows")))
    return series_document(address, kind, head, latest)


def series_document(address: str, kind: str, head: FactsBlock, latest: LatestRows) -> Document:
    """What is known, put together; pure."""
    blocks: list[Block] = [
        head,
        FactsBlock(tuple(_latest_facts(latest)), _latest_title(len(latest.times), "row")),
    ]
    warnings = forecast_warnings(kind, latest)
    if warnings:
        blocks.append(TextBlock("\n".join(f"• {each}" for each in warnings), title="Before it is forecast"))
    times, numbers = latest.times[-CHARTED:], latest.numbers[-CHARTED:]
    if any(each is not None for each in numbers):
        name = address.split("/", 2)[2]
        line = ChartSeries(name, SeriesRole.HISTORY, times, numbers)
        blocks.append(ChartBlock((line,), _latest_title(len(times), "value")))
    elif latest.values:
        rows = "\n".join(
            f"{time_text(at)}  {value_text(value)}" for at, value in zip(times[-10:], latest.values[-10:], strict=True)
        )
        blocks.append(TextBlock(rows, title="The latest values"))
    return Document(address, tuple(blocks))


def forecast_warnings(kind: str, latest: LatestRows) -> list[str]:
    """What a forecast of the series would stumble over, as sentences."""
    found: list[str] = []
    spacing = latest.spacing
    if kind not in NUMBERS:
        return [f"{kind} is no number: only {', '.join(NUMBERS)} can be forecast."]
    if len(latest.times) < 2:
        return ["It has fewer than two values: the server would give every forecast value the same time."]
    nulls = sum(1 for each in latest.values if each is None)
    if nulls:
        found.append(
            f"{nulls} of the latest {len(latest.values)} rows are NULL: the server forecasts with 0.0 in their place."
        )
    if spacing is not None and spacing.repeated:
        found.append(
            f"{spacing.repeated} of the rows are at the time of the one before: they are of several devices; "
            "choose one by its tags, or look below the table's devices."
        )
    if spacing is not None and spacing.gaps:
        gaps = "is 1 gap" if spacing.gaps == 1 else f"are {spacing.gaps} gaps"
        found.append(
            f"There {gaps}: the server spreads the forecast's times by the average distance, "
            f"not by the usual {duration_text(spacing.usual)}."
        )
    return found


def _head(facts: Sequence[Fact], extent: Extent) -> FactsBlock:
    return FactsBlock(
        (
            *facts,
            Fact("Points", extent.points if extent.points is not None else "not counted in time"),
            Fact("First", time_text(extent.first)),
            Fact("Last", time_text(extent.last)),
            Fact("Last value", extent.value),
        )
    )


def _latest_title(count: int, what: str) -> str:
    return f"The latest {what}" if count == 1 else f"The latest {count:,} {what}s"


def _latest_facts(latest: LatestRows) -> list[Fact]:
    spacing = latest.spacing
    numbers = [each for each in latest.numbers if each is not None]
    facts = [Fact("NULL", sum(1 for each in latest.values if each is None))]
    if latest.without:
        facts.append(Fact("Rows of the device without it", latest.without))
    if spacing is not None:
        regular = (
            "all alike" if spacing.alike else f"{duration_text(spacing.smallest)} to {duration_text(spacing.largest)}"
        )
        facts.append(Fact("Distance", f"{duration_text(spacing.usual)} ({regular})"))
        facts.append(Fact("Gaps", spacing.gaps))
    if numbers:
        facts.append(Fact("Smallest", min(numbers)))
        facts.append(Fact("Mean", sum(numbers) / len(numbers)))
        facts.append(Fact("Largest", max(numbers)))
    return facts


def _of_tree(client: IotdbClient, address: str, series: TreeSeries) -> tuple[str, list[Fact]]:
    rows = list(client.rows(schema_statements.show_series(series.path, "", 1, 0)).texts())
    if not rows:
        raise NotFoundError(
            f"there is no series {series.path}, or its user may not see it",
            "browse them: `quarterdeck get series`",
            address,
        )
    row = rows[0]
    kind = row.get("datatype", "")
    facts = [
        Fact("Data model", "tree"),
        Fact("Database", row.get("database")),
        Fact("Device", quoting.device_of(series.path)),
        Fact("Type", kind),
        Fact("Encoding", row.get("encoding")),
        Fact("Compression", row.get("compression")),
    ]
    facts.extend(Fact(label, row[key]) for label, key in (("Alias", "alias"), ("Tags", "tags")) if row.get(key))
    return kind, facts


def _of_table(client: IotdbClient, address: str, series: TableSeries) -> tuple[str, list[Fact]]:
    table = TableName(series.database, series.table)
    columns = {each.name.lower(): each for each in columns_of(client, table)}
    column = columns.get(series.column.lower())
    require_tags(list(columns.values()), table, [tag for tag, _ in series.tags], address)
    if column is None:
        raise NotFoundError(
            f"table {table.name} has no column {series.column!r}",
            f"its columns are: {', '.join(each.name for each in columns.values())}",
            address,
        )
    tags = ", ".join(f"{tag}={value}" for tag, value in series.tags)
    return column.type, [
        Fact("Data model", "table"),
        Fact("Table", table.name),
        Fact("Column", f"{column.name} ({column.category.lower()})"),
        Fact("Type", column.type),
        Fact("Rows", f"those with {tags}" if tags else "all of the table"),
    ]


def _latest_of_tree(client: IotdbClient, series: TreeSeries) -> LatestRows:
    found = client.rows(schema_statements.latest_rows(series.path, LOOKED_AT), purpose=Purpose.DATA, timeout=_SECONDS)
    latest = latest_of(found, float(client.precision()))
    if not latest.times:
        return latest
    oldest = found.values[-1][0]
    try:
        counted = client.rows(
            schema_statements.device_rows(quoting.device_of(series.path), int(oldest or 0)),
            purpose=Purpose.DATA,
            timeout=_SPARED_SECONDS,
        )
    except QuarterdeckError:
        return latest  # A version that cannot count a device's rows, or too many of them.
    rows = counted.values[0][0] if counted.values else 0
    return replace(latest, without=max(int(rows or 0) - len(latest.times), 0))


def _latest_of_table(client: IotdbClient, series: TableSeries) -> LatestRows:
    statement = schema_statements.latest_column_rows(
        series.database, series.table, series.column, series.tags, LOOKED_AT
    )
    found = client.rows(statement, dialect=Dialect.TABLE, purpose=Purpose.DATA, timeout=_SECONDS)
    return latest_of(found, float(client.precision()))


def latest_of(found: Rows, ticks: float) -> LatestRows:
    """Rows of time and value, newest first, turned round."""
    times = [(row[0], row[1]) for row in reversed(found.values) if isinstance(row[0], int | float)]
    at = [each for each, _ in times]
    return LatestRows(tuple(each / ticks for each in at), tuple(value for _, value in times), spacing_of(at, ticks))
