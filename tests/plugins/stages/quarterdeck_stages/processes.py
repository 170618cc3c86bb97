"""The processes: a stage that works, and some that do not."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.process import ManagedProcess
from quarterdeck_api.processes import ControlAnswer, ControlMessage
from quarterdeck_api.resources import Health
from quarterdeck_stages.parameters import FailingParameters, HungryParameters, StageParameters, StuckParameters

_DAEMON = "import os, time; os.setsid(); time.sleep(1000)"


class Stage:
    """A stage that counts what it would have passed on."""

    def __init__(self, process: ManagedProcess) -> None:
        self._process = process
        self._given = process.parameters_as(StageParameters)
        self._threshold = self._given.threshold
        self._seen = 0
        process.on_message(self._answer)

    def run(self) -> None:
        """Works until it is to drain, and then finishes what it has."""
        self._process.ready(f"threshold {self._threshold:g}")
        while not self._process.wait_drain(1.0 / self._given.rate):
            self._seen += 1
            values = {"seen": float(self._seen), "threshold": self._threshold}
            self._process.telemetry(values, {"threshold": "1"}, {"phase": "working"})
        self._process.health(Health.BUSY, "draining")

    def _answer(self, message: ControlMessage) -> Any:
        match message.name:
            case "threshold":
                self._threshold = float(message.body["value"])
                self._process.health(Health.OK, f"threshold {self._threshold:g}")
                return ControlAnswer({"threshold": self._threshold})
            case "judge":
                self._process.health(Health(message.body["health"]), message.body.get("message", ""))
                return None
            case "sleep":
                time.sleep(float(message.body["seconds"]))
                return {"slept": message.body["seconds"]}
            case "echo":
                return message.body
            case "spell":
                return {"letters": len(self._given.token)}
            case "fail":
                raise ValueError("told to fail")
            case _:
                raise UsageError(f"a stage knows no {message.name!r}", "send threshold, judge, sleep or fail")


def stage(process: ManagedProcess) -> None:
    """Works as a stage; with a trail its lock shows whether another one of the same name lives."""
    folder = process.parameters_as(StageParameters).trail
    if not folder:
        Stage(process).run()
        return
    with (Path(folder) / process.name).open("a", encoding="utf-8", buffering=1) as trail:
        _begin(trail)
        Stage(process).run()
        trail.write(f"drained {os.getpid()}\n")


def _begin(trail: TextIO) -> None:
    try:
        fcntl.flock(trail, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        trail.write(f"overlap {os.getpid()}\n")
    trail.write(f"begin {os.getpid()}\n")


def failing(process: ManagedProcess) -> None:
    """Ends soon, as it is told."""
    given = process.parameters_as(FailingParameters)
    process.ready()
    process.wait_drain(given.seconds)
    print("about to end")
    match given.how:
        case "exit":
            sys.exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise QuarterdeckError("the engine has no oil", "fill some in")
        case _:
            return


def hungry(process: ManagedProcess) -> None:
    """Holds as much memory as it is told."""
    held = bytearray(process.parameters_as(HungryParameters).megabytes * 1024**2)
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    process.ready(f"{len(held)} bytes")
    process.wait_drain()


def stuck(process: ManagedProcess) -> None:
    """Does not do what is asked of it."""
    given = process.parameters_as(StuckParameters)
    if given.daemon:
        subprocess.Popen([sys.executable, "-c", _DAEMON], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if given.how == "unready":
        process.wait_drain()
        return
    process.ready()
    if given.how == "silent":
        time.sleep(1.0)  # So that it has been heard.
        os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        time.sleep(1.0)


def slow(process: ManagedProcess) -> None:
    """Takes its time to put everything in order."""
    with (Path(process.parameters_as(StageParameters).trail) / process.name).open("a", encoding="utf-8") as trail:
        _begin(trail)
        process.ready()
        process.wait_drain()
        process.health(Health.BUSY, "draining")
        time.sleep(4.0)
        trail.write(f"drained {os.getpid()}\n")
