"""A job's progress on standard error: one bar that moves on a terminal, plain lines elsewhere."""

import os
import sys
from typing import TextIO

from quarterdeck.cli.following import Advance
from quarterdeck.cli.streams import painted, wants_colour
from quarterdeck.cli.tables import cut
from quarterdeck_api.visible import visible

_BAR_WIDTH = 24


class ProgressLine:
    """Shows where a job is; on a terminal it has to be ended by `clear` before anything else is written."""

    def __init__(self, address: str, stream: TextIO | None = None) -> None:
        self._address = address
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = ""

    def __call__(self, advance: Advance) -> None:
        """Shows one advance; the same twice is shown once."""
        if advance.state.final:
            return  # Whoever waits says how it ended.
        text = self._bar(advance) if self._live else self._plain(advance)
        if text == self._shown:
            return
        self._shown = text
        self._stream.write(f"\r\x1b[2K{text}" if self._live else f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Takes the bar away."""
        if self._live and self._shown:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
        self._shown = ""

    def _plain(self, advance: Advance) -> str:
        words = [f"{self._address}:", advance.state.value]
        if advance.fraction > 0:
            words.append(f"{advance.fraction:.0%}")
        return " ".join([*words, visible(advance.message)]).rstrip()

    def _bar(self, advance: Advance) -> str:
        filled = round(max(0.0, min(advance.fraction, 1.0)) * _BAR_WIDTH)
        bar = painted("━" * filled, "cyan", wants_colour(self._stream)) + "─" * (_BAR_WIDTH - filled)
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            width = 80
        head = f"{self._address} {advance.state.value} "
        tail = cut(f" {advance.fraction:4.0%} {visible(advance.message)}", max(width - len(head) - _BAR_WIDTH - 1, 8))
        return head + bar + tail
