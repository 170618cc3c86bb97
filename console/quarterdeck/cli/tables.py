"""Tables in aligned columns, parted by two blanks: for people and, as the columns never depend on the rows, for `awk`."""

from collections.abc import Sequence

#: What an empty cell shows, so that every line has as many words as there are columns.
EMPTY = "-"


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Header and rows as lines; columns whose index is in `right` are aligned to the right."""
    texts = [[title.upper() for title in titles], *([cell or EMPTY for cell in row] for row in rows)]
    widths = [max(_width(line[index]) for line in texts) for index in range(len(titles))]
    return [
        "  ".join(_padded(cell, widths[index], index in right) for index, cell in enumerate(line)).rstrip()
        for line in texts
    ]


def cut(line: str, width: int) -> str:
    """The line in at most `width` terminal cells."""
    if _width(line) <= width:
        return line
    from rich.cells import set_cell_size

    return set_cell_size(line, width - 1) + "…"


def _padded(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # Imported here: it costs start-up time that plain text does not need.

    return cell_len(text)
