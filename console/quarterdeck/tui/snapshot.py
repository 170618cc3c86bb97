"""One frame of the console without a terminal, as text or as an SVG image."""

import asyncio
import re

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.tui.app import make_console
from quarterdeck.tui.detail_screen import DetailScreen
from quarterdeck.tui.main_screen import MainScreen, screen_lines
from quarterdeck.tui.panes import PANES, pane_named
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Address

#: Seconds that the first rows may take.
_WAIT_SECONDS = 5.0

_LOOK_SECONDS = 0.02

_FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def render_snapshot(*, width: int, height: int, svg: bool, pane: int | str = 1, address: str = "") -> str:
    """One frame of a pane (by its key or its name) of the selected instance, or of the resource at `address`.

    Raises UsageError when there is no such pane, or the address is none.
    """
    if address:
        Address.parse(address)
    found = pane_named(str(pane)) or next((each for each in PANES if each.key == str(pane)), None)
    if found is None:
        known = ", ".join(f"{each.key} ({each.name})" for each in PANES)
        raise UsageError(f"there is no pane {pane!r}", f"take one of {known}")
    return asyncio.run(take_snapshot((width, height), svg=svg, pane=found.name, address=address))


async def take_snapshot(
    size: tuple[int, int],
    *,
    svg: bool,
    pane: str,
    address: str = "",
    paths: InstancePaths | None = None,
    wait: float = _WAIT_SECONDS,
) -> str:
    """Connects, waits for the pane's first rows or the resource, at most `wait` seconds, and gives the frame."""
    app = make_console(paths or instance_paths(), pane)
    async with app.run_test(size=size) as pilot:
        shown: MainScreen | DetailScreen = app.main
        opened = False
        for _ in range(round(wait / _LOOK_SECONDS)):
            await pilot.pause(_LOOK_SECONDS)
            if shown.settled and address and not opened:
                app.open_detail_of(address)
                opened = True
                await pilot.pause()
                assert isinstance(app.screen, DetailScreen)
                shown = app.screen
            elif shown.settled:
                break
        await pilot.pause(_LOOK_SECONDS * 10)  # What has just arrived is drawn.
        if svg:
            return _with_local_fonts(app.export_screenshot(title="quarterdeck"))
        return "\n".join(screen_lines(app.screen)) + "\n"


def _with_local_fonts(svg: str) -> str:
    """The image without fonts from elsewhere: opening it must not tell another machine so, and works offline."""
    return re.sub(r"@font-face \{[^}]*\}\s*", "", svg).replace("Fira Code, monospace", _FONTS)
