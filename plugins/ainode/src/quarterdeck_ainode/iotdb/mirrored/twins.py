"""Which backends of this host are the same cluster under two names."""

import threading


class Twins:
    """By what each backend's cluster is known: its id where the user may see it, and the endpoints; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clusters: dict[str, frozenset[str]] = {}

    def say(self, backend: str, *known_by: str) -> None:
        """A backend's cluster is known by these too."""
        with self._lock:
            self._clusters[backend] = self._clusters.get(backend, frozenset()).union(known_by)

    def forget(self, backend: str) -> None:
        """A backend is closed."""
        with self._lock:
            self._clusters.pop(backend, None)

    def of(self, backend: str) -> list[str]:
        """The other backends with the same cluster, in the order of their names."""
        with self._lock:
            own = self._clusters.get(backend, frozenset())
            return sorted(each for each, known in self._clusters.items() if own & known and each != backend)


#: All backends of this process.
OPEN = Twins()
