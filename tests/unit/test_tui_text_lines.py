"""Lines of a log: wrapped, searched, and dropped at the limit."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.style import Style
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from quarterdeck.tui.text_lines import TextLines

PLAIN = Style()
FOUND = Style(reverse=True)


class LinesApp(App[None]):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self.lines = TextLines(PLAIN, found=FOUND, limit=limit, follow=True)

    def compose(self) -> ComposeResult:
        yield self.lines

    def shown(self) -> list[str]:
        return [self.lines.render_line(y).text.rstrip() for y in range(self.lines.size.height)]


def play(story: Callable[[LinesApp, Pilot[None]], Awaitable[None]], limit: int = 100) -> None:
    async def run() -> None:
        app = LinesApp(limit)
        async with app.run_test(size=(10, 4)) as pilot:
            await pilot.pause()
            await story(app, pilot)

    asyncio.run(run())


def test_wrapped_lines_go_on_and_the_oldest_go_with_all_their_rows() -> None:
    async def story(app: LinesApp, _: Pilot[None]) -> None:
        app.lines.set_wrap(True)
        app.lines.append([("a" * 25, PLAIN), ("", PLAIN)])
        assert app.shown() == ["a" * 10, "a" * 10, "a" * 5, ""]
        app.lines.append([("b" * 12, PLAIN)])
        assert app.shown() == ["a" * 5, "", "b" * 10, "bb"]
        app.lines.append([("c", PLAIN)])
        assert [text for text, _ in app.lines.lines] == ["", "b" * 12, "c"]
        assert app.shown() == ["", "b" * 10, "bb", "c"]

    play(story, limit=3)


def test_wide_letters_are_wrapped_by_their_width() -> None:
    async def story(app: LinesApp, _: Pilot[None]) -> None:
        app.lines.set_wrap(True)
        app.lines.append([("プラムプラム", PLAIN)])
        assert app.shown()[:2] == ["プラムプラ", "ム"]

    play(story)


def test_the_line_at_the_top_stays_there_when_lines_are_wrapped_or_the_width_changes() -> None:
    async def story(app: LinesApp, pilot: Pilot[None]) -> None:
        app.lines.set_lines([(f"{number:<3}{'x' * 20}", PLAIN) for number in range(20)])
        app.lines.set_follow(False)
        app.lines.action_move(-6)
        first = app.shown()[0]
        app.lines.set_wrap(True)
        assert app.shown()[0] == first.replace("…", "x")
        await pilot.resize_terminal(6, 4)
        assert app.shown()[0][:2] == first[:2]

    play(story)


def test_what_is_searched_is_shown_where_it_stands() -> None:
    async def story(app: LinesApp, _: Pilot[None]) -> None:
        app.lines.set_lines([("one Two", PLAIN), ("three", PLAIN), ("two two", PLAIN)])
        assert app.lines.search("two") == 2
        strip = app.lines.render_line(2)
        assert [segment.text for segment in strip if segment.style == FOUND] == ["two", "two"]
        assert app.lines.search("nothing") == 0
        assert not app.lines.search_on(1)

    play(story)
