"""Shorter terminal output: colours are sent only where they change."""

import re
from functools import lru_cache

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_MOVES = re.compile(r"(?:\n|\x1b\[[0-9;]*H)+")


def terse(data: str) -> str:
    """The same output without colour changes that change nothing.

    Every `ESC [ … m` is taken as an absolute style, as rich writes it: a style, text, a reset. A reset right before the same style goes, and so does
    the style; between two styles only the differing colour is sent when the rest is equal. Ends with a reset, so that outputs can follow one another.
    """
    parts = _SGR.split(data)
    if len(parts) < 5:
        return data
    out = [parts[0]]
    current = wanted = ""
    for index in range(1, len(parts), 2):
        codes, text = parts[index], parts[index + 1]
        wanted = "" if codes in ("", "0") else codes
        if not text:
            continue
        if not wanted and text[0] in "\x1b\n" and _MOVES.fullmatch(text):
            out.append(text)  # Moving the cursor needs no style.
            continue
        if wanted != current:
            out.append(_change(current, wanted))
            current = wanted
        out.append(text)
    if current:
        out.append("\x1b[0m")
    return "".join(out)


def colourless(data: str) -> str:
    """The same output with attributes (bold, dim, reverse…) but without any colour, for NO_COLOR."""
    return _SGR.sub(lambda found: f"\x1b[{_without_colour(found[1])}m", data)


@lru_cache(maxsize=1024)
def _without_colour(codes: str) -> str:
    parts = _split(codes)
    return parts[0] if parts is not None else "0"


@lru_cache(maxsize=1024)  # A theme has few styles, and every frame the same changes between them.
def _change(current: str, wanted: str) -> str:
    if not wanted:
        return "\x1b[0m"
    before, after = _split(current), _split(wanted)
    if before is None or after is None or before[0] != after[0]:
        return f"\x1b[0;{wanted}m" if current else f"\x1b[{wanted}m"
    codes = [new for old, new in zip(before[1:], after[1:], strict=True) if old != new]
    if not all(codes):
        return f"\x1b[0;{wanted}m"
    return f"\x1b[{';'.join(codes)}m"


def _split(codes: str) -> tuple[str, str, str] | None:
    """Attributes, foreground and background of an absolute style; None when it is written in a way that is not known here."""
    attributes: list[str] = []
    fore = back = ""
    numbers = codes.split(";") if codes else []
    position = 0
    while position < len(numbers):
        number = numbers[position]
        if number in ("38", "48"):
            length = {"2": 5, "5": 3}.get(numbers[position + 1] if position + 1 < len(numbers) else "", 0)
            if not length or position + length > len(numbers):
                return None
            colour = ";".join(numbers[position : position + length])
            fore, back = (colour, back) if number == "38" else (fore, colour)
            position += length
            continue
        if not number.isdigit():
            return None
        value = int(number)
        if 30 <= value <= 37 or 90 <= value <= 97 or value == 39:
            fore = number
        elif 40 <= value <= 47 or 100 <= value <= 107 or value == 49:
            back = number
        else:
            attributes.append(number)
        position += 1
    return ";".join(attributes), fore, back
