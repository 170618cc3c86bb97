"""One plugin's host across restarts: what it has open, and what the runtime is told of it."""

import asyncio
import contextlib
import os
from typing import Any, TypeVar

from quarterdeck.runtime.hosts.hosted_jobs import HostedJobs
from quarterdeck.runtime.hosts.log import RotatingLog
from quarterdeck.runtime.hosts.process import HostProcess
from quarterdeck.runtime.hosts.restarts import CrashHistory
from quarterdeck.runtime.hosts.terms import HostedBackend, LinkTools, host_log_path
from quarterdeck_api.backend import Interest
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import (
    CallTimeoutError,
    ProtocolError,
    QuarterdeckError,
    UnreachableError,
)
from quarterdeck_api.host_protocol import (
    BACKEND_CLOSE,
    BACKEND_INTEREST,
    BACKEND_OPEN,
    BACKEND_REOPEN,
    BACKEND_REPORT,
    CHANGES,
    CONFIGURE,
    CREDIT,
    HEARTBEAT,
    BackendName,
    BackendReport,
    ChangesParams,
    CreditParams,
    Heartbeat,
    HostConfiguration,
    InterestParams,
    OpenBackend,
)
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.runtime_requests import HostStatus
from quarterdeck_api.wire import PROTOCOL_VERSION, Method, check_protocol

P = TypeVar("P")
R = TypeVar("R")

#: Batches that a backend may send before the first one is applied.
INITIAL_CREDIT = 4


