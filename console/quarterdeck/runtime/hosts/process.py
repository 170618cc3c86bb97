"""One run of a plugin's host: the process, its connection, and the pipe into its log."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping

import psutil

from quarterdeck.runtime.hosts.environment import host_environment
from quarterdeck.runtime.hosts.log import RotatingLog
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import ProtocolError, UnreachableError
from quarterdeck_api.host.exits import exit_sentence
from quarterdeck_api.host_protocol import HOST_FD_VARIABLE
from quarterdeck_api.peer import Peer

#: Seconds that a host gets to end by itself once its connection has ended.
_END_GRACE = 2.0

_READ_BYTES = 64 * 1024


class HostProcess:
    """A host that was started; `peer` is not running yet, so that handlers can be registered."""

    def __init__(self, process: asyncio.subprocess.Process, peer: Peer, log: RotatingLog) -> None:
        self.pid = process.pid
        self.peer = peer
        self._process = process
        self._log = log
        self._created = _creation_time(process.pid)
        self._kill_reason = ""
        self._pump = asyncio.create_task(self._pump_output(), name=f"log of host {process.pid}")

    @classmethod
    async def start(
        cls,
        plugin: PluginStatus,
        log: RotatingLog,
        variables: Mapping[str, str],
        on_fault: Callable[[str, BaseException], None],
    ) -> "HostProcess":
        """Starts the interpreter of the plugin; raises UnreachableError when there is none."""
        ours, theirs = socket.socketpair()
        paths = [word for path in plugin.paths for word in ("--path", path)]
        command = [plugin.interpreter, "-P", "-m", "quarterdeck_api.host", "--plugin", plugin.id, *paths]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env=host_environment(variables, {HOST_FD_VARIABLE: str(theirs.fileno())}),
                process_group=0,
            )
        except OSError as error:
            ours.close()
            raise UnreachableError(
                f"the host of plugin {plugin.id} cannot be started with {plugin.interpreter}: {error.strerror}",
                f"reinstall plugin {plugin.id}",
            ) from error
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, Peer(reader, writer, f"the host of plugin {plugin.id}", on_fault), log)

    async def run(self) -> str:
        """Reads until the host has ended, and gives why, as a sentence. Whatever it has started is ended too."""
        try:
            await self.peer.run()
            async with asyncio.timeout(_END_GRACE):
                await self._leader_exit()
        except ProtocolError as error:
            self.kill(f"it broke the protocol: {error.message}")
        except TimeoutError:
            self.kill("it closed its connection without ending")
        finally:
            self._kill_group()
        code = await self._process.wait()
        await asyncio.wait([self._pump], timeout=_END_GRACE)
        self._pump.cancel()
        return self._kill_reason or _exit_reason(code)

    async def _leader_exit(self) -> None:
        """Waits for the host alone; `Process.wait` also waits for whoever inherited its output."""
        while self._process.returncode is None:
            await asyncio.sleep(0.01)

    def kill(self, reason: str) -> None:
        """Ends the host and its process group at once; the first reason is kept."""
        self._kill_reason = self._kill_reason or reason
        self._kill_group()

    def terminate(self, reason: str) -> None:
        """Asks the host to end in an orderly way."""
        self._kill_reason = self._kill_reason or reason
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def _kill_group(self) -> None:
        created = _creation_time(self.pid)
        if created is not None and created != self._created:
            return  # The number belongs to somebody else by now.
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: no permission for a group of zombies.
            os.killpg(self.pid, signal.SIGKILL)

    async def _pump_output(self) -> None:
        output = self._process.stdout
        assert output is not None
        while data := await output.read(_READ_BYTES):
            self._log.write(data)


def _creation_time(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _exit_reason(code: int) -> str:
    if code >= 0:
        return exit_sentence(code)
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
