"""What the benchmark of jobs lets other processes do; they import it by name."""

import time


def nothing(item: int) -> int:
    """Gives its item back."""
    return item


def wait(seconds: float) -> float:
    """Keeps a processor busy for so many seconds."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        continue
    return seconds
