"""The worker pool: applies a function to items in several processes, in order, without leaving any of them behind.

It stands alone: `with ProcessPool(4) as pool: pool.map(module.function, items)`. Its children are fresh interpreters (never forks of a
process with threads) in the caller's process group; they end with the caller, whatever ends it. The caller works too, and children join in
only when there is work enough for them, so that a small map costs no more than a loop.
"""

import pickle
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.map_run import MapRun
from quarterdeck_api.map_wire import Answer, Chunk, receive, send

T = TypeVar("T")
R = TypeVar("R")

#: Seconds after which a map that still has work for more than that is given children: ones that wait already, or ones to be started.
_JOIN_WARM = 0.02
_JOIN_COLD = 0.25
#: Seconds between looks at a cancellation while the caller waits for its children.
_LOOK = 0.1
#: Seconds that children without work are kept.
_IDLE_SECONDS = 60.0


class ChildGoneError(Exception):
    """A child ended before it answered."""


class _Child:
    """One child process and the connection to it."""

    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck_api.map_child", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                cwd="/",
                pass_fds=[theirs.fileno()],
            )
        self._tell(pickle.dumps([entry for entry in sys.path if entry]))

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._process.pid

    def apply(self, request: bytes) -> Answer:
        """What the child makes of a pickled chunk; raises ChildGoneError."""
        self._tell(request)
        try:
            answer = receive(self._connection)
        except OSError:
            answer = None
        if answer is None:
            raise ChildGoneError
        return pickle.loads(answer)  # noqa: S301 - from a child of this process, over a socket that nobody else has.

    def kill(self) -> None:
        """Ends the child now; whoever waits for its answer is told. May be called from any thread."""
        self._process.kill()

    def bury(self) -> int:
        """Makes sure that the child has ended and gives its exit status (minus the signal's number)."""
        self._process.kill()
        status = self._process.wait()
        self._connection.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return status

    def _tell(self, data: bytes) -> None:
        try:
            send(self._connection, data)
        except OSError as error:
            raise ChildGoneError from error