class HostLink:
    """Keeps one plugin's host running. Backends' states go to the sink, jobs that are lost to the events, each once."""

    def __init__(self, plugin: PluginStatus, backends: list[HostedBackend], tools: LinkTools) -> None:
        self.plugin = plugin
        self.backends = {backend.name: backend for backend in backends}
        self._tools = tools
        self._interests: dict[str, Interest] = {}
        self._opened: set[str] = set()
        self._jobs = HostedJobs(tools.events)
        self._crashes = CrashHistory(tools.rng)
        self._log = RotatingLog(host_log_path(tools.log_folder, plugin.id))
        self._process: HostProcess | None = None
        # A backend may say that it is ready while others are still being opened: it can be asked from then on.
        self._configured: HostProcess | None = None
        self._known_state = "starting"
        self._reason = ""
        self._starts = 0
        self._heartbeat = Heartbeat(0, 0)
        self._silence = 0.0
        self._retry_wanted = asyncio.Event()
        self._settled = asyncio.Event()
        self._stopping = False
        self._life: asyncio.Task[None] | None = None

    @property
    def _state(self) -> str:
        return self._known_state

    @_state.setter
    def _state(self, state: str) -> None:
        if state != self._known_state:
            self._known_state = state
            self._tools.on_status(self.plugin.id)

    @property
    def ready(self) -> bool:
        """Whether the host can be asked; one that has closed its connection is ending, even before it has ended."""
        return self._state == "ready" and self._process is not None and not self._process.peer.closed

    @property
    def coming(self) -> bool:
        """Whether the host is being started for the first time."""
        return self._state == "starting" and self._starts <= 1

    def status(self) -> HostStatus:
        """The host at a glance."""
        running = self._process is not None
        return HostStatus(
            plugin=self.plugin.id,
            state=self._state,
            pid=self._process.pid if self._process is not None else 0,
            restarts=max(self._starts - 1, 0),
            memory=self._heartbeat.memory if running else 0,
            reason=self._reason,
            heartbeat_age=self._silence if running else 0.0,
            stuck_calls=self._heartbeat.stuck_calls if running else 0,
        )

    async def start(self) -> None:
        """Starts the host and returns when it is ready, or when its first start has failed."""
        self._life = asyncio.create_task(self._live(), name=f"host {self.plugin.id}")
        await self._settled.wait()

    async def stop(self, reason: str) -> None:
        """Ends the host in an orderly way; its jobs are lost, its backends unreachable for that reason."""
        self._stopping = True
        self._retry_wanted.set()
        process, life = self._process, self._life
        if process is not None:
            process.terminate(reason)
        if life is not None:
            await asyncio.wait([life], timeout=self._tools.limits.stop_grace)
            if not life.done() and self._process is not None:
                self._process.kill(reason)
            await asyncio.wait([life])
        self._lose(reason, f"start plugin {self.plugin.id} again")
        self._state, self._reason = "stopped", reason
        self._log.close()

    async def call(
        self, backend: str, method: Method[P, R], params: P, timeout: float, *, changes_something: bool
    ) -> R:
        """Asks the host something about a backend; errors name the backend."""
        try:
            process = self._configured
            if process is None or process.peer.closed:
                process = self._ready_process()
            return await process.peer.call(method, params, timeout, changes_something=changes_something)
        except QuarterdeckError as error:
            if backend in error.message:
                raise
            raise type(error)(f"{backend}: {error.message}", error.remedy, error.address) from error

    def notify(self, method: Method[P, Any], params: P) -> bool:
        """Tells the host something; False when it is not ready."""
        if self._process is None or not self.ready:
            return False
        self._process.peer.notify(method, params)
        return True

    async def retry(self, backend: str) -> None:
        """Opens a backend anew; starts the host at once when it waits to be started again."""
        if not self.ready:
            self._crashes.forget()
            self._retry_wanted.set()
            return
        self._set_state(backend, "connecting")
        process = self._ready_process()
        if backend in self._opened:
            await self.call(backend, BACKEND_REOPEN, BackendName(backend), 20.0, changes_something=False)
        else:
            await self._open(process, self.backends[backend])

    async def add(self, backend: HostedBackend) -> None:
        """Opens another backend, now and after every restart."""
        self.backends[backend.name] = backend
        self._set_state(backend.name, "connecting")
        if self.ready:
            await self._open(self._ready_process(), backend)

    async def remove(self, backend: str) -> None:
        """Closes a backend; nothing of it is passed on any more."""
        del self.backends[backend]
        self._interests.pop(backend, None)
        if backend in self._opened:
            self._opened.discard(backend)
            if self.ready:
                await self.call(backend, BACKEND_CLOSE, BackendName(backend), 20.0, changes_something=False)

    def set_interest(self, backend: str, interest: Interest) -> None:
        """Says who looks at a backend now; remembered across restarts."""
        if self._interests.get(backend, Interest.NONE) is interest:
            return  # Nothing new: the host sleeps on.
        self._interests[backend] = interest
        if self._process is not None and backend in self._opened:
            self._process.peer.notify(BACKEND_INTEREST, InterestParams(backend, interest))

    async def start_job(self, spec: JobSpec) -> None:
        """Starts an attempt; raises UnreachableError when the host did not take it."""
        await self._jobs.start(self._ready_process().peer, spec, self._tools.limits.call_timeout)

    def cancel_job(self, job: int, token: int) -> bool:
        """Asks an attempt to end; False when it is not one of this host's."""
        return self._process is not None and self._jobs.cancel(self._process.peer, job, token)

    def _ready_process(self) -> HostProcess:
        if self._process is None or not self.ready:
            why = self._reason or "it is being started"
            raise UnreachableError(
                f"the host of plugin {self.plugin.id} is not running: {why}", "try again, or retry it"
            )
        return self._process

    async def _live(self) -> None:
        """Starts the host again and again until it is stopped."""
        try:
            await self._keep_running()
        finally:
            self._settled.set()

    async def _keep_running(self) -> None:
        while not self._stopping:
            self._retry_wanted.clear()
            reason = await self._run_once()
            if self._stopping:
                return
            delay = self._crashes.crashed(self._tools.monotonic())
            self._reason = f"the host of plugin {self.plugin.id} ended: {reason}"
            if delay is None:
                self._state = "failed"
                self._reason += "; it ended too often and is not started again"
                self._lose(self._reason, "see the host's log, then retry", state="failed")
            else:
                self._state = "backing-off"
                self._lose(self._reason, f"it is started again in {delay:.0f} s; retry to start it now")
            self._log.say(self._reason)
            self._settled.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._retry_wanted.wait()

    async def _run_once(self) -> str:
        """One run of the host from start to end; gives why it ended."""
        self._state = "starting"
        self._starts += 1
        self._silence = 0.0
        for name in self.backends:
            self._set_state(name, "connecting")
        try:
            process = await HostProcess.start(self.plugin, self._log, os.environ, self._on_fault)
        except UnreachableError as error:
            return error.message
        self._process = process
        self._register(process)
        if self._stopping:
            process.kill("it was stopped while it started")
        watching = [asyncio.create_task(self._prepare(process)), asyncio.create_task(self._monitor(process))]
        for task in watching:
            task.add_done_callback(lambda ended: _end_with(process, ended))
        try:
            return await process.run()
        finally:
            self._process = self._configured = None
            self._opened.clear()
            for task in watching:
                task.cancel()

    def _register(self, process: HostProcess) -> None:
        peer = process.peer
        peer.on_notification(CHANGES, self._on_changes)
        peer.on_notification(BACKEND_REPORT, self._on_report)
        peer.on_notification(HEARTBEAT, self._on_heartbeat)
        self._jobs.register(peer)
        self._tools.routes.register(self.plugin.id, peer)

    async def _prepare(self, process: HostProcess) -> None:
        """Configures the host and opens its backends."""
        assert self.plugin.catalogue is not None
        limits = self._tools.limits
        wanted = HostConfiguration(
            PROTOCOL_VERSION, self.plugin.catalogue, limits.call_timeout, limits.pool_threads, self.plugin.module
        )
        try:
            answer = await process.peer.call(CONFIGURE, wanted, limits.start_timeout)
            check_protocol(answer.protocol, f"the host of plugin {self.plugin.id}")
            self._configured = process
            tried: set[str] = set()
            while waiting := [each for name, each in self.backends.items() if name not in tried]:
                tried.add(waiting[0].name)  # One after another: more may be added while one is opened.
                await self._open(process, waiting[0])
        except CallTimeoutError as error:
            process.kill(f"it did not start: {error.message}")
        except UnreachableError:
            return  # It is gone; how it ended says more than that it did not answer.
        except QuarterdeckError as error:
            process.kill(f"it cannot be used: {error.message}; {error.remedy}")
        else:
            self._state, self._reason = "ready", ""
            self._settled.set()
            self._tools.events.on_free()

    async def _open(self, process: HostProcess, backend: HostedBackend) -> None:
        wanted = OpenBackend(backend.name, backend.type, backend.settings)
        try:
            await process.peer.call(BACKEND_OPEN, wanted, self._tools.limits.call_timeout)
        except UnreachableError:
            raise
        except QuarterdeckError as error:
            self._set_state(backend.name, "failed", error.message, error.remedy)
            return
        self._opened.add(backend.name)
        process.peer.notify(CREDIT, CreditParams(backend.name, INITIAL_CREDIT))
        interest = self._interests.get(backend.name, Interest.NONE)
        process.peer.notify(BACKEND_INTEREST, InterestParams(backend.name, interest))

    async def _monitor(self, process: HostProcess) -> None:
        """Ends a host that is silent or too large. Silence is counted in ticks: a runtime that was stopped itself blames nobody."""
        limits = self._tools.limits
        tick = limits.heartbeat_timeout / 6
        earlier = self._tools.monotonic()
        while True:
            await asyncio.sleep(tick)
            now = self._tools.monotonic()
            self._silence += min(now - earlier, 2 * tick)
            earlier = now
            allowed = limits.heartbeat_timeout if self._state == "ready" else limits.start_timeout
            if self._silence > allowed:
                process.kill(f"it gave no sign of life for {allowed:g} s")
            elif limits.memory and self._heartbeat.memory > limits.memory:
                used, limit = self._heartbeat.memory / 2**20, limits.memory / 2**20
                process.kill(f"it used {used:.0f} MiB of memory, more than its limit of {limit:.0f} MiB")

    def _on_changes(self, params: ChangesParams) -> None:
        if params.backend not in self.backends or self._process is None:
            return
        self._tools.sink.apply(params.backend, params.changes)
        self._process.peer.notify(CREDIT, CreditParams(params.backend, 1))

    def _on_report(self, report: BackendReport) -> None:
        if report.backend not in self.backends:
            return
        if report.state == "connecting":
            self._tools.sink.begin(report.backend)  # What it was before, and why, stays until it has said everything.
        else:
            self._set_state(report.backend, report.state, report.reason, report.remedy)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        self._silence = 0.0
        self._heartbeat = heartbeat

    def _on_fault(self, method: str, fault: BaseException) -> None:
        """A message that could not be used: the host's mistake ends it, any other is the runtime's own and is only logged."""
        self._log.say(f"{method}: {type(fault).__name__}: {fault}")
        if isinstance(fault, ProtocolError) and self._process is not None:
            self._process.kill(f"it broke the protocol in {method}: {fault.message}")

    def _lose(self, reason: str, remedy: str, state: str = "unreachable") -> None:
        """Tells that the host is gone: every backend, and every running job once."""
        for name in self.backends:
            self._set_state(name, state, reason, remedy)
        self._jobs.lose(reason)

    def _set_state(self, name: str, state: str, reason: str = "", remedy: str = "") -> None:
        backend = self.backends.get(name)
        if backend is None:
            return
        self._tools.sink.set_backend(
            BackendState(
                name=name,
                type=backend.type,
                plugin=self.plugin.id,
                title=backend.title,
                state=state,
                reason=reason,
                remedy=remedy,
                read_only=backend.read_only,
                embedded=backend.embedded,
            )
        )


def _end_with(process: HostProcess, ended: asyncio.Task[None]) -> None:
    """A host that cannot be prepared or watched must not stay half started."""
    if not ended.cancelled() and (fault := ended.exception()) is not None:
        process.kill(f"the runtime could not handle it: {type(fault).__name__}: {fault}")
