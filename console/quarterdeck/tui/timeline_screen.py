"""How a resource has been over time: health, state and reason, the newest first; follows its changes."""

from typing import TYPE_CHECKING

from textual.timer import Timer

from quarterdeck.drawing.quantities import format_duration
from quarterdeck.tui.cell_text import format_time
from quarterdeck.tui.style import GLYPHS
from quarterdeck.tui.text_lines import StyledLine
from quarterdeck.tui.text_screen import TextScreen
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.resources import Resource
from quarterdeck_api.timeline import TIMELINE, TIMELINE_LIMIT, TimelineParams, TimelineResult
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.style import Palette

#: Seconds between a change and the next look at the timeline.
_PAUSE = 0.3


class TimelineScreen(TextScreen):
    """One line for each change."""

    def __init__(self, console: "ConsoleApp", address: str) -> None:
        super().__init__(console, f"timeline {address}")
        self.address = address
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Begins to follow the resource."""
        super().on_mount()
        self.run_worker(self._follow(), exit_on_error=False)

    async def on_unmount(self) -> None:
        """Stops following."""
        await self.console.session.unwatch(self)

    def rows_loaded(self, resources: tuple[Resource, ...], *, first: bool, last: bool, total: int) -> None:
        """The resource as it is now."""
        self._look_soon()

    def rows_changed(self, upserts: tuple[Resource, ...], removes: tuple[str, ...]) -> None:
        """The resource changed, or is gone."""
        self._look_soon()

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(_PAUSE, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self.run_worker(self._look(), exclusive=True, group="look", exit_on_error=False)

    async def _follow(self) -> None:
        await self._look()
        backend, kind, _ = self.address.split("/", 2)
        try:
            await self.console.session.watch(self, kind, backend, self.address)
        except QuarterdeckError as error:
            self.note(f"not followed: {error.message}")

    async def _look(self) -> None:
        try:
            found = await self.console.session.call(TIMELINE, TimelineParams(self.address, TIMELINE_LIMIT))
        except QuarterdeckError as error:
            self.show_text(["", f"  {error.message}", f"  {error.remedy}"])
            return
        self.lines.set_lines(timeline_lines(found, self.palette, self.console.clock()))
        count = "1 entry" if len(found.entries) == 1 else f"{len(found.entries):,} entries"
        self.note("gone" if found.gone else count + (" and older ones" * found.more))


def timeline_lines(found: TimelineResult, palette: "Palette", now: float) -> list[StyledLine]:
    """One line for each entry: since when, for how long, and how; what is known of a resource that never changed is one line."""
    lines: list[StyledLine] = [(f"  {'SINCE':<12} {'FOR':<9} STATE", palette.header)]
    until = now
    for number, entry in enumerate(found.entries):
        lasted = "" if found.gone and number == 0 else format_duration(max(0.0, until - entry.time))
        reason = f"  {visible(entry.reason)}" if entry.reason else ""
        state = f"{GLYPHS[entry.health]} {visible(entry.state or entry.health.value)}"
        when = format_time(entry.time, now) if entry.time else "before"
        lines.append((f"  {when:<12} {lasted if entry.time else '':<9} {state}{reason}", palette.health[entry.health]))
        until = entry.time
    if len(found.entries) == 1 and not found.gone:
        lines.append(("  It has not changed since it is watched over.", palette.muted))
    return lines
