"""The host's program: answers the runtime, beats, and ends when the runtime does."""

import asyncio
import os
import signal
import socket
import sys
import time
from random import Random
from typing import NoReturn

from msgspec import Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.errors import NotFoundError, ProtocolError, QuarterdeckError, UsageError
from quarterdeck_api.host.authorizing import AuthorizeHook
from quarterdeck_api.host.backends import BackendRunner, BackendTools
from quarterdeck_api.host.calls import BackendCalls
from quarterdeck_api.host.controllers import HostControllers
from quarterdeck_api.host.events import EventHooks
from quarterdeck_api.host.exits import HostExit
from quarterdeck_api.host.faults import log_fault
from quarterdeck_api.host.host_job import LoopChannel
from quarterdeck_api.host.host_jobs import HostJobs
from quarterdeck_api.host.memory import resident_bytes
from quarterdeck_api.host.plugin_hooks import PluginHooks
from quarterdeck_api.host.pool import CallPool
from quarterdeck_api.host.process_listening import ProcessFollower
from quarterdeck_api.host.processes import HostProcesses, process_report_sender
from quarterdeck_api.host.reporting import BackendReporter
from quarterdeck_api.host.sender import ENCODED_CHANGES, ChangeSender
from quarterdeck_api.host.streams import HostStreams
from quarterdeck_api.host_protocol import (
    AUTHORIZE,
    BACKEND_CLOSE,
    BACKEND_INTEREST,
    BACKEND_OPEN,
    BACKEND_REOPEN,
    BACKEND_REPORT,
    CONFIGURE,
    CONTROLLER_LOOK,
    CREDIT,
    EVENT,
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    HOST_FINDINGS,
    HOST_METRICS,
    JOB_CANCEL,
    JOB_START,
    LIVE_DOCUMENT_OPEN,
    LOG_OPEN,
    STREAM_CLOSE,
    STREAM_CREDIT,
    STREAM_DOCUMENT,
    STREAM_ENDED,
    STREAM_LINES,
    BackendName,
    CreditParams,
    EventParams,
    Heartbeat,
    HostConfiguration,
    HostReady,
    InterestParams,
    OpenBackend,
    StreamDocument,
    StreamEnded,
    StreamLines,
    StreamOpen,
)
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.peer import Peer
from quarterdeck_api.wire import PROTOCOL_VERSION, Nothing, check_protocol

#: Seconds that backends and jobs get together when the host is told to end.
SHUTDOWN_TIMEOUT = 5.0

#: Questions to `quarterdeck_authorize` that may be under way at once.
_AUTHORIZING_THREADS = 4


class _Configured(Struct, frozen=True):
    """What there is once the runtime has said CONFIGURE."""

    tools: BackendTools
    jobs: HostJobs
    events: EventHooks
    authorize: AuthorizeHook
    controllers: HostControllers
    authorizing: CallPool


class _StreamLine:
    """Tells the runtime of streams."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def lines(self, message: StreamLines) -> None:
        """Lines of a log."""
        self._peer.notify(STREAM_LINES, message)

    def document(self, message: StreamDocument) -> None:
        """The latest state of a document."""
        self._peer.notify(STREAM_DOCUMENT, message)

    def ended(self, message: StreamEnded) -> None:
        """A stream's end."""
        self._peer.notify(STREAM_ENDED, message)


