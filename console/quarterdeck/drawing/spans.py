"""Pieces of drawn lines, and text broken into lines of a width."""

import textwrap
from typing import NamedTuple

from rich.cells import cell_len, chop_cells


class Span(NamedTuple):
    """A piece of a line: text and what it is: `title`, `label`, `axis`, a series' role, `interval`, the value of a health, or empty."""

    text: str
    role: str


Line = list[Span]


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns: between words where that is possible; nothing is left out.

    A character of two columns stands alone where there is room for one only.
    """
    if cell_len(text) <= width:
        return [text]
    if text.isascii():
        lines = textwrap.wrap(text, width, break_on_hyphens=False)
        return [line[start : start + width] for line in lines for start in range(0, len(line), width)] or [""]
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, width) or [""]
        lines += whole
    return [*lines, line]
