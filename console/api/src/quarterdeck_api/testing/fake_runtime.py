"""A runtime for tests: declares a plugin, starts its real host, and opens backends in it. Needs nothing but this distribution."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.declare_output import Declaration
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnreachableError, UsageError
from quarterdeck_api.host_protocol import (
    BACKEND_OPEN,
    BACKEND_REPORT,
    CHANGES,
    CONFIGURE,
    CREDIT,
    HEARTBEAT,
    HOST_FD_VARIABLE,
    HOST_FINDINGS,
    HOST_METRICS,
    STREAM_DOCUMENT,
    STREAM_ENDED,
    STREAM_LINES,
    BackendReport,
    ChangesParams,
    CreditParams,
    FindingsParams,
    Heartbeat,
    HostConfiguration,
    MetricsParams,
    OpenBackend,
    StreamDocument,
    StreamEnded,
    StreamLines,
)
from quarterdeck_api.peer import Peer
from quarterdeck_api.testing.faults import Fault, faulty_type
from quarterdeck_api.testing.hosted_backend import HostedBackend
from quarterdeck_api.wire import PROTOCOL_VERSION, Method

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")

#: Seconds that a plugin may take to declare, its host to start and to end, and a backend to say everything.
DECLARE_SECONDS = 60.0
START_SECONDS = 60.0
STOP_SECONDS = 15.0
OPEN_SECONDS = 60.0

#: Batches that a backend may send before the first one is taken, as in the real runtime.
_CREDIT = 4

#: Samples of metrics that are remembered of each backend.
_SAMPLES = 10_000


class FakeRuntime:
    """A plugin's host with as much of a runtime as a test needs; a context manager, used from the thread of the test.

    `module` is the plugin's entry-point module. `paths` go in front of `sys.path` in the processes that run the plugin, `environment` is
    theirs (this process's own by default), `call_timeout` is what a call of a backend may take. Raises UsageError when the plugin does not
    declare, with what it says.
    """

    def __init__(
        self,
        module: str,
        *,
        paths: Sequence[str | Path] = (),
        environment: dict[str, str] | None = None,
        call_timeout: float = 10.0,
    ) -> None:
        self._module = module
        self._paths = [str(path) for path in paths]
        self._environment = dict(os.environ) if environment is None else dict(environment)
        self.call_timeout = call_timeout
        self.catalogue = self._declare()
        self._backends: dict[str, HostedBackend] = {}
        self._numbers = itertools.count(1)
        self._heartbeats: list[Heartbeat] = []
        self._faults: list[str] = []
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake runtime", daemon=True)
        self._thread.start()
        self._peer, self._process = self._start()

    def open(
        self,
        name: str,
        backend_type: str = "",
        settings: dict[str, Any] | None = None,
        *,
        faults: dict[str, Fault] | None = None,
        wait: bool = True,
    ) -> HostedBackend:
        """Opens a backend, of the plugin's first type when none is named, and waits until it has said everything.

        `faults` go between host and backend, by the name of a call (`open` is the factory). Raises UsageError for an unknown type,
        UnreachableError when the backend cannot be opened; with `wait` false it only begins.
        """
        known = [each.id for each in self.catalogue.backend_types]
        wanted = backend_type or (known[0] if known else "")
        info = next((each for each in self.catalogue.backend_types if each.id == wanted), None)
        if info is None:
            raise NotFoundError(
                f"the plugin has no backend type {wanted!r}", f"there are: {', '.join(known) or 'none'}"
            )
        opening = OpenBackend(name, info.id, settings or {})
        if faults:
            encoded = {call: msgspec.to_builtins(fault) for call, fault in faults.items()}
            given = {"factory": info.factory, "settings": settings or {}, "faults": encoded}
            opening = OpenBackend(name, faulty_type(info).id, given)
        backend = self._backends[name] = HostedBackend(name, info.id, self)
        self.run(self.call(BACKEND_OPEN, opening))
        self.notify(CREDIT, CreditParams(name, _CREDIT))
        if wait:
            backend.wait_synced(OPEN_SECONDS)
        return backend

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine beside the host's connection and gives what it returns or raises."""
        if not self._thread.is_alive():
            work.close()
            raise UsageError("the fake runtime was closed", "use it inside its `with`")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def call(self, method: Method[P, R], params: P) -> R:
        """Asks the host; raises what it reports. Only for coroutines that `run` runs."""
        return await self._peer.call(method, params, 3 * self.call_timeout + 5.0)

    def notify(self, method: Method[P, Any], params: P) -> None:
        """Tells the host something, from any thread."""
        self._loop.call_soon_threadsafe(self._peer.notify, method, params)

    def next_stream(self) -> int:
        """A number for a stream."""
        return next(self._numbers)

    @property
    def pid(self) -> int:
        """The host's process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the host has written to its output."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode("utf-8", "replace")

    @property
    def protocol_faults(self) -> tuple[str, ...]:
        """What the host sent and was not understood."""
        return tuple(self._faults)

    def heartbeat(self, seconds: float = 15.0) -> Heartbeat:
        """The next heartbeat of the host; raises UnreachableError when none comes."""
        seen = len(self._heartbeats)
        self.until(lambda: len(self._heartbeats) > seen, seconds, "the host gives no sign of life")
        return self._heartbeats[-1]

    def until(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Waits for a condition; raises UnreachableError with a sentence when it does not come true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise UnreachableError(f"{otherwise} within {seconds:g} s", f"the host said:\n{self.log[-2000:]}")
            time.sleep(0.01)

    def close(self) -> int:
        """Ends the host in an orderly way, and firmly when it does not; its exit code (0: it ended well)."""
        if not self._thread.is_alive():
            return self._process.returncode or 0
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # It is ended below, and its exit code says so.
        finally:
            self._kill_group()
        code = self._process.wait()
        self._loop.call_soon_threadsafe(self._peer.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return code

    def __enter__(self) -> "FakeRuntime":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._log.close()

    def _declare(self) -> Catalogue:
        command = [sys.executable, "-P", "-m", "quarterdeck_api.declare", "--module", self._module]
        command += [word for path in self._paths for word in ("--path", path)]
        ran = subprocess.run(
            command, capture_output=True, env=self._environment, timeout=DECLARE_SECONDS, check=False, cwd="/"
        )
        try:
            found = msgspec.json.decode(ran.stdout, type=Declaration)
        except msgspec.MsgspecError as error:
            said = ran.stderr.decode("utf-8", "replace")[-2000:]
            raise UsageError(f"{self._module} does not declare: {said or 'it says nothing'}", "import it") from error
        if found.catalogue is None:
            fault = found.error
            message = fault.message if fault else "it gives no reason"
            raise UsageError(f"{self._module} does not declare: {message}", fault.remedy if fault else "")
        return found.catalogue

    def _start(self) -> tuple[Peer, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair()
        paths = [word for path in self._paths for word in ("--path", path)]
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck_api.host", "--plugin", self.catalogue.plugin.id, *paths],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env={**self._environment, HOST_FD_VARIABLE: str(theirs.fileno())},
                process_group=0,
            )
        finally:
            theirs.close()
        peer = self.run(self._connect(ours))
        twins = tuple(faulty_type(each) for each in self.catalogue.backend_types)
        wider = msgspec.structs.replace(self.catalogue, backend_types=(*self.catalogue.backend_types, *twins))
        wanted = HostConfiguration(PROTOCOL_VERSION, wider, self.call_timeout, module=self._module)
        try:
            self.run(peer.call(CONFIGURE, wanted, START_SECONDS))
        except QuarterdeckError:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return peer, process

    async def _connect(self, ours: socket.socket) -> Peer:
        reader, writer = await asyncio.open_connection(sock=ours)
        peer = Peer(reader, writer, "the host", lambda method, fault: self._faults.append(f"{method}: {fault}"))
        peer.on_notification(CHANGES, self._on_changes)
        peer.on_notification(BACKEND_REPORT, self._on_report)
        peer.on_notification(HEARTBEAT, self._heartbeats.append)
        peer.on_notification(HOST_METRICS, self._on_metrics)
        peer.on_notification(HOST_FINDINGS, self._on_findings)
        peer.on_notification(STREAM_LINES, self._on_stream)
        peer.on_notification(STREAM_DOCUMENT, self._on_stream)
        peer.on_notification(STREAM_ENDED, self._on_stream)
        self._reading = self._loop.create_task(self._read(peer))
        return peer

    async def _read(self, peer: Peer) -> None:
        try:
            await peer.run()
        except QuarterdeckError as error:
            self._faults.append(error.message)

    def _on_changes(self, params: ChangesParams) -> None:
        backend = self._backends.get(params.backend)
        if backend is not None:
            backend.take_changes(params.changes)
            self._peer.notify(CREDIT, CreditParams(params.backend, 1))

    def _on_report(self, report: BackendReport) -> None:
        backend = self._backends.get(report.backend)
        if backend is not None:
            backend.take_report(report)

    def _on_metrics(self, params: MetricsParams) -> None:
        backend = self._backends.get(params.backend)
        if backend is not None:
            backend.samples = [*backend.samples, *params.samples][-_SAMPLES:]

    def _on_findings(self, params: FindingsParams) -> None:
        backend = self._backends.get(params.backend)
        if backend is not None:
            backend.findings = list(params.findings)

    def _on_stream(self, message: StreamLines | StreamDocument | StreamEnded) -> None:
        for backend in self._backends.values():
            backend.take_stream(message)

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # Nothing of it is left; macOS says so by the latter.
