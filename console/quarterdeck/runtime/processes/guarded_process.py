"""One instance behind its guard, as the runtime sees it: the connection, and its certain end."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from typing import Any, Protocol

import psutil
from msgspec import Struct

from quarterdeck.runtime.processes.starting import GUARD_VARIABLE
from quarterdeck.runtime.workers.guard_launch import GuardFiles
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity, boot_id, end_session
from quarterdeck_api.errors import ProtocolError, UnreachableError
from quarterdeck_api.peer import Peer
from quarterdeck_api.wire import Method, Nothing
from quarterdeck_api.worker_protocol import GUARD_EXIT, GUARD_REPLACED, GUARD_STOP, ChildExited, GuardStop

_log = logging.getLogger(__name__)

#: Seconds that a guard has to greet.
_GREETING_SECONDS = 20.0
#: Seconds between the end of an instance's grace and ending guard and instance without the guard.
_STOP_MARGIN = 3.0


class ProcessGuardIdentity(Struct, frozen=True):
    """Who guard and process are, sent to whoever connects and kept beside the guard's socket; times as in GuardIdentity, `started` is Unix time."""

    guard_pid: int
    guard_created: float
    child_pid: int
    child_created: float
    boot_id: str
    instance: str
    started: float
    stopping: bool = False


PROCESS_GUARD_HELLO = Method("process_guard.hello", ProcessGuardIdentity, Nothing)


class ProcessOwner(Protocol):
    """Whom a guarded process tells of its end; called on the loop."""

    def on_process_gone(self, process: "GuardedProcess") -> None:
        """Nothing of it is left, or it is another runtime's now."""
        ...


class GuardedProcess:
    """A managed process behind its guard; `exited` is how it ended, None when its guard was killed."""

    def __init__(self, files: GuardFiles, owner: ProcessOwner) -> None:
        self.files = files
        self.identity: ProcessGuardIdentity | None = None
        self.exited: ChildExited | None = None
        self.gone = False
        self._owner = owner
        self._guard: ProcessIdentity | None = None
        self._process: subprocess.Popen[Any] | None = None
        self._peer: Peer | None = None
        self._follower: asyncio.Task[None] | None = None
        self._greeted = asyncio.Event()
        self._ended = asyncio.Event()
        self._left_alone = False

    async def connect(self, process: "subprocess.Popen[Any] | None", guard: ProcessIdentity | None) -> None:
        """Connects and waits for the guard's greeting; `process` is there when this runtime started the guard.

        Raises UnreachableError; then nothing of it is left.
        """
        self._process, self._guard = process, guard
        try:
            async with asyncio.timeout(_GREETING_SECONDS):
                reader, writer = await asyncio.open_unix_connection(str(self.files.socket))
                self._follow(Peer(reader, writer, f"the guard {self.files.name}", _report_fault))
                await self._greeted.wait()
        except (OSError, TimeoutError) as error:
            if self._peer is not None:
                self._peer.close()
                await self._ended.wait()
            else:
                await self._bury()
            raise UnreachableError(f"the guard {self.files.name} does not answer: {error!r}", "try again") from error
        if self.gone or self.identity is None:
            raise UnreachableError(
                f"the guard {self.files.name} ended before it greeted", "see guards.log in the folder of logs"
            )

    async def stop(self, grace: float) -> None:
        """Ends the process with everything that it has started: politely, after `grace` seconds firmly. Returns when nothing is left."""
        if self.gone:
            return
        if self._peer is not None:
            self._peer.notify(GUARD_STOP, GuardStop(grace))
            try:
                async with asyncio.timeout(grace + _STOP_MARGIN):
                    await self._ended.wait()
            except TimeoutError:
                _log.warning("the guard %s does not obey and is ended", self.files.name)
        if self._left_alone:
            return  # It is the next runtime's now, to the end of its grace.
        if self._guard is not None:
            await end_session(self._guard)
        await self._ended.wait()

    async def leave_alone(self) -> None:
        """Closes the connection; guard and process go on, for another runtime to find."""
        self._left_alone = True
        if self._peer is not None and self._follower is not None:
            self._peer.close()
            await self._follower

    def _follow(self, peer: Peer) -> None:
        self._peer = peer
        peer.on_notification(PROCESS_GUARD_HELLO, self._on_hello)
        peer.on_notification(GUARD_EXIT, self._on_exit)
        peer.on_notification(GUARD_REPLACED, self._on_replaced)
        self._follower = asyncio.create_task(self._run(peer))

    async def _run(self, peer: Peer) -> None:
        try:
            await peer.run()
        except ProtocolError as error:
            _log.error("%s: %s", peer.name, error.message)
        if self._left_alone:
            self._finish()
        else:
            await self._bury()

    async def _bury(self) -> None:
        """Makes sure that nothing of the process is left, also what has left its session, then says so."""
        guard = self._guard or _guard_of(self.files)
        if guard is not None:
            await end_session(guard)
        if self._process is not None:
            self._process.wait()  # It has ended, so this only reaps it.
        await end_marked(self.files.name)
        self.exited = self.exited or self.files.read_exit()
        self.files.remove()
        self._finish()

    def _finish(self) -> None:
        self.gone = True
        self._greeted.set()
        self._ended.set()
        self._owner.on_process_gone(self)

    def _on_hello(self, identity: ProcessGuardIdentity) -> None:
        self.identity = identity
        if self._guard is None:
            self._guard = ProcessIdentity(identity.guard_pid, identity.guard_created)
        self._greeted.set()

    def _on_exit(self, exited: ChildExited) -> None:
        self.exited = exited

    def _on_replaced(self, nothing: Nothing) -> None:
        _log.warning("another runtime has taken over the guard %s", self.files.name)
        self._left_alone = True

    @property
    def left_alone(self) -> bool:
        """Whether the process goes on without this runtime."""
        return self._left_alone


async def end_marked(guard: str) -> None:
    """Kills every process that a guard's process has started and that has left its session (as daemons do); they inherit its variable."""
    while marked := await asyncio.to_thread(_marked, guard):  # It reads every process of the machine.
        for process in marked:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.sleep(0.02)


def _marked(guard: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            ours = process.uids().real == os.getuid() and process.environ().get(GUARD_VARIABLE) == guard
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # It has just ended, or is not ours to look at.
    return found


def exit_reason(exited: ChildExited | None) -> str:
    """Why a process is gone, as a sentence that goes on from its name."""
    if exited is None:
        return "its guard was killed, and the process with it"
    if exited.reason == "alone":
        return "it was stopped because the runtime was gone"
    if exited.reason:
        return "it was stopped"
    if exited.status >= 0:
        return f"it ended by itself with exit code {exited.status}"
    try:
        return f"it was ended by {signal.Signals(-exited.status).name}"
    except ValueError:
        return f"it was ended by signal {-exited.status}"


def _guard_of(files: GuardFiles) -> ProcessIdentity | None:
    """The guard that wrote the identity file during this boot, dead or alive."""
    identity = files.read(files.identity, ProcessGuardIdentity)
    if identity is None or identity.boot_id != boot_id():
        return None
    return ProcessIdentity(identity.guard_pid, identity.guard_created)


def _report_fault(method: str, error: BaseException) -> None:
    _log.error("%s from a guard could not be handled", method, exc_info=error)
