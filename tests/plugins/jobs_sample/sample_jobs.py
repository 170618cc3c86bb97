"""Jobs that do one thing each, for tests of workers, guards and the pool."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.jobs import JobContext, JobValue

#: How often this module was imported in this process.
IMPORTS = [os.getpid()]


def where(context: JobContext) -> JobValue:
    """Says which process ran it."""
    return JobValue({"pid": os.getpid(), "imports": len(IMPORTS), "folder": str(Path.cwd())})


def talk(context: JobContext) -> JobValue:
    """Reports everything that a job can report."""
    context.step("first")
    context.log("a line")
    print("printed")
    context.step("second")
    os.write(2, b"raw\n")
    context.progress(0.5, "half")
    context.checkpoint({"done": 1})
    context.artefact("note.txt", "text/plain").write_text("hello", encoding="utf-8")
    context.progress(1.0)
    return JobValue({"ok": True})


def two_steps(context: JobContext) -> JobValue:
    """Writes a line, waits for the file `release`, begins a step and writes another line once the step is on its way."""
    context.log("before")
    while not (Path(context.spec.spool_folder) / "release").exists():
        time.sleep(0.02)
    context.step("step")
    time.sleep(0.2)
    context.log("after")
    return JobValue({})


def fail(context: JobContext) -> JobValue:
    """Raises what the parameters ask for."""
    kinds = {"usage": UsageError, "unreachable": UnreachableError, "value": ValueError, "exit": SystemExit}
    raise kinds[context.spec.parameters["error"]]("this went wrong")


def wait(context: JobContext) -> JobValue:
    """Waits until it is cancelled, or until the file `release` appears in its spool folder."""
    release = Path(context.spec.spool_folder) / "release"
    context.progress(0.1, str(os.getpid()))
    while not release.exists():
        context.raise_if_cancelled()
        time.sleep(0.02)
    return JobValue({"pid": os.getpid()})


def stubborn(context: JobContext) -> JobValue:
    """Ignores cancellation, starts a process that ignores SIGTERM, and says so."""
    code = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    context.progress(0.1, str(child.pid))
    while True:
        time.sleep(0.05)


def pour(context: JobContext) -> JobValue:
    """Prints a given number of bytes."""
    for _ in range(context.spec.parameters["megabytes"]):
        print("x" * (1024 * 1024 - 1))
    return JobValue({})


def hold_interpreter(context: JobContext) -> JobValue:
    """Never lets another thread run, as native code that keeps the interpreter's lock."""
    context.progress(0.1, str(os.getpid()))
    return JobValue({"matched": bool(re.match(r"(a+)+$", "a" * 64 + "b"))})


def ask(context: JobContext) -> JobValue:
    """Reads standard input."""
    return JobValue({"input": sys.stdin.read()})
