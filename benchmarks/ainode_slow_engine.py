"""Our AINode with an engine that computes nothing but waits, and notes how many requests it has at once: shows what the server lets through.

python benchmarks/ainode_slow_engine.py NOTE_FILE SECONDS OPTIONS_OF_THE_PROGRAM…
"""

import sys
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quarterdeck_ainode.serving.engine import Engine, InferenceRequest
from quarterdeck_ainode.serving.engine_settings import EngineSettings
from quarterdeck_ainode.serving.local_engine import LocalEngine, open_engine
from quarterdeck_ainode.serving.program import _parameters, _parser
from quarterdeck_ainode.serving.running import serve, stop_on_signals


class _Waiting:
    """Passes everything on but inference."""

    def __init__(self, inner: Engine, note: Path, seconds: float) -> None:
        self._inner = inner
        self._note = note
        self._seconds = seconds
        self._lock = threading.Lock()
        self._now = self._most = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def infer(self, request: InferenceRequest) -> NDArray[np.float64]:
        """Zeros, after a while."""
        with self._lock:
            self._now += 1
            self._most = max(self._most, self._now)
            self._note.write_text(str(self._most))
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1
        return np.zeros(request.output_length)


def main() -> None:
    """Serves until it is ended."""
    note, seconds, *options = sys.argv[1:]
    given = vars(_parser().parse_args(options))
    del given["deregister"], given["wait"]

    def opened(settings: EngineSettings) -> Engine:
        inner = open_engine(settings)
        assert isinstance(inner, LocalEngine)
        return _Waiting(inner, Path(note), float(seconds))  # type: ignore[return-value]

    serve(_parameters(given), opened, 60.0, stop_on_signals())


if __name__ == "__main__":
    main()
