"""What is sent to a terminal to copy."""

import base64

import pytest

from quarterdeck.tui.clipboard import MOST_BYTES, clipboard_sequence
from quarterdeck_api.errors import RefusedError


def test_the_text_is_encoded_so_that_nothing_in_it_reaches_the_terminal() -> None:
    sequence = clipboard_sequence("ä\x1b[2J\x07", in_tmux=False)
    assert sequence.startswith("\x1b]52;c;")
    assert sequence.endswith("\x07")
    inside = sequence[len("\x1b]52;c;") : -1]
    assert base64.b64decode(inside).decode() == "ä\x1b[2J\x07"


def test_tmux_passes_it_on() -> None:
    plain = clipboard_sequence("x", in_tmux=False)
    assert clipboard_sequence("x", in_tmux=True) == f"\x1bPtmux;\x1b{plain}\x1b\\"


def test_the_largest_text_fits_into_what_terminals_take_and_more_is_refused() -> None:
    assert len(clipboard_sequence("x" * MOST_BYTES, in_tmux=False)) <= 100_000 + 8
    with pytest.raises(RefusedError, match="more than"):
        clipboard_sequence("x" * (MOST_BYTES + 1), in_tmux=False)


def test_no_text_is_not_copied() -> None:
    with pytest.raises(RefusedError, match="no text"):
        clipboard_sequence("", in_tmux=False)
