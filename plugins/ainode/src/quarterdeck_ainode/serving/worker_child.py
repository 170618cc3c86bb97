"""One worker of our AINode: a fresh interpreter of the plugin's that computes one request at a time and ends with whoever started it."""

import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from quarterdeck_api.map_wire import Answer, Chunk, receive, send

#: Libraries of linear algebra start a thread for each processor; workers share the processors among themselves.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


#: A message before each request, which a worker answers at once: without that answer the request was never begun.
_BEGIN = pickle.dumps(Chunk(bool, [0]), pickle.HIGHEST_PROTOCOL)


class WorkerGoneError(Exception):
    """The worker ended before it answered; `begun` says whether it may have ended over the request."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the worker ended")
        self.begun = begun


class WorkerLateError(Exception):
    """The worker did not answer in time; it still computes and has to be ended."""


class WorkerRaisedError(Exception):
    """What a worker's function raised, as text with its traceback."""


class WorkerChild:
    """A worker process and the connection to it; used by one thread at a time, only `kill` by any.

    The kernel ends the process with the thread that made it, so that thread must live as long as the worker is wanted. It is in a process
    group of its own: an interrupt from the keyboard ends the server in order, and not its workers under its hands.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        """Starts the process; `on_end` is called from another thread once it has ended, for whatever reason."""
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck_api.map_child", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=2,  # Standard output belongs to the server's own words.
                cwd="/",
                env={**dict.fromkeys(_ONE_THREAD, "1"), **os.environ},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._waiter = threading.Thread(target=self._wait, args=(on_end,), name=f"worker {self.pid}", daemon=True)
        try:
            self._waiter.start()
        except RuntimeError:  # Too many threads: nobody would notice its end.
            with self._process:
                self._process.kill()
            raise
        try:
            send(self._connection, pickle.dumps([entry for entry in sys.path if entry]))
        except OSError as error:
            self.bury()
            raise WorkerGoneError(begun=True) from error

    @property
    def alive(self) -> bool:
        """Whether the process goes on."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def call(self, function: Callable[[Any], Any], argument: Any, seconds: float) -> Any:
        """The function's result, computed by the worker.

        Raises WorkerLateError after `seconds`, WorkerGoneError when the worker ended, WorkerRaisedError when the function raised.
        """
        request = pickle.dumps(Chunk(function, [argument]), pickle.HIGHEST_PROTOCOL)
        ends = time.monotonic() + seconds
        begun = False
        try:
            send(self._in_time(ends), _BEGIN)
            send(self._in_time(ends), request)
            begun = receive(self._in_time(ends)) is not None
            message = receive(self._in_time(ends)) if begun else None
        except TimeoutError as error:
            raise WorkerLateError from error
        except OSError as error:
            raise WorkerGoneError(begun) from error
        if message is None:
            raise WorkerGoneError(begun)
        answer: Answer = pickle.loads(message)  # noqa: S301 - from a child of this process, over a socket that nobody else has.
        if answer.failed is not None:
            raise WorkerRaisedError(answer.failed.traceback)
        return pickle.loads(answer.results[0])  # noqa: S301 - as above.

    def _in_time(self, ends: float) -> socket.socket:
        """The connection, whose next step has the time that is left."""
        self._connection.settimeout(max(ends - time.monotonic(), 0.001))
        return self._connection

    def kill(self) -> None:
        """Ends the worker now; whoever waits for its answer is told."""
        self._process.kill()

    def bury(self) -> int:
        """Makes sure that the worker has ended and gives its exit status (minus the signal's number)."""
        self._process.kill()
        self._waiter.join()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._process.returncode

    def _wait(self, on_end: Callable[[], None]) -> None:
        self._process.wait()
        on_end()
