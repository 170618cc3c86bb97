"""Rows of datasets as resources of the browsed kind `row`, and what a dataset's document shows beside its facts."""

import re
from zoneinfo import ZoneInfo

from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue, DatasetRecord, missing_times
from quarterdeck.runtime.datasets.frequency import to_moment
from quarterdeck.runtime.datasets.reading import RowReader
from quarterdeck.runtime.datasets.reading_messages import Outline, ReadOutline, ReadRows
from quarterdeck.runtime.datasets.time_parsing import from_utc, zone
from quarterdeck_api.browsing import BrowseRequest, Page, ResourceMaker
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.documents import Block, ChartBlock, ChartSeries, Fact, FactsBlock, SeriesRole, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UsageError
from quarterdeck_api.jobs import DatasetLocation
from quarterdeck_api.resources import Address

ROW = "row"
ROW_COLUMNS = (
    Column("row", "Row", ColumnType.INTEGER),
    Column("time", "Time"),
    Column("value", "Value", ColumnType.NUMBER),
    Column("others", "Other columns"),
)

#: Points of a chart: more than a terminal has columns of dots.
_POINTS = 400
_CURSOR = re.compile(r"(\d{1,15})-(\d{1,15})")
_MICROSECONDS = 1_000_000


class DatasetRows:
    """Answers for the rows of datasets; `value` is the target's, `others` holds the other columns as `name=value`."""

    def __init__(self, datasets: DatasetCatalogue, reader: RowReader) -> None:
        self._datasets = datasets
        self._reader = reader

    async def browse(self, request: BrowseRequest, make: ResourceMaker) -> Page:
        """One page of the rows of the dataset `request.parent`, in the order of their times; rows are numbered from 1.

        Raises NotFoundError, UsageError without a parent, for a sample that is not imported yet, or for a foreign cursor.
        """
        if not request.parent:
            raise UsageError("rows are those of a dataset", "give one as the parent: core/dataset/NAME")
        location = self._datasets.location(request.parent)
        total = location.rows
        start, stop = _bounds(request, total)
        found = await self._reader.rows(_question(location, start, stop - start))
        place = zone(location.time_zone) if location.time_zone else None
        name = Address.parse(location.address).name
        resources = tuple(
            make(
                ROW,
                f"{name}#{number}",
                cells={
                    "row": number,
                    "time": time_text(time, place),
                    "value": values[0],
                    "others": " ".join(
                        f"{column}={'' if value is None else format(value, '.12g')}"
                        for column, value in zip(_columns(location)[1:], values[1:], strict=True)
                    ),
                },
                parent=location.address,
            )
            for number, time, values in zip(range(start + 1, stop + 1), found.times, found.values, strict=False)
        )
        previous = f"{max(start - request.limit, 0)}-{start}" if start else ""
        following = f"{stop}-{min(stop + request.limit, total)}" if stop < total else ""
        return Page(resources, following, previous, start, total, unfiltered=bool(request.filter))

    async def describe_row(self, address: Address) -> list[Block]:
        """All columns of one row. Raises NotFoundError when there is no such row."""
        name, _, number = address.name.rpartition("#")
        location = self._datasets.location(name)
        if not number.isdecimal() or not 1 <= int(number) <= location.rows:
            raise NotFoundError(
                f"{location.address} has no row {number!r}", f"its rows are 1 to {location.rows}", str(address)
            )
        found = await self._reader.rows(_question(location, int(number) - 1, 1))
        place = zone(location.time_zone) if location.time_zone else None
        facts = [Fact("Dataset", location.address), Fact("Row", int(number))]
        for time, values in zip(found.times, found.values, strict=True):
            facts.append(Fact(location.time_column, time_text(time, place)))
            facts += [Fact(column, value) for column, value in zip(_columns(location), values, strict=True)]
        return [FactsBlock(tuple(facts))]

    async def describe_dataset(self, address: Address) -> list[Block]:
        """A chart of the target, and what is to be known of the rows; nothing for a sample that is not imported yet."""
        record = self._datasets.get(address.name)
        if record is None or record.state != "ready":
            return [TextBlock("The sample is imported when an action names it for the first time.", title="Rows")]
        location = self._datasets.location(address.name)
        column = _columns(location)[0]
        asked = ReadOutline(location.path, location.time_column, column, location.value_columns, _POINTS)
        try:
            outline = await self._reader.outline(asked)
        except QuarterdeckError as error:
            return [TextBlock(f"{error.message}. {error.remedy}", title="The rows could not be read")]
        return [_chart(record.name, column, outline), FactsBlock(dataset_facts(record, outline.missing), "Rows")]


