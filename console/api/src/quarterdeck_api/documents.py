"""Documents: what *describe* and a job's result show, as data that any client can draw."""

from enum import Enum

from msgspec import Struct

from quarterdeck_api.resources import Cell


class Fact(Struct, frozen=True, array_like=True):
    """A labelled value."""

    label: str
    value: Cell


class FactsBlock(Struct, frozen=True, tag="facts"):
    """Labelled values, one a line."""

    facts: tuple[Fact, ...]
    title: str = ""


class TableBlock(Struct, frozen=True, tag="table"):
    """A small table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


class TextBlock(Struct, frozen=True, tag="text"):
    """Text, verbatim; `language` may be `sql`, `json`, `toml` or empty."""

    text: str
    language: str = ""
    title: str = ""


class SeriesRole(Enum):
    """What a line of a chart is, so that every client draws it alike."""

    HISTORY = "history"
    FORECAST = "forecast"
    BASELINE = "baseline"
    ACTUAL = "actual"
    ANOMALY = "anomaly"


class ChartSeries(Struct, frozen=True, omit_defaults=True):
    """One line: `times` in Unix seconds and `values` of equal length; None is a gap. `lower` and `upper` are an interval of equal length."""

    name: str
    role: SeriesRole
    times: tuple[float, ...]
    values: tuple[float | None, ...]
    lower: tuple[float | None, ...] = ()
    upper: tuple[float | None, ...] = ()


class ChartBlock(Struct, frozen=True, tag="chart"):
    """Lines over time."""

    series: tuple[ChartSeries, ...]
    title: str = ""
    unit: str = ""


Block = FactsBlock | TableBlock | TextBlock | ChartBlock


class Document(Struct, frozen=True):
    """A titled list of blocks."""

    title: str
    blocks: tuple[Block, ...] = ()
