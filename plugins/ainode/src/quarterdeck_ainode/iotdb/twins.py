"""Which backends of this host are the same cluster under two names."""

import threading


class Twins:
    """Clusters by their id and the backends that are connected to them; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clusters: dict[str, str] = {}

    def say(self, backend: str, cluster_id: str) -> None:
        """A backend is connected to the cluster of this id."""
        with self._lock:
            self._clusters[backend] = cluster_id

    def forget(self, backend: str) -> None:
        """A backend is closed."""
        with self._lock:
            self._clusters.pop(backend, None)

    def of(self, backend: str) -> list[str]:
        """The other backends with the same cluster, in the order of their names."""
        with self._lock:
            own = self._clusters.get(backend)
            return sorted(each for each, known in self._clusters.items() if own and known == own and each != backend)


#: All backends of this process.
OPEN = Twins()