def dataset_facts(record: DatasetRecord, missing: dict[str, int]) -> tuple[Fact, ...]:
    """What is to be known of a dataset's rows; `missing` counts values by column."""
    place = zone(record.time_zone) if record.time_zone else None
    clock = place is None and record.frequency != ""
    facts = [
        Fact("Rows", record.rows),
        Fact("First", _second_text(record.start, place)),
        Fact("Last", _second_text(record.end, place)),
        Fact("Frequency", record.frequency or "irregular"),
        Fact("Gaps", missing_times(record.gaps) if record.gaps else "none" if record.frequency else "unknown"),
        Fact("Duplicates", "none: an import refuses them"),
        Fact("Time zone", record.time_zone or ("none given" if clock else "none")),
        *(Fact(f"Missing values of {column}", missing.get(column, 0)) for column in record.value_columns),
        Fact("Hash (SHA-256)", record.sha256),
        Fact("Source", record.source),
        Fact("Used by", " ".join(record.used_by) or "no job yet"),
    ]
    return tuple(facts)


def time_text(time: int, place: ZoneInfo | None) -> str:
    """A time (microseconds) as a clock of the dataset's zone shows it, with its offset; without a zone as it stands."""
    if place is None:
        return to_moment(time).isoformat()
    shown = from_utc(time, place)
    offset = (shown - time) // (60 * _MICROSECONDS)
    sign, minutes = ("-", -offset) if offset < 0 else ("+", offset)
    return f"{to_moment(shown).isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"


def _second_text(seconds: float | None, place: ZoneInfo | None) -> str:
    return "" if seconds is None else time_text(round(seconds * _MICROSECONDS), place)


def _columns(location: DatasetLocation) -> tuple[str, ...]:
    """The target, then the others."""
    target = location.target if location.target in location.value_columns else location.value_columns[0]
    return (target, *(column for column in location.value_columns if column != target))


def _question(location: DatasetLocation, start: int, count: int) -> ReadRows:
    return ReadRows(location.path, location.time_column, _columns(location), start, count)


def _bounds(request: BrowseRequest, total: int) -> tuple[int, int]:
    """The positions from which and before which a page has rows."""
    if request.last:
        return max(total - request.limit, 0), total
    if not request.cursor:
        return 0, min(request.limit, total)
    found = _CURSOR.fullmatch(request.cursor)
    if found is None:
        raise UsageError(f"{request.cursor!r} is no cursor of a page of rows", "begin without a cursor")
    start = min(int(found[1]), total)
    return start, max(start, min(int(found[2]), start + request.limit, total))


def _chart(name: str, column: str, outline: Outline) -> ChartBlock:
    times = tuple(time / _MICROSECONDS for time in outline.times)
    if outline.each == 1:
        return ChartBlock((ChartSeries(column, SeriesRole.HISTORY, times, outline.means),), f"{column} of {name}")
    label = f"{column}: mean, smallest and largest of {outline.each:,} rows each"
    series = ChartSeries(label, SeriesRole.HISTORY, times, outline.means, outline.smallest, outline.largest)
    return ChartBlock((series,), f"{column} of {name}")
