"""Which models LOAD has asked for, kept in the data folder, so that a node that comes back is as warm as it was."""

import logging
import threading
from pathlib import Path

import msgspec

from quarterdeck_ainode.serving.whole_files import write_whole

_log = logging.getLogger(__name__)

#: More bytes than a thousand ids have.
_LARGEST = 256 * 1024


class KeptLoads:
    """The ids in one file. What cannot be kept is logged and harms nothing: the models are loaded all the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._names = self._read()

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be loaded, in the order in which it was."""
        with self._lock:
            return tuple(self._names)

    def add(self, name: str) -> None:
        """Keeps that a model is loaded."""
        with self._lock:
            if name not in self._names:
                self._names.append(name)
                self._write()

    def remove(self, name: str) -> None:
        """Keeps that it is not any more."""
        with self._lock:
            if name in self._names:
                self._names.remove(name)
                self._write()

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                return list(dict.fromkeys(msgspec.json.decode(file.read(_LARGEST), type=list[str])))
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            _log.error("%s is of no use, so no model is loaded at the start: %s", self._path, error)
            return []

    def _write(self) -> None:
        try:
            write_whole(self._path, msgspec.json.encode(self._names))
        except OSError as error:
            _log.error("%s cannot be written, so another start will load what it says now: %s", self._path, error)
