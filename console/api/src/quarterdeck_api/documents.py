"""Documents: what *describe* and a job's result show, as data that any client can draw."""

from enum import Enum

from msgspec import Struct

from quarterdeck_api.resources import Cell, Health


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


class TreeNode(Struct, frozen=True, omit_defaults=True):
    """One line of a tree: what it is, how it is (None where that says nothing), and what is said beside it.

    `depth` is 0 for a root, and at most one more than the line's before: a tree is a list of lines, as deep as it may be.
    """

    label: str
    depth: int = 0
    health: Health | None = None
    detail: str = ""


class TreeBlock(Struct, frozen=True, tag="tree"):
    """What consists of what, parents before their children."""

    nodes: tuple[TreeNode, ...]
    title: str = ""


class FlowNode(Struct, frozen=True, omit_defaults=True):
    """A place through which something flows; `id` is unique in its block and is shown when there is no label."""

    id: str
    label: str = ""
    health: Health | None = None
    detail: str = ""


class FlowEdge(Struct, frozen=True, omit_defaults=True):
    """What flows from one node to another, by their ids; `rate` None is not known, `unit` is a metric's, as `1/s` or `By/s`."""

    source: str
    target: str
    rate: float | None = None
    unit: str = "1/s"
    label: str = ""


class FlowBlock(Struct, frozen=True, tag="flow"):
    """Nodes and what flows between them; it may branch, join and run in circles. Nodes are shown in the order in which they are given."""

    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...] = ()
    title: str = ""


Block = FactsBlock | TableBlock | TextBlock | ChartBlock | TreeBlock | FlowBlock


class Document(Struct, frozen=True):
    """A titled list of blocks."""

    title: str
    blocks: tuple[Block, ...] = ()
