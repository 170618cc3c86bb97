"""What leaves a process that runs plugin code, and the private way out, so that what the plugin prints cannot mix with it."""

import os
import resource
import sys
import traceback
from pathlib import Path

import msgspec
from msgspec import Struct

from quarterdeck_api.catalogue import Catalogue, PluginPhase
from quarterdeck_api.errors import ErrorReport


class Declaration(Struct, frozen=True, omit_defaults=True):
    """What came of declaring: a catalogue with phase READY, or how far it came and why not further."""

    phase: PluginPhase
    seconds: float
    catalogue: Catalogue | None = None
    error: ErrorReport | None = None


class PrivateOutput:
    """Standard output as it was when the process started; from then on file descriptor 1 leads to standard error.

    The descriptor is not inherited by programs that the plugin starts.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def write(self, value: object) -> None:
        """Writes one value as a line of JSON."""
        rest = memoryview(msgspec.json.encode(value) + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def leave(self) -> None:
        """Ends the process at once: neither threads nor exit handlers of the plugin can hold it."""
        sys.stderr.flush()
        os._exit(0)


def limit_files(largest: int) -> None:
    """Limits what this process writes into any one file to `largest` bytes, and makes a crash leave no core file."""
    for limit, wanted in ((resource.RLIMIT_FSIZE, largest), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        kept = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (kept, kept))


def describe_exception(error: BaseException) -> str:
    """What was raised and where in the code (the import system left out), as one line."""
    said = " ".join(str(error).split())
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith("<frozen importlib")]
    return f"{text} ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else text
