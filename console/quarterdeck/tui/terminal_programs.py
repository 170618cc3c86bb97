"""Programs that run in the console's terminal while it steps aside: an editor, a shell, a log-in."""

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from quarterdeck_api.backend import RunInTerminal
from quarterdeck_api.errors import QuarterdeckError, UnsupportedError
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: Seconds within which a program may have said something that nobody could read yet.
_BRIEF = 1.5
#: Signals of keys that belong to the program while it runs.
_KEY_SIGNALS = (signal.SIGINT, signal.SIGQUIT)


async def run_in_terminal(
    console: "ConsoleApp",
    program: RunInTerminal,
    *,
    shown_if_brief: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Runs a program in the console's terminal and comes back when it has ended; its exit code, or minus the signal.

    The console goes on living meanwhile, unseen. What a program said that failed, or with `shown_if_brief` ended at once, stays on the
    screen until enter is pressed. Raises QuarterdeckError when it cannot be started, or when the console has no terminal to lend.
    """
    if not program.argv:
        raise UnsupportedError("there is no program to run", "tell the plugin's author")
    shown = visible(shlex.join(program.argv))
    environment = {**os.environ, **program.environment}
    try:
        with console.suspend(), _keys_go_elsewhere():
            if program.title:
                _tell(f"— {visible(program.title)}: {shown}")
            try:
                process = await asyncio.create_subprocess_exec(
                    *program.argv, cwd=program.folder or None, env=environment
                )
            except (OSError, ValueError) as error:
                raise QuarterdeckError(f"{shown} cannot be started: {error}", "see whether it is installed") from error
            began = clock()
            code = await process.wait()
            if code or (shown_if_brief and clock() - began < _BRIEF):
                _tell(f"— it ended with {_ending(code)}; enter goes back to the console")
                await _enter_pressed()
    except SuspendNotSupported:
        raise UnsupportedError("this console has no terminal to lend", f"run it yourself: {shown}") from None
    console.refresh(layout=True)
    return code


def ending_sentence(program: RunInTerminal, code: int) -> str:
    """What came of a program, in a sentence."""
    name = visible(program.title or Path(program.argv[0]).name)
    return f"{name} ended with {_ending(code)}" if code else f"{name} has ended"


def editor_command() -> list[str]:
    """The user's editor as a command: VISUAL, else EDITOR, else vi."""
    wanted = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        return shlex.split(wanted) or ["vi"]
    except ValueError as error:
        raise QuarterdeckError(f"the editor {wanted!r} cannot be read: {error}", "correct VISUAL or EDITOR") from error


def _tell(sentence: str) -> None:
    if sys.__stdout__ is not None:
        sys.__stdout__.write(f"{sentence}\n")
        sys.__stdout__.flush()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def _keys_go_elsewhere() -> Iterator[None]:
    """Lets ctrl+c and ctrl+\\ go to the program alone: the terminal sends their signals to the console, too.

    A handler that does nothing rather than ignoring them, which the program would inherit.
    """

    def stay(_number: int, _frame: FrameType | None) -> None:
        return

    before = {number: signal.signal(number, stay) for number in _KEY_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _enter_pressed() -> None:
    """Waits for a line on the terminal, or for its end."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0
    loop.add_reader(descriptor, pressed.set)
    try:
        await pressed.wait()
        os.read(descriptor, 4096)
    finally:
        loop.remove_reader(descriptor)
