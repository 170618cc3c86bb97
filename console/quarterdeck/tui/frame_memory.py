"""What the terminal shows, line by line, so that a frame sends only lines that differ."""

import re

_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")

#: Switching to the terminal's other screen changes everything that is shown.
_OTHER_SCREEN = "\x1b[?1049"


class FrameMemory:
    """Remembers what was last written on each line.

    Textual repaints whole screens where little or nothing changed: when one comes to the front, and after each layout. Frames are pieces of text,
    each after an absolute move; a piece goes when it is the last that was written on its line. Whoever else writes to the terminal, or changes its
    size, must have the memory cleared.
    """

    def __init__(self) -> None:
        self._lines: dict[str, tuple[str, str]] = {}
        self._cursor = ""

    def clear(self) -> None:
        """Forgets everything, so that the next frame is sent as it is."""
        self._lines.clear()
        self._cursor = ""

    def news(self, data: str) -> str:
        """The part of an output that changes what the terminal shows; empty when nothing does. What is no frame is all news."""
        if _OTHER_SCREEN in data:
            self.clear()
        parts = _MOVE.split(data)
        if len(parts) < 4:
            return data
        kept = [parts[0]] if parts[0] else []
        row = column = text = ""
        for index in range(1, len(parts), 3):
            row, column, text = parts[index], parts[index + 1], parts[index + 2].rstrip("\n")
            if text and self._lines.get(row) != (column, text):
                self._lines[row] = (column, text)
                kept.append(f"\x1b[{row};{column}H{text}")
        if not text:
            cursor = f"\x1b[{row};{column}H"
            if kept or cursor != self._cursor:
                kept.append(cursor)
            self._cursor = cursor
        else:
            self._cursor = ""
        return "".join(kept)