class HostProgram:
    """One host on one connection."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._configured: _Configured | None = None
        self._backends: dict[str, BackendRunner] = {}
        self._streams = HostStreams(_StreamLine(peer), lambda address: self._backend_of(address).backend)
        self._end = asyncio.Event()
        self._exit = HostExit.ORDERLY
        peer.on_request(CONFIGURE, self._configure)
        peer.on_request(BACKEND_OPEN, self._open)
        peer.on_request(BACKEND_CLOSE, self._close)
        peer.on_request(BACKEND_REOPEN, self._reopen)
        BackendCalls(self._backend, lambda: self._tools_and_jobs().tools.catalogue).register(peer)
        peer.on_request(LOG_OPEN, self._open_log)
        peer.on_request(LIVE_DOCUMENT_OPEN, self._open_document)
        peer.on_notification(STREAM_CLOSE, lambda number: self._streams.close(number.stream))
        peer.on_notification(STREAM_CREDIT, lambda credit: self._streams.grant(credit.stream, credit.messages))
        self._processes = HostProcesses(
            process_report_sender(peer),
            lambda wanted: ProcessFollower(wanted.name, lambda: self._backends.get(wanted.backend)),
        )
        self._processes.register(peer)
        peer.on_request(JOB_START, self._start_job)
        peer.on_request(EVENT, self._tell_event)
        peer.on_request(AUTHORIZE, lambda request: self._tools_and_jobs().authorize.ask(request))
        peer.on_request(CONTROLLER_LOOK, lambda asked: self._tools_and_jobs().controllers.look(asked))
        peer.on_notification(JOB_CANCEL, lambda number: self._tools_and_jobs().jobs.cancel(number))
        peer.on_notification(BACKEND_INTEREST, self._set_interest)
        peer.on_notification(CREDIT, self._grant)

    async def run(self) -> HostExit:
        """Serves until the runtime is gone or says SIGTERM; backends are closed in the latter case only."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        reading = asyncio.create_task(self._peer.run(), name="reading")
        beating = asyncio.create_task(self._beat(), name="heartbeat")
        ending = asyncio.create_task(self._end.wait(), name="ending")
        await asyncio.wait([reading, ending], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            fault = reading.exception()
            if fault is None:
                return HostExit.RUNTIME_GONE
            log_fault("the connection to the runtime", fault)
            return HostExit.PROTOCOL
        beating.cancel()
        await self._shut_down()
        return self._exit

    async def _configure(self, wanted: HostConfiguration) -> HostReady:
        if self._configured is not None:
            raise UsageError("this host is configured already", "start another host")
        try:
            check_protocol(wanted.protocol, "the runtime")
        except ProtocolError:
            self._exit = HostExit.PROTOCOL
            asyncio.get_running_loop().call_later(1.0, self._end.set)  # After the answer has gone out.
            raise
        pool = CallPool(wanted.pool_threads, self._calls_are_stuck)
        authorizing = CallPool(_AUTHORIZING_THREADS, self._authorizing_is_stuck)
        hooks = PluginHooks(wanted.module)
        self._configured = _Configured(
            BackendTools(
                wanted.catalogue, pool, time.monotonic, Random(), wanted.call_timeout, self._processes.send_from_thread
            ),
            HostJobs(
                LoopChannel(self._peer.notify),
                pool,
                lambda name: self._backend(name).backend,
                self._peer.call,
                self._said,
            ),
            EventHooks(hooks, pool),
            AuthorizeHook(hooks, authorizing),
            HostControllers(wanted.catalogue, pool, lambda name: self._backend(name).backend, self._peer),
            authorizing,
        )
        if wanted.catalogue.authorizes:
            await self._configured.authorize.prepare()
        return HostReady(PROTOCOL_VERSION, os.getpid(), API_VERSION)

    async def _open(self, wanted: OpenBackend) -> Nothing:
        tools = self._tools_and_jobs().tools
        info = next((each for each in tools.catalogue.backend_types if each.id == wanted.type), None)
        if info is None:
            known = ", ".join(each.id for each in tools.catalogue.backend_types) or "none"
            raise UsageError(f"{wanted.name} is of the unknown type {wanted.type!r}", f"there are: {known}")
        if wanted.name in self._backends:
            raise UsageError(f"{wanted.name} is open already", f"retry {wanted.name} to open it anew")
        sender = ChangeSender(
            wanted.name,
            lambda changes: self._peer.notify(ENCODED_CHANGES, changes),
            lambda report: self._peer.notify(BACKEND_REPORT, report),
        )
        reporter = BackendReporter(
            wanted.name,
            lambda samples: self._peer.notify(HOST_METRICS, samples),
            lambda findings: self._peer.notify(HOST_FINDINGS, findings),
        )
        runner = BackendRunner(wanted, info, tools, sender, reporter)
        self._backends[wanted.name] = runner
        runner.start()
        return Nothing()

    async def _close(self, wanted: BackendName) -> Nothing:
        runner = self._backend(wanted.name)
        del self._backends[wanted.name]
        await self._streams.end_of(wanted.name, "it was closed")
        await runner.close()
        return Nothing()

    async def _reopen(self, wanted: BackendName) -> Nothing:
        runner = self._backend(wanted.name)
        await self._streams.end_of(wanted.name, "it is opened anew")
        await runner.retry()
        return Nothing()

    async def _open_log(self, wanted: StreamOpen) -> Nothing:
        self._streams.open_log(wanted)
        return Nothing()

    async def _open_document(self, wanted: StreamOpen) -> Nothing:
        self._streams.open_document(wanted)
        return Nothing()

    async def _start_job(self, spec: JobSpec) -> Nothing:
        self._tools_and_jobs().jobs.start(spec)
        return Nothing()

    async def _tell_event(self, told: EventParams) -> Nothing:
        await self._tools_and_jobs().events.tell(told)
        return Nothing()

    def _set_interest(self, wanted: InterestParams) -> None:
        runner = self._backends.get(wanted.name)
        if runner is not None:  # It may have been closed while this was under way.
            runner.set_interest(wanted.interest)

    def _grant(self, credit: CreditParams) -> None:
        runner = self._backends.get(credit.backend)
        if runner is not None:
            runner.grant(credit.batches)

    def _tools_and_jobs(self) -> _Configured:
        if self._configured is None:
            raise UsageError("this host is not configured yet", "send host.configure first")
        return self._configured

    def _backend(self, name: str) -> BackendRunner:
        runner = self._backends.get(name)
        if runner is None:
            raise NotFoundError(f"this host has no backend {name!r}", f"it has: {', '.join(self._backends) or 'none'}")
        return runner

    async def _said(self, backend: str) -> None:
        runner = self._backends.get(backend)
        if runner is not None:  # It may have been taken out of the configuration meanwhile.
            await runner.said()

    def _backend_of(self, address: str) -> BackendRunner:
        return self._backend(address.split("/", 1)[0])

    async def _beat(self) -> None:
        while True:
            stuck = self._configured.tools.pool.stuck + self._configured.authorizing.stuck if self._configured else 0
            stuck += sum(runner.stuck_threads for runner in self._backends.values()) + self._streams.stuck
            self._peer.notify(HEARTBEAT, Heartbeat(stuck, resident_bytes()))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _authorizing_is_stuck(self, stuck: int) -> None:
        self._end_when_stuck(stuck, _AUTHORIZING_THREADS)

    def _calls_are_stuck(self, stuck: int) -> None:
        self._end_when_stuck(stuck, self._tools_and_jobs().tools.pool.threads)

    def _end_when_stuck(self, stuck: int, threads: int) -> None:
        if stuck >= threads:
            fault = QuarterdeckError(f"all {stuck} threads of the pool are stuck; the host ends and is started again")
            log_fault("host", fault)
            leave(HostExit.POOL_STUCK)

    async def _shut_down(self) -> None:
        if self._configured is not None:
            await self._configured.jobs.close()
        await self._streams.close_all()
        await self._processes.close()
        closing = [asyncio.create_task(runner.close()) for runner in self._backends.values()]
        if closing:
            await asyncio.wait(closing, timeout=SHUTDOWN_TIMEOUT)


def leave(code: HostExit) -> NoReturn:
    """Ends the process without waiting for threads, which may be stuck in native code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


async def serve(descriptor: int) -> NoReturn:
    """Runs the host on a connected socket and ends the process; with the runtime gone, also what the plugin has started."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    peer = Peer(reader, writer, "the runtime", on_fault=lambda method, fault: log_fault(f"answering {method}", fault))
    code = await HostProgram(peer).run()
    if code is HostExit.RUNTIME_GONE and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    leave(code)
