"""Documents on standard output, coloured on a terminal."""

import sys

from quarterdeck.cli.streams import painted, terminal_width, wants_colour, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.drawing.spans import Line
from quarterdeck_api.documents import Document, TableBlock
from quarterdeck_api.visible import visible

#: The widest that text and charts are drawn.
_WIDTH_LIMIT = 120

_STYLES = {
    "title": "bold",
    "label": "dim",
    "axis": "dim",
    "interval": "dim",
    "forecast": "cyan",
    "baseline": "yellow",
    "actual": "green",
    "anomaly": "red",
}


def write_document(document: Document) -> None:
    """Writes a document's title and blocks; tables are cut to a terminal's width, but never in a pipe."""
    # Imported here: it costs start-up time that commands without a document, and completion, do not need.
    from quarterdeck.drawing.document import document_lines, value_text

    colour, on_terminal = wants_colour(sys.stdout), sys.stdout.isatty()
    width = min(terminal_width(), _WIDTH_LIMIT)
    lines: list[str] = []
    for block in document.blocks:
        lines.append("")
        if isinstance(block, TableBlock) and not on_terminal:
            lines += [visible(block.title)] if block.title else []
            lines += table_lines(block.columns, [[value_text(cell) for cell in row] for row in block.rows])
        else:
            lines += [_line_text(line, colour) for line in document_lines(Document("", (block,)), width)]
    write_lines([painted(visible(document.title), "bold", colour), *lines])


def _line_text(line: Line, colour: bool) -> str:
    return "".join(painted(span.text, _STYLES.get(span.role, ""), colour) for span in line).rstrip()
