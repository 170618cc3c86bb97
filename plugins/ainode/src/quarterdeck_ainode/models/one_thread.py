"""Linear algebra on one thread: several add up long series in parts, so that the last digits depend on how many processors a machine has."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it the libraries that are loaded compute on one thread, which for series is also the fastest."""
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """The libraries with threads of their own; looked for again, which takes milliseconds, when modules were imported."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
