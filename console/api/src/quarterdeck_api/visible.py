"""Text of backends made safe for a terminal: what would steer it is shown as a visible glyph instead."""

import re

#: Marks that reorder or hide text: bidirectional controls, zero-width characters, line and paragraph separators, tags.
_HIDDEN = (
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0x061C,
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
)
_GLYPHS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),
    **dict.fromkeys(_HIDDEN, "�"),
}
_UNSAFE = re.compile("[" + "".join(re.escape(chr(code)) for code in _GLYPHS) + "\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with every control character replaced by one glyph; safe text comes back as it is."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda found: _GLYPHS.get(ord(found[0]), "�"), text)
