"""The clipboard of the terminal that the console runs in, over any number of SSH connections: the sequence OSC 52 of xterm."""

import base64

from quarterdeck_api.errors import RefusedError

#: Bytes that are copied at most: encoded they are the 100,000 that common terminals still take.
MOST_BYTES = 74_994


def clipboard_sequence(text: str, *, in_tmux: bool) -> str:
    """What to write to the terminal so that it copies the text; inside tmux wrapped so that tmux passes it on.

    Raises RefusedError when the text is empty, or more than terminals take.
    """
    data = text.encode("utf-8", "replace")
    if not data:
        raise RefusedError("nothing was copied: there is no text here", "select something else")
    if len(data) > MOST_BYTES:
        raise RefusedError(
            f"nothing was copied: {len(data):,} bytes are more than the {MOST_BYTES:,} that terminals take",
            "save it, or use the command line",
        )
    sequence = f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\x07"
    return f"\x1bPtmux;\x1b{sequence}\x1b\\" if in_tmux else sequence
