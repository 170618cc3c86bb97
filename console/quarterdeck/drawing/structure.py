"""Trees and flows drawn with lines: what consists of what, and what flows where at which rate."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from quarterdeck.drawing.glyphs import GLYPHS
from quarterdeck.drawing.quantities import format_bytes
from quarterdeck.drawing.spans import Line, Span, wrapped
from quarterdeck_api.documents import FlowBlock, FlowEdge, FlowNode, TreeBlock
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible

#: Columns that a level takes, and the least that is left for what a node says.
_STEP = 3
_LEAST_TEXT = 16


def draw_tree(block: TreeBlock, width: int) -> list[Line]:
    """A tree in `width` columns, one line a node and more where the text is long."""
    nodes = block.nodes
    lines: list[Line] = []
    #: For each level above the node, whether another one of that level still comes.
    open_levels: list[bool] = []
    for index, (node, more) in enumerate(zip(nodes, _more_follow([node.depth for node in nodes]), strict=True)):
        depth = max(min(node.depth, len(open_levels)), 0)
        del open_levels[depth:]
        first, rest = _branches(open_levels[1:], last=not more) if depth else ("", "")
        open_levels.append(more)
        below = index + 1 < len(nodes) and nodes[index + 1].depth > node.depth
        lines += _node_lines(first, rest, below, _said(node.label, node.health, node.detail), width)
    return lines


def draw_flow(block: FlowBlock, width: int) -> list[Line]:
    """A flow in `width` columns: from each node with no way in, what it leads to and at which rate.

    A node to which several ways lead is drawn once, where it is first met; elsewhere it is only named.
    """
    nodes = {node.id: node for node in block.nodes}
    out: dict[str, list[FlowEdge]] = {}
    for edge in block.edges:
        for end in (edge.source, edge.target):
            nodes.setdefault(end, FlowNode(end))
        out.setdefault(edge.source, []).append(edge)
    fed = {edge.target for edge in block.edges if edge.source != edge.target}
    drawn: set[str] = set()
    lines: list[Line] = []
    # Nodes that stand in a circle have no beginning; the first of them that was not met yet serves as one.
    for start in (*(each for each in nodes if each not in fed), *nodes):
        if start not in drawn:
            lines += _flow_from(start, nodes, out, drawn, width)
    return lines


def rate_text(rate: float | None, unit: str) -> str:
    """A rate as people read it: `30/s`, `1.5MiB/s`; empty when it is not known."""
    if rate is None:
        return ""
    if unit in ("By", "By/s"):
        return format_bytes(rate) + unit.removeprefix("By")
    number = f"{rate:,.0f}" if abs(rate) >= 1000 or float(rate).is_integer() else f"{rate:.3g}"
    return number + (visible(unit.removeprefix("1")) if unit.startswith("1/") else f" {visible(unit)}".rstrip())


def _flow_from(
    start: str,
    nodes: Mapping[str, FlowNode],
    out: Mapping[str, Sequence[FlowEdge]],
    drawn: set[str],
    width: int,
) -> list[Line]:
    lines: list[Line] = []
    #: Nodes to draw: the edge that leads there, the levels above that go on, and whether it is the last of its level.
    waiting: list[tuple[str, FlowEdge | None, tuple[bool, ...], bool]] = [(start, None, (), True)]
    while waiting:
        name, edge, levels, last = waiting.pop()
        first, rest = _branches(levels, last=last) if edge is not None else ("", "")
        node = nodes[name]
        again = name in drawn
        drawn.add(name)
        onward = () if again else tuple(out.get(name, ()))
        said = _said(node.label or node.id, node.health, "see above" if again else node.detail)
        arrow = [] if edge is None else [Span(f"{_edge_text(edge)}─▶ ", "axis")]
        lines += _node_lines(first, rest, bool(onward), [*arrow, *said], width)
        below = (*levels, not last) if edge is not None else levels
        for number, each in reversed(list(enumerate(onward))):
            waiting.append((each.target, each, below, number == len(onward) - 1))
    return lines


def _edge_text(edge: FlowEdge) -> str:
    said = " ".join(part for part in (visible(edge.label), rate_text(edge.rate, edge.unit)) if part)
    return f"{said} " if said else ""


def _branches(levels: Sequence[bool], *, last: bool) -> tuple[str, str]:
    """What stands before a node's first line, and before its others: a bar for each level above that goes on."""
    above = "".join("│  " if more else "   " for more in levels)
    return above + ("└─ " if last else "├─ "), above + ("   " if last else "│  ")


def _more_follow(depths: Sequence[int]) -> list[bool]:
    """For each line of a tree, whether another one of its level follows below the same parent."""
    more: list[bool] = []
    coming: set[int] = set()
    for depth in reversed(depths):
        more.append(depth in coming)
        coming = {each for each in coming if each < depth} | {depth}
    return more[::-1]


def _said(label: str, health: Health | None, detail: str) -> list[Span]:
    glyph = [] if health is None else [Span(GLYPHS[health] + " ", health.value)]
    beside = [Span("  " + visible(detail), "label")] if detail else []
    return [*glyph, Span(visible(label), ""), *beside]


def _node_lines(first: str, rest: str, below: bool, said: Sequence[Span], width: int) -> list[Line]:
    """The lines of one node; `below` when something hangs from it. Deep levels lose their left part rather than their text."""
    room = max(width - _LEAST_TEXT, 0) // _STEP * _STEP
    if len(first) > room:
        first, rest = first[len(first) - room :], rest[len(rest) - room :]
    if len(first) + sum(cell_len(span.text) for span in said) <= width:
        return [[Span(first, "axis"), *said] if first else list(said)]
    hang = rest + ("│  " if below else "   ")
    space = max(width - len(hang), 1)
    lines: list[Line] = [[Span(first, "axis")] if first else []]
    used = 0
    for span in said:
        for piece in (each for word in span.text.split() for each in wrapped(word, space)):
            gap = " " if used else ""
            if used + len(gap) + cell_len(piece) > space:
                lines.append([Span(hang, "axis")])
                used, gap = 0, ""
            lines[-1].append(Span(gap + piece, span.role))
            used += len(gap) + cell_len(piece)
    return lines
