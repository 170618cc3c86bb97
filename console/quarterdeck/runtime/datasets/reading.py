"""Reading datasets' rows from the runtime: a process of its own does it, started when somebody looks, and ended when nobody has for a while."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from quarterdeck.runtime.datasets.reading_messages import (
    Answer,
    Failed,
    Outline,
    Question,
    ReadOutline,
    ReadRows,
    Rows,
    answers,
    encoder,
)
from quarterdeck.runtime.hosts.environment import host_environment
from quarterdeck_api.errors import CallTimeoutError, QuarterdeckError, UnreachableError

A = TypeVar("A", Rows, Outline)

_COMMAND = ("-P", "-m", "quarterdeck.runtime.datasets.reader")
#: An answer has at most a page of rows.
_LONGEST_ANSWER = 16 * 1024 * 1024


class RowReader:
    """Asks the reading process, one question at a time. `idle` is how many seconds it outlives the last one, `patience` how long one may take."""

    def __init__(self, variables: Mapping[str, str], idle: float = 60.0, patience: float = 15.0) -> None:
        self._variables = variables
        self._idle = idle
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None
        self._ended: list[asyncio.subprocess.Process] = []
        self._turn = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    async def rows(self, question: ReadRows) -> Rows:
        """Some rows. Raises QuarterdeckError when they cannot be read, CallTimeoutError, UnreachableError."""
        return await self._ask(question, Rows)

    async def outline(self, question: ReadOutline) -> Outline:
        """A column's shape; raises as `rows` does."""
        return await self._ask(question, Outline)

    async def close(self) -> None:
        """Ends the process, and returns once it is gone."""
        self._end()
        for process in tuple(self._ended):
            with contextlib.suppress(OSError):
                await process.communicate()  # Its pipes are closed too, which `wait` does not wait for.
        self._ended.clear()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        process, self._process = self._process, None
        if process is None:
            return
        self._ended.append(process)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    async def _ask(self, question: Question, kind: type[A]) -> A:
        async with self._turn:
            if self._timer is not None:
                self._timer.cancel()
            try:
                answer = await self._answer_of_one_that_lives(question)
            except TimeoutError as error:
                self._end()
                raise CallTimeoutError(
                    f"reading {question.path} took longer than {self._patience:g} s", "try again"
                ) from error
            except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
                self._end()
                raise UnreachableError(
                    f"the process that reads datasets ended: {type(error).__name__}", "try again"
                ) from error
            except BaseException:
                self._end()  # Its answer would be taken for that of the next question.
                raise
            self._timer = asyncio.get_running_loop().call_later(self._idle, self._end)
        if isinstance(answer, Failed):
            raise QuarterdeckError(answer.message, "remove the dataset and import it again")
        if not isinstance(answer, kind):
            raise QuarterdeckError("the process that reads datasets answered another question", "try again")
        return answer

    async def _answer_of_one_that_lives(self, question: Question) -> Answer:
        """Reading changes nothing, so it is asked once more when the process had ended, or ends meanwhile."""
        known = self._process
        try:
            return await self._answer(await self._running(), question)
        except TimeoutError:
            raise
        except (OSError, EOFError):
            if known is None or self._process is not known:
                raise
            self._end()
            return await self._answer(await self._running(), question)

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._end()
        self._ended = [each for each in self._ended if each.returncode is None]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd="/",
            env=host_environment(self._variables, {}),
            process_group=0,
            limit=_LONGEST_ANSWER,
        )
        return self._process

    async def _answer(self, process: asyncio.subprocess.Process, question: Question) -> Answer:
        assert process.stdin is not None and process.stdout is not None
        async with asyncio.timeout(self._patience):
            process.stdin.write(encoder.encode(question) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        if not line:
            raise EOFError
        return answers.decode(line)
