"""What is kept of managed processes: what is wanted, which guard holds each instance, and how they fared."""

from msgspec import Struct

from quarterdeck_api.processes import ProcessSpec
from quarterdeck_api.resources import CORE, Address


class ProcessRecord(Struct, frozen=True):
    """A managed process. `removed` ones are forgotten once their instances have ended."""

    spec: ProcessSpec
    created: float
    removed: bool = False

    @property
    def address(self) -> str:
        """The process's own address."""
        return str(Address(CORE, "process", self.spec.name))


class InstanceRecord(Struct, frozen=True):
    """One instance of a process. Times are Unix seconds.

    `token` lets it in at its host, `guard` names its guard's files; both are empty when nothing runs. `failures` are starts in a row that
    ended soon, `not_before` is when the next one is due, and `crash_loop` that there is none until somebody asks. `reason` is why it ended.
    """

    process: str
    number: int
    token: str = ""
    guard: str = ""
    started: float = 0.0
    failures: int = 0
    restarts: int = 0
    not_before: float = 0.0
    crash_loop: bool = False
    reason: str = ""

    @property
    def name(self) -> str:
        """The instance's name."""
        return instance_name(self.process, self.number)


class ProcessEvent(Struct, frozen=True):
    """One line of a process's history; `instance` 0 concerns all of them."""

    time: float
    instance: int
    event: str
    detail: str = ""


def instance_name(process: str, number: int) -> str:
    """The name of a process's instance, counted from 1."""
    return f"{process}.{number}"


def split_instance(name: str) -> tuple[str, int]:
    """Process and number of an instance's name; a bare process's name means its first instance."""
    process, dot, number = name.rpartition(".")
    if dot and number.isdecimal() and int(number) > 0:
        return process, int(number)
    return name, 1
