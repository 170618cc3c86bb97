"""The lines around the panes: tabs above, status and hints below; each decides what to say from plain data."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from quarterdeck.tui.one_line import Part
from quarterdeck.tui.style import GLYPHS, Palette
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health
from quarterdeck_api.visible import visible

_BACKEND_HEALTH = {"ready": Health.OK, "connecting": Health.BUSY, "unreachable": Health.FAILED, "failed": Health.FAILED}

#: A tab's title that is cut shorter than this says nothing.
_FEWEST_LETTERS = 4


class Status(Struct, frozen=True):
    """What the status line is about.

    `shown` of `total` rows (None: nobody knows) pass the filter; `message` is the last thing to say. `place` is where the cursor stands in
    a list of which only a part is here, `note` what is worth knowing about the rows.
    """

    pane: str
    total: int | None
    shown: int
    filter: str = ""
    message: str = ""
    error: bool = False
    connection: str = ""
    backends: tuple[BackendState, ...] = ()
    filtering: bool = False
    marked: int = 0
    place: int | None = None
    note: str = ""


def backend_health(backend: BackendState) -> Health:
    """The health of a backend's own state."""
    return _BACKEND_HEALTH.get(backend.state, Health.UNKNOWN)


def status_parts(status: Status, palette: Palette) -> tuple[Part, ...]:
    """The status line: what went wrong stands before what merely happened."""
    count = _count(status)
    parts: list[Part] = [
        (f" {visible(status.pane)} ", palette.bar_key),
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
    said = status.message if status.message and not status.error else status.note
    if said:
        parts.append((f"  {visible(said)}", palette.muted))
    return tuple(parts)


def _count(status: Status) -> str:
    if status.total is None:
        return "many" if status.shown else "0"
    if status.place is not None:
        return f"{status.place:,} of {status.total:,}"
    return f"{status.shown:,}/{status.total:,}" if status.filter else f"{status.total:,}"


def tab_parts(
    tabs: Iterable[tuple[str, str]], current: str, palette: Palette, width: int = 0, trail: Sequence[str] = ()
) -> tuple[Part, ...]:
    """The tabs: a key and a title each; the current one is marked by brackets, too, for terminals without colour.

    Where the titles do not fit into `width` (0: as wide as needed) they are cut, all alike; where that is not enough, or the way to the
    pane (`trail`) has to be shown, the others are keys only.
    """
    tabs = list(tabs)
    way = " › ".join(trail) if len(trail) > 1 or all(title != current for _, title in tabs) else ""
    letters = 0 if way else _title_letters(tabs, current, width)
    parts: list[Part] = []
    for key, title in tabs:
        if title == current and not way:
            parts.append((f" [{key} {title}]", palette.bar_key))
        elif letters:
            parts += [(f" {key} ", palette.bar_key), (title[:letters], palette.muted)]
        else:
            parts.append((f" {key}", palette.bar_key))
    if way:
        room = max(8, width - 2 * len(tabs) - 4) if width else len(way)
        parts.append((f"  [{visible(way) if len(way) <= room else '…' + visible(way)[1 - room :]}]", palette.accent))
    return tuple(parts)


def _title_letters(tabs: Sequence[tuple[str, str]], current: str, width: int) -> int:
    """How many letters of each title there is room for; 0 when it would be too few to be read."""
    longest = max(len(title) for _, title in tabs)
    if not width:
        return longest
    for letters in range(longest, _FEWEST_LETTERS - 1, -1):
        needed = sum(
            len(key) + 4 + len(title) if title == current else len(key) + 2 + min(len(title), letters)
            for key, title in tabs
        )
        if needed <= width:
            return letters
    return 0


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
