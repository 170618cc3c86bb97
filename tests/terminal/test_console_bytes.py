"""How much the console sends to a real pseudo-terminal: what changed, and no more. Counts of bytes, because slow links and screens feel them."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from terminal_session import KEYS, TerminalSession

from quarterdeck_api.resources import Resource

MakeModel = Callable[..., Resource]
FakeRuntime = Callable[..., Any]
Story = Callable[[TerminalSession, Any], Awaitable[None]]

_ROWS = 300


def play(fake_runtime: FakeRuntime, make_model: MakeModel, story: Story) -> None:
    """Opens the console's models, and tells a story; the terminal is read in a thread, while this loop serves."""

    async def all_of_it() -> None:
        async with fake_runtime(
            *(make_model(f"model-{number:03}", mae=number / 7) for number in range(_ROWS))
        ) as runtime:
            argv = [sys.executable, "-m", "quarterdeck"]
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            with TerminalSession(argv, environment) as session:
                await asyncio.to_thread(session.wait_for, rf"ready +{_ROWS}")
                await asyncio.to_thread(session.press, "3")
                await asyncio.to_thread(session.wait_for, f"models {_ROWS}")
                await asyncio.to_thread(session.settle, 0.5)
                await story(session, runtime)
                await asyncio.to_thread(session.press, "q")
                assert await asyncio.to_thread(session.wait_exit) == 0

    asyncio.run(all_of_it())


async def sent(session: TerminalSession) -> int:
    """The bytes that come until nothing has come for a while."""
    return await asyncio.to_thread(session.settle, 0.4)


def test_one_changed_cell_sends_a_part_of_one_line(fake_runtime: FakeRuntime, make_model: MakeModel) -> None:
    async def story(session: TerminalSession, runtime: Any) -> None:
        runtime.put(make_model("model-007", mae=2.5))
        assert 0 < await sent(session) <= 250
        assert "2.5" in session.text()
        runtime.put(make_model("model-250", mae=2.5))
        assert await sent(session) == 0, "a row that is not shown"

    play(fake_runtime, make_model, story)


def test_a_page_sends_less_than_8_kilobytes_and_the_cursor_less_than_one(
    fake_runtime: FakeRuntime, make_model: MakeModel
) -> None:
    async def story(session: TerminalSession, _: Any) -> None:
        session.send(KEYS["pagedown"])
        assert 0 < await sent(session) <= 8_000
        assert "model-040" in session.text()
        session.send(KEYS["down"])
        assert 0 < await sent(session) <= 1_000

    play(fake_runtime, make_model, story)


def test_a_screen_that_comes_back_sends_no_more_than_one_frame(
    fake_runtime: FakeRuntime, make_model: MakeModel
) -> None:
    async def story(session: TerminalSession, _: Any) -> None:
        session.send(b"?")
        await sent(session)
        session.send(KEYS["esc"])
        assert 0 < await sent(session) <= 8_500
        assert "model-000" in session.text()

    play(fake_runtime, make_model, story)
