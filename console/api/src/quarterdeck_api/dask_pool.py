"""Maps on a Dask cluster: the job stays where it is, and only the items travel. Needs the package `distributed`, here and on the cluster."""

import importlib
import queue
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from quarterdeck_api.errors import JobCancelledError, UnreachableError, UsageError

T = TypeVar("T")
R = TypeVar("R")

#: Seconds in which a scheduler has to answer.
CONNECT_TIMEOUT = 10.0
#: Seconds between looks at a cancellation.
_LOOK = 0.1


class DaskPool:
    """Applies functions on the cluster of a scheduler (`tcp://HOST:PORT`); each map has a connection of its own."""

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler

    def map(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        cancelled: Callable[[], bool] = lambda: False,
        on_done: Callable[[int, int], None] | None = None,
    ) -> list[R]:
        """The function's results in the order of the items; what ProcessPool.map says holds here too.

        `function` must be importable on the cluster by the same name. Raises UsageError without `distributed`, UnreachableError without the
        scheduler, and when the cluster loses an item.
        """
        wanted = list(items)
        if not wanted:
            return []
        client = self._connect()
        try:
            return _Map(client, function, wanted).results(cancelled, on_done)
        finally:
            client.close()

    def _connect(self) -> Any:
        try:
            distributed = importlib.import_module("distributed")
        except ImportError as error:
            raise UsageError(
                f"maps go to the Dask cluster {self._scheduler}, and the package distributed is not installed",
                "install quarterdeck-api[dask] where the job runs, or remove `dask` from [runtime]",
            ) from error
        try:
            return distributed.Client(self._scheduler, timeout=CONNECT_TIMEOUT, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UnreachableError(
                f"the Dask scheduler {self._scheduler} does not answer: {error}",
                "start it, or correct `dask` in [runtime]",
            ) from error


class _Map:
    """One map on a cluster; futures say in threads of their own that they are done."""

    def __init__(self, client: Any, function: Callable[[Any], Any], items: list[Any]) -> None:
        self._client = client
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._futures: list[Any] = client.map(function, items, pure=False)
        for index, future in enumerate(self._futures):
            future.add_done_callback(partial(self._note, index))

    def results(self, cancelled: Callable[[], bool], on_done: Callable[[int, int], None] | None) -> list[Any]:
        """Waits for all of them; what is not done is cancelled when one fails or the job is cancelled."""
        results: dict[int, Any] = {}
        try:
            while len(results) < len(self._futures):
                if cancelled():
                    raise JobCancelledError("the map was cancelled", "start it again if you still want its result")
                try:
                    index = self._done.get(timeout=_LOOK)
                except queue.Empty:
                    continue
                results[index] = self._result(index)
                if on_done is not None:
                    on_done(len(results), len(self._futures))
        finally:
            left = [future for index, future in enumerate(self._futures) if index not in results]
            if left:
                self._client.cancel(left, force=True)
        return [results[index] for index in range(len(self._futures))]

    def _note(self, index: int, future: Any) -> None:
        self._done.put(index)

    def _result(self, index: int) -> Any:
        future = self._futures[index]
        if future.status == "finished":
            return future.result()
        if future.status != "error":
            raise UnreachableError(
                f"the Dask cluster lost an item of a map: it is {future.status}",
                "look at the scheduler, then retry the job",
            )
        error: BaseException = future.exception()
        error.add_note(f"in item {index + 1} of {len(self._futures)} of a map")
        raise error
