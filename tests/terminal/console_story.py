"""Stories in the console: keys pressed and screens read, with a runtime that the test plays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.pilot import Pilot

from quarterdeck.config.paths import instance_paths
from quarterdeck.tui.app import make_console
from quarterdeck.tui.console_app import ConsoleApp
from quarterdeck_api.resources import Resource

Make = Callable[..., Resource]
Story = Callable[[ConsoleApp, Pilot[None], Any], Awaitable[None]]
Play = Callable[..., None]


def story_player(fake_runtime: Callable[..., Any]) -> Play:
    """Plays a story in the console over rows of a runtime that the test plays, as a fixture gives it."""

    def run(story: Story, *rows: Resource, size: tuple[int, int] = (110, 24), series: int = 0) -> None:
        async def all_of_it() -> None:
            async with fake_runtime(*rows) as runtime:
                runtime.series = series
                app = make_console(instance_paths())
                async with app.run_test(size=size) as pilot:
                    await story(app, pilot, runtime)

        asyncio.run(all_of_it())

    return run


def text(app: ConsoleApp) -> str:
    screen = app.screen
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip() for strip in screen._compositor.render_strips()
    )


def selected(app: ConsoleApp) -> str:
    resource = app.main.table.selected
    return resource.name if resource is not None else ""


async def until(pilot: Pilot[None], condition: Callable[[], bool], app: ConsoleApp) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"did not happen; the screen shows:\n{text(app)}")
