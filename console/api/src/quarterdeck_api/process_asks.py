"""Managed processes as a job in a worker reaches them: by asking the runtime."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from quarterdeck_api.errors import CallTimeoutError
from quarterdeck_api.job_asks import Asker
from quarterdeck_api.process_requests import (
    PROCESS_CONTROL,
    PROCESS_ENSURE,
    PROCESS_READY,
    PROCESS_REMOVE,
    ProcessEnsure,
    ProcessName,
    ProcessReadiness,
)
from quarterdeck_api.processes import ControlAnswer, ControlMessage, ProcessControl

#: Seconds between two looks at whether a process is ready.
READY_LOOK = 0.2
#: Seconds that the way to an instance and back gets beyond its own time for an answer.
ANSWER_MARGIN = 5.0


class AskedProcesses:
    """The JobProcesses of an attempt, for processes of one backend."""

    def __init__(
        self,
        backend: str,
        asker: Asker,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._backend = backend
        self._asker = asker
        self._clock = clock
        self._sleep = sleep

    def ensure(self, process_type: str, name: str, parameters: Mapping[str, Any] | None = None, count: int = 1) -> str:
        """Has a process of that name exist and run with these parameters; gives its address."""
        wanted = ProcessEnsure(name, process_type, self._backend, dict(parameters or {}), count)
        return self._asker.ask(PROCESS_ENSURE, wanted).address

    def remove(self, name: str) -> None:
        """Stops a process and forgets it; nothing happens when there is none."""
        self._asker.ask(PROCESS_REMOVE, ProcessName(name))

    def control(self, instance: str, message: ControlMessage, timeout: float = 5.0) -> ControlAnswer:
        """Sends a control message and waits for the answer; raises UnknownOutcomeError when it is lost."""
        asked = ProcessControl(instance, message, timeout)
        return self._asker.ask(PROCESS_CONTROL, asked, timeout + ANSWER_MARGIN, repeatable=False)

    def readiness(self, name: str) -> ProcessReadiness:
        """Whether every instance runs and is well now, and what is waited for; raises NotFoundError."""
        return self._asker.ask(PROCESS_READY, ProcessName(name))

    def wait_ready(self, name: str, timeout: float) -> None:
        """Returns once every instance runs and is well; raises CallTimeoutError with what it waits for."""
        deadline = self._clock() + timeout
        while not (found := self.readiness(name)).ready:
            if self._clock() >= deadline:
                raise CallTimeoutError(
                    f"process {name} is not ready after {timeout:g} s: {found.waits_for}",
                    f"see `quarterdeck describe core/process/{name}`",
                )
            self._sleep(READY_LOOK)
