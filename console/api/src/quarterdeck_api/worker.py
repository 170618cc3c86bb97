"""The worker: a process that imports a plugin's libraries once and then runs its jobs, one at a time, in the main thread.

Started by a guard as `python -m quarterdeck_api.worker --plugin ID [--preload MODULE,…] [--path FOLDER]…`. It ends when its guard does:
at the end of standard input, at the end of its socket, and on Linux by the kernel's parent-death signal.
"""

import argparse
import importlib
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.host_protocol import JOB_CANCEL, JOB_ENDED, JOB_START, JobEnded
from quarterdeck_api.import_string import load_object
from quarterdeck_api.job_context import OutputLog
from quarterdeck_api.job_execution import execute
from quarterdeck_api.job_requests import RUNTIME_CHANGED
from quarterdeck_api.lifeline import die_with_parent, end_with, take_standard_input
from quarterdeck_api.spool import write_result
from quarterdeck_api.wire import LineReader, Message, Method, decode_message, decode_value, encode_message, encode_value
from quarterdeck_api.worker_job import WorkerJob
from quarterdeck_api.worker_pool import ProcessPool
from quarterdeck_api.worker_protocol import JOB_ANSWER, WORKER_FD_VARIABLE, WORKER_READY, WorkerReady

P = TypeVar("P")

_READ_BYTES = 256 * 1024


class SocketChannel:
    """The worker's end of the socket pair with its guard; `send` may be called from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, method: Method[P, Any], params: P) -> None:
        """Sends one notification; waits only while the guard reads nothing."""
        line = encode_message(Message(method=method.name, params=encode_value(params)))
        with self._lock:
            self._connection.sendall(line)


class JobInbox:
    """What the guard sends, read by a thread of its own: jobs are queued, a cancellation reaches its job at once."""

    def __init__(self, connection: socket.socket, channel: SocketChannel) -> None:
        self.jobs: queue.SimpleQueue[WorkerJob] = queue.SimpleQueue()
        self._connection = connection
        self._channel = channel
        self._latest: WorkerJob | None = None
        self._pool: ProcessPool | None = None

    def read_until_end(self) -> None:
        """Reads messages until the guard is gone, then ends the process."""
        try:
            lines = LineReader()
            while data := self._connection.recv(_READ_BYTES):
                for line in lines.feed(data):
                    self._receive(decode_message(line))
        except (ConnectionError, QuarterdeckError):
            traceback.print_exc()
        finally:
            os._exit(1)

    def _receive(self, message: Message) -> None:
        if message.method == JOB_START.name:
            spec = decode_value(message.params, JOB_START.params)
            self._latest = WorkerJob(spec, self._channel, OutputLog(), pools=self._pool_of)
            self.jobs.put(self._latest)
        elif message.method == JOB_ANSWER.name:
            answer = decode_value(message.params, JOB_ANSWER.params)
            job = self._latest
            if job is not None and (job.spec.job, job.spec.token) == (answer.job, answer.token):
                job.asks.answered(answer)
        elif message.method == RUNTIME_CHANGED.name and self._latest is not None:
            self._latest.asks.runtime_changed()
        elif message.method == JOB_CANCEL.name:
            number = decode_value(message.params, JOB_CANCEL.params)
            job = self._latest
            if job is None or (job.spec.job, job.spec.token) != (number.job, number.token):
                return  # It has ended meanwhile.
            if job.cancelled:
                os._exit(128 + signal.SIGTERM)
            job.cancel()

    def _pool_of(self, processes: int) -> ProcessPool:
        """The worker's one pool, whose children stay warm from job to job."""
        if self._pool is None or self._pool.processes != processes:
            if self._pool is not None:
                self._pool.close()
            self._pool = ProcessPool(processes)
        return self._pool


def run_job(job: WorkerJob, channel: SocketChannel) -> None:
    """Runs one job in its spool folder (stray files of libraries end there), stores the result, then says that it ended.

    Raises QuarterdeckError when the result cannot be stored.
    """
    spool_folder = Path(job.spec.spool_folder)
    spool_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chdir(spool_folder)
    result = execute(job, lambda: load_object(job.spec.implementation)(job))
    write_result(job.spec, job.complete(result))
    os.chdir("/")
    sys.stdout.flush()
    sys.stderr.flush()
    channel.send(JOB_ENDED, JobEnded(job.spec.job, job.spec.token))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the worker until its guard is gone; the exit code is 1 when a result could not be stored."""
    options = _options(arguments)
    die_with_parent()
    end_with(take_standard_input())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    connection = socket.socket(fileno=int(os.environ.pop(WORKER_FD_VARIABLE)))
    connection.set_inheritable(False)
    channel = SocketChannel(connection)
    inbox = JobInbox(connection, channel)
    _start_thread("inbox", inbox.read_until_end)
    sys.path[:0] = options.path
    started = time.monotonic()
    _preload([name for name in options.preload.split(",") if name])
    channel.send(WORKER_READY, WorkerReady(os.getpid(), time.monotonic() - started))
    while True:
        job = inbox.jobs.get()
        try:
            run_job(job, channel)
        except (QuarterdeckError, OSError):
            traceback.print_exc()
            return 1  # The guard reports the exit; the attempt is lost and is tried again elsewhere.


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quarterdeck_api.worker", description="Runs a plugin's jobs below a guard.")
    parser.add_argument("--plugin", required=True, help="the plugin's id, for lists of processes")
    parser.add_argument("--preload", default="", help="modules to import first, separated by commas")
    parser.add_argument("--path", action="append", default=[], help="a folder to put in front of sys.path")
    return parser.parse_args(arguments)


def _start_thread(name: str, run: Any) -> None:
    threading.Thread(target=run, name=name, daemon=True).start()


def _preload(modules: Sequence[str]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - the boundary to plugin code: the job that needs the module reports it better.
            traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
