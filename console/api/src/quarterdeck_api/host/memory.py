"""How much memory this process uses."""

import os
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Resident memory in bytes: what is resident now on Linux, the most that was elsewhere."""
    if sys.platform.startswith("linux"):
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # In bytes on macOS.
