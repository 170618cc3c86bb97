"""A document as lines of spans: facts, tables, text, charts, trees and flows, for console and command line alike."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from quarterdeck.drawing.chart import draw_chart
from quarterdeck.drawing.spans import Line as Line
from quarterdeck.drawing.spans import Span, wrapped
from quarterdeck.drawing.structure import draw_flow, draw_tree
from quarterdeck_api.documents import (
    Block,
    ChartBlock,
    Document,
    FactsBlock,
    FlowBlock,
    TableBlock,
    TextBlock,
    TreeBlock,
)
from quarterdeck_api.resources import Cell
from quarterdeck_api.visible import visible

#: A chart's height in lines, wherever there is room.
CHART_HEIGHT = 18
#: What stands between two columns of a table.
_GAP = "  "
#: A table's column becomes no narrower than this, even when the table does not fit.
_NARROWEST = 6


def document_lines(document: Document, width: int, chart_height: int = CHART_HEIGHT) -> list[Line]:
    """The document in `width` columns, blocks parted by an empty line; text from backends is made visible, not obeyed."""
    lines: list[Line] = []
    for block in document.blocks:
        if lines:
            lines.append([])
        lines += block_lines(block, width, chart_height)
    return lines


def block_lines(block: Block, width: int, chart_height: int = CHART_HEIGHT) -> list[Line]:
    """One block with its title, in `width` columns."""
    title: list[Line] = (
        [[Span(piece, "title")] for piece in wrapped(visible(block.title), width)] if block.title else []
    )
    return title + _content(block, width, chart_height)


def document_text(document: Document, width: int) -> str:
    """The document as plain text."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in document_lines(document, width))


def value_text(value: Cell) -> str:
    """A cell as a person reads it: yes and no, numbers in at most six digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.1f}" if abs(value) < 1e15 else f"{value:.6g}"
    return visible(str(value))


def _content(block: Block, width: int, chart_height: int) -> list[Line]:
    match block:
        case FactsBlock():
            return _facts(block, width)
        case TableBlock():
            return _table(block, width)
        case TextBlock():
            return [[Span(piece, "")] for line in block.text.splitlines() for piece in wrapped(visible(line), width)]
        case ChartBlock():
            return draw_chart(block, width, chart_height)
        case TreeBlock():
            return draw_tree(block, width)
        case FlowBlock():
            return draw_flow(block, width)


def _facts(block: FactsBlock, width: int) -> list[Line]:
    labels = [visible(fact.label) for fact in block.facts]
    margin = min(max(map(cell_len, labels), default=0), width // 3)
    lines: list[Line] = []
    for label, fact in zip(labels, block.facts, strict=True):
        for number, piece in enumerate(wrapped(value_text(fact.value), max(width - margin - 2, 10))):
            lines.append([Span(set_cell_size("" if number else label, margin) + "  ", "label"), Span(piece, "")])
    return lines


def _table(block: TableBlock, width: int) -> list[Line]:
    rows = [[value_text(cell) for cell in row] for row in block.rows]
    right = [_numeric([row[index] for row in block.rows]) for index in range(len(block.columns))]
    titles = [visible(title) for title in block.columns]
    columns = [[title, *(row[index] for row in rows)] for index, title in enumerate(titles)]
    wanted = [max(map(cell_len, column)) for column in columns]
    least = [max((cell_len(word) for text in column for word in text.split()), default=0) for column in columns]
    widths = column_widths(wanted, least, width)
    lines = _table_row(titles, widths, right, "label")
    for row in rows:
        lines += _table_row(row, widths, right, "")
    return lines


def column_widths(wanted: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths with which the columns fit into `width`: the widest give way, down to the longest word; where that is not enough, words too."""
    room = max(width - len(_GAP) * (len(wanted) - 1), 0)
    between_words = _narrowed(wanted, least, room)
    return _narrowed(between_words, [min(size, _NARROWEST) for size in between_words], room)


def _narrowed(wanted: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    widths = list(wanted)
    while sum(widths) > room and (able := [index for index, size in enumerate(widths) if size > least[index]]):
        widest = max(able, key=lambda index: widths[index])
        widths[widest] -= 1
    return widths


def _numeric(cells: Sequence[Cell]) -> bool:
    return any(isinstance(cell, int | float) for cell in cells) and not any(isinstance(cell, str) for cell in cells)


def _table_row(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool], role: str) -> list[Line]:
    cells = [wrapped(text, size) for text, size in zip(texts, widths, strict=True)]
    lines: list[Line] = []
    for number in range(max(map(len, cells), default=0)):
        pieces = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = [
            " " * (size - cell_len(piece)) + piece if to_right else set_cell_size(piece, size)
            for piece, size, to_right in zip(pieces, widths, right, strict=True)
        ]
        lines.append([Span(_GAP.join(padded).rstrip(), role)])
    return lines
