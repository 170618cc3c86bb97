"""The kit of a managed process: who it is, how it says that it is well, what it reports, and how it is told to end.

A plugin's implementation is given a ManagedProcess::

    def run(process: ManagedProcess) -> None:
        model = load(process.parameters["model"])
        process.on_message(lambda message: ControlAnswer(model.set_threshold(message.body)))
        process.ready()
        while not process.wait_drain(0.1):
            process.telemetry({"backlog": model.backlog()}, units={"backlog": "1"})

It returns when it has put everything in order after `draining` became true. Nothing that it calls here waits for the host or the runtime,
which may be started again meanwhile.
"""

import math
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from quarterdeck_api.backend_factory import make_backend
from quarterdeck_api.errors import UnsupportedError, UsageError
from quarterdeck_api.process_link import HostLine
from quarterdeck_api.processes import ControlAnswer, ControlMessage, ProcessBeat, ProcessHello, ProcessStart
from quarterdeck_api.resources import Health
from quarterdeck_api.wire import encode_value

T = TypeVar("T", bound=Struct)

#: What a message's handler may give: an answer, or the JSON value that is its body.
MessageHandler = Callable[[ControlMessage], Any]

#: Names in one report of telemetry; a process that has more sends them in several.
MOST_VALUES = 1000


class ManagedProcess:
    """One instance of a managed process; all methods may be called from any thread."""

    def __init__(self, start: ProcessStart, socket_path: str, token: str) -> None:
        self._start = start
        self._drain = threading.Event()
        self._lock = threading.RLock()
        self._handler: MessageHandler | None = None
        self._backend: Any = None
        self._is_ready = False
        hello = ProcessHello(start.name, token, os.getpid())
        self._line = HostLine(socket_path, hello, self._drain.set, self._answer)

    @property
    def name(self) -> str:
        """The instance's name: `NAME.1`, `NAME.2` …"""
        return self._start.name

    @property
    def instance(self) -> int:
        """Which of the process's instances this is, from 1."""
        return self._start.instance

    @property
    def backend(self) -> str:
        """The name of the backend that the process belongs to."""
        return self._start.backend

    @property
    def parameters(self) -> dict[str, Any]:
        """What the process was given; it satisfies the type's schema."""
        return self._start.parameters

    def parameters_as(self, kind: type[T]) -> T:
        """The parameters as the struct that the process type declares; raises UsageError when they are not."""
        try:
            return msgspec.convert(self._start.parameters, kind)
        except msgspec.ValidationError as error:
            raise UsageError(
                f"the parameters of {self.name} are wrong: {error}",
                f"correct them with `quarterdeck do process.configure core/process/{self.name.rpartition('.')[0]} --set …`",
            ) from error

    def open(self) -> Any:
        """The backend that the process belongs to, opened once in this process and closed when it ends."""
        with self._lock:
            if self._backend is None:
                if not self._start.backend_factory:
                    raise UsageError(f"{self.name} has no backend", "create the process with --backend")
                self._backend = make_backend(
                    self._start.backend, self._start.backend_factory, self._start.backend_settings
                )
            return self._backend

    def ready(self, message: str = "") -> None:
        """Says that the process does its work now. Until then it counts as starting, and its type's `ready_timeout` runs.

        Its first telemetry, and every judgement but `unknown`, say the same.
        """
        self.health(Health.OK, message)

    def health(self, health: Health, message: str = "") -> None:
        """Sets how the process judges itself; each heartbeat says so, once a second, also while the process is busy."""
        with self._lock:
            self._is_ready = self._is_ready or health is not Health.UNKNOWN
        self._line.judge(ProcessBeat(health, message))

    def telemetry(
        self,
        values: Mapping[str, float],
        units: Mapping[str, str] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Reports numbers, and texts for the plugin's backend: the latest of each name, at most ten times a second.

        Units are those of MetricSample. The runtime keeps the numbers as metrics of the instance. Raises UsageError for what is no finite
        number, or for more than 1,000 names.
        """
        if len(values) > MOST_VALUES:
            raise UsageError(f"{self.name} reports {len(values)} numbers at once", f"report at most {MOST_VALUES}")
        numbers = {name: float(value) for name, value in values.items()}
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise UsageError(f"{self.name} reports {name} = {number}", "leave out what is not known")
        with self._lock:
            if not self._is_ready:
                self.ready()
        self._line.report(numbers, units or {}, notes or {})

    def on_message(self, handler: MessageHandler) -> None:
        """Sets who answers control messages, one at a time, in a thread of its own.

        It returns a ControlAnswer or a JSON value. What it raises is the answer: a QuarterdeckError as it is, anything else as a failure.
        """
        with self._lock:
            self._handler = handler

    @property
    def draining(self) -> bool:
        """Whether the process is to take no more work, finish what it has and end."""
        return self._drain.is_set()

    def drain(self) -> None:
        """Asks the process to end in good order; a control message of the plugin's own may call it."""
        self._drain.set()

    def wait_drain(self, seconds: float | None = None) -> bool:
        """Sleeps until the process is to drain, at most so many seconds; whether it is to."""
        return self._drain.wait(seconds)

    def connect(self) -> None:
        """Begins to beat; the program that runs the implementation calls it once."""
        self._line.start()

    def close(self) -> None:
        """Closes the backend and sends the last telemetry; the program that runs the implementation calls it once."""
        self._line.close()
        if self._backend is not None:
            self._backend.close()

    def _answer(self, message: ControlMessage) -> ControlAnswer:
        handler = self._handler
        if handler is None:
            raise UnsupportedError(f"{self.name} takes no control messages", "see what its plugin says of it")
        found = handler(message)
        answer = found if isinstance(found, ControlAnswer) else ControlAnswer(found)
        encode_value(answer)  # What is not JSON is the handler's mistake, and is told as such.
        return answer
