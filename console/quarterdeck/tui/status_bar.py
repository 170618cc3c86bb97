"""The lines around the panes: tabs above, status and hints below; each decides what to say from plain data."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from quarterdeck.tui.one_line import Part
from quarterdeck.tui.style import GLYPHS, Palette
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible

_BACKEND_HEALTH = {"ready": Health.OK, "connecting": Health.BUSY, "unreachable": Health.FAILED, "failed": Health.FAILED}


class Status(Struct, frozen=True):
    """What the status line is about. `shown` of `total` rows pass the filter; `message` is the last thing to say."""

    pane: str
    total: int
    shown: int
    filter: str = ""
    message: str = ""
    error: bool = False
    connection: str = ""
    backends: tuple[BackendState, ...] = ()
    filtering: bool = False
    marked: int = 0


def backend_health(backend: BackendState) -> Health:
    """The health of a backend's own state."""
    return _BACKEND_HEALTH.get(backend.state, Health.UNKNOWN)


def status_parts(status: Status, palette: Palette) -> tuple[Part, ...]:
    """The status line: what went wrong stands before what merely happened."""
    count = f"{status.total:,}" if not status.filter else f"{status.shown:,}/{status.total:,}"
    parts: list[Part] = [
        (f" {status.pane} ", palette.bar_key),
        (count + ("…" if status.filtering else ""), palette.bar),
    ]
    if status.marked:
        parts.append((f"  ✓ {status.marked:,} marked", palette.accent))
    if status.filter:
        parts.append((f"  /{visible(status.filter)}", palette.accent))
    if status.connection:
        parts.append((f"  {visible(status.connection)}", palette.error))
    elif status.error:
        parts.append((f"  {visible(status.message)}", palette.error))
    for backend in status.backends:
        health = backend_health(backend)
        if health is not Health.OK:
            reason = f": {visible(backend.reason)}" if backend.reason else ""
            parts.append((f"  {GLYPHS[health]} {backend.name} {backend.state}{reason}", palette.health[health]))
    if status.message and not status.error:
        parts.append((f"  {visible(status.message)}", palette.muted))
    return tuple(parts)


def tab_parts(tabs: Iterable[tuple[str, str]], current: str, palette: Palette) -> tuple[Part, ...]:
    """The tabs: a key and a title each; the current one is marked by brackets, too, for terminals without colour."""
    parts: list[Part] = []
    for key, title in tabs:
        if title == current:
            parts.append((f" [{key} {title}]", palette.bar_key))
        else:
            parts.append((f" {key} ", palette.bar_key))
            parts.append((title, palette.muted))
    return tuple(parts)


def hint_parts(hints: Sequence[tuple[str, str]], width: int, palette: Palette) -> tuple[Part, ...]:
    """Keys and what they do, as many whole ones as fit."""
    parts: list[Part] = []
    used = 0
    for key, what in hints:
        length = len(key) + len(what) + 3
        if used + length > width:
            break
        parts += [(f" {key}", palette.bar_key), (f" {what} ", palette.muted)]
        used += length
    return tuple(parts)