class ProcessPool:
    """At most `processes` processes work on a map, the caller among them. Maps may be called from any thread, one after another."""

    def __init__(self, processes: int, idle_seconds: float = _IDLE_SECONDS) -> None:
        self.processes = max(processes, 1)
        self._idle_seconds = idle_seconds
        self._lock = threading.Condition()
        self._starting = 0
        self._map_lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._wanted: queue.SimpleQueue[queue.SimpleQueue[_Child | OSError]] | None = None
        self._idle_timer: threading.Timer | None = None

    def __enter__(self) -> "ProcessPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def children(self) -> list[int]:
        """The process numbers of the children there are."""
        with self._lock:
            return sorted(child.pid for child in (*self._idle, *self._busy))

    def map(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        cancelled: Callable[[], bool] = lambda: False,
        on_done: Callable[[int, int], None] | None = None,
    ) -> list[R]:
        """The function's results in the order of the items.

        `function` must be importable by name, items and results picklable. `on_done(done, all)` is called from any thread as items are
        finished. An exception of the function is raised as it is, with a note that names the item; JobCancelledError once `cancelled()` says
        so. In both cases children that are still at work are ended. Raises UsageError for what cannot be sent, UnreachableError when
        the processes of an item end twice.
        """
        run = MapRun(function, list(items), self.processes, on_done)
        if self.processes == 1 or len(run.items) < 2:
            run.work(cancelled)
        else:
            with self._map_lock:
                self._map(run, cancelled)
        return run.results(cancelled())

    def close(self) -> None:
        """Ends the children."""
        with self._lock:
            idle, self._idle = self._idle, []
            if self._idle_timer is not None:
                self._idle_timer.cancel()
        for child in idle:
            child.bury()

    def _map(self, run: MapRun, cancelled: Callable[[], bool]) -> None:
        run.request = _request(run.function)
        helper = threading.Thread(target=self._help, args=(run,), name="map", daemon=True)
        helper.start()
        try:
            run.work(cancelled)
            while run.waits(_LOOK) and not cancelled():
                if not helper.is_alive():
                    run.work(cancelled, again=True)  # No child is left to try again what others ended over.
        finally:
            complete = run.stop()
            while not complete and helper.is_alive():
                self._kill_busy()  # Again and again: one may just be starting.
                helper.join(_LOOK)

    def _help(self, run: MapRun) -> None:
        """Gives the run its children when it lasts, and returns once none of them works for it."""
        while run.waits(_JOIN_WARM if self._idle else _JOIN_COLD):
            if run.seconds_left() > (_JOIN_WARM if self._idle else _JOIN_COLD) and run.untaken:
                break
        else:
            return
        drivers = [
            threading.Thread(target=self._drive, args=(run,), name="map child", daemon=True)
            for _ in range(min(self.processes - 1, run.untaken))
        ]
        for driver in drivers:
            driver.start()
        for driver in drivers:
            driver.join()
        self._rest()

    def _drive(self, run: MapRun) -> None:
        child: _Child | None = None
        try:
            child = self._borrow()
            if (failed := child.apply(run.request([])).failed) is not None:
                run.refuse(failed)  # The function's module is imported here, before any item waits for that.
            while (chunk := run.take()) is not None:
                try:
                    run.take_answer(chunk, child.apply(run.request([run.items[index] for index in chunk])))
                except ChildGoneError:
                    status, child = self._dismiss(child), None
                    run.give_back(chunk, status)
                    if not run.untaken:
                        return
                    child = self._borrow()
        except ChildGoneError:
            if child is not None:
                self._dismiss(child)
                child = None
        except (OSError, UsageError, UnreachableError) as error:
            run.fail(error)
        finally:
            if child is not None:
                self._give_back(child)

    def _borrow(self) -> _Child:
        """A child that waits, or a new one; a map that begins when another has just ended waits for its children to come back."""
        with self._lock:
            while not self._idle and len(self._busy) + self._starting >= self.processes - 1:
                self._lock.wait()
            if self._idle:
                child = self._idle.pop()
                self._busy.add(child)
                return child
            self._starting += 1
        try:
            child = self._spawn()
        except UnreachableError:
            with self._lock:
                self._starting -= 1
                self._lock.notify_all()
            raise
        with self._lock:
            self._starting -= 1
            self._busy.add(child)
        return child

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._busy.discard(child)
            self._idle.append(child)
            self._lock.notify_all()

    def _dismiss(self, child: _Child) -> int:
        with self._lock:
            self._busy.discard(child)
            self._lock.notify_all()
        return child.bury()

    def _kill_busy(self) -> None:
        with self._lock:
            busy = list(self._busy)
        for child in busy:
            child.kill()

    def _spawn(self) -> _Child:
        """A new child, made by a thread that lives as long as this process: the kernel ends a child with the thread that made it."""
        with self._lock:
            if self._wanted is None:
                self._wanted = queue.SimpleQueue()
                threading.Thread(target=_spawn_children, args=(self._wanted,), name="map spawner", daemon=True).start()
            wanted = self._wanted
        answer: queue.SimpleQueue[_Child | OSError] = queue.SimpleQueue()
        wanted.put(answer)
        child = answer.get()
        if isinstance(child, OSError):
            raise UnreachableError(
                f"no process can be started for a map: {child}", "see whether memory or processes run out, then retry"
            ) from child
        return child

    def _rest(self) -> None:
        """Children that nobody wants for a while are ended."""
        with self._lock:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
            self._idle_timer = None
            if self._idle:
                self._idle_timer = threading.Timer(self._idle_seconds, self.close)
                self._idle_timer.daemon = True
                self._idle_timer.start()


def _spawn_children(wanted: "queue.SimpleQueue[queue.SimpleQueue[_Child | OSError]]") -> None:
    while True:
        answer = wanted.get()
        try:
            answer.put(_Child())
        except ChildGoneError:
            answer.put(OSError("it ended at once"))
        except OSError as error:
            answer.put(error)


def _request(function: Callable[[Any], Any]) -> Callable[[list[Any]], bytes]:
    """Chunks of a function as bytes; raises UsageError when it cannot be sent, at once for the function, later for its items."""

    def encode(items: list[Any]) -> bytes:
        try:
            return pickle.dumps(Chunk(function, items), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise UsageError(
                f"an item of a map cannot be sent to another process: {type(error).__name__}: {error}",
                "map over plain data, and open files and connections in the function",
            ) from error

    try:
        pickle.dumps(function)
    except Exception as error:
        raise UsageError(
            f"{function!r} cannot be used in a map: {error}",
            "use a function at the top of a module, and functools.partial",
        ) from error
    if getattr(function, "__module__", "") == "__main__":
        raise UsageError(f"{function!r} lies in the program itself", "put it into a module that can be imported")
    return encode
