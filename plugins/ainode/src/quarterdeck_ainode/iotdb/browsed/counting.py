"""How many rows lists have: counted by the server, remembered for a while."""

import time
from collections.abc import Callable

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.errors import QuarterdeckError

#: Seconds for which a count is good enough, and for counting.
COUNT_SECONDS = 30.0
_COUNTING_SECONDS = 2.0


class Counts:
    """How many there are, remembered for a while: the pages of a list ask again and again. May be used by any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, int | None]] = {}

    def of(self, statement: str, count: Callable[[], int]) -> int | None:
        """What the statement gave within the last half minute, or gives now; None when it does not answer soon enough."""
        known = self._known.get(statement)
        if known is not None and self._clock() - known[0] < COUNT_SECONDS:
            return known[1]
        try:
            found = count()
        except QuarterdeckError:
            found = None  # Too many to be counted in time, or not permitted: the list is shown without its length.
        if len(self._known) > 1_000:
            self._known.clear()
        self._known[statement] = (self._clock(), found)
        return found


class Lister(Struct, frozen=True):
    """What every list of a cluster is made with."""

    client: IotdbClient
    counts: Counts
    make: ResourceMaker
    backend: str


class CountedSource:
    """A list whose rows a statement counts."""

    def __init__(self, lister: Lister, count_statement: str, dialect: Dialect = Dialect.TREE) -> None:
        self._lister = lister
        self._count_statement = count_statement
        self._dialect = dialect

    def count(self) -> int | None:
        """How many there are, unless that takes too long."""
        client, statement = self._lister.client, self._count_statement
        return self._lister.counts.of(statement, lambda: counted(client, statement, self._dialect, _COUNTING_SECONDS))

    def exact_count(self) -> int:
        """How many, however long it takes."""
        known = self.count()
        return known if known is not None else counted(self._lister.client, self._count_statement, self._dialect)


def counted(client: IotdbClient, statement: str, dialect: Dialect = Dialect.TREE, seconds: float | None = None) -> int:
    """The one number that a statement gives."""
    found = client.rows(statement, dialect=dialect, timeout=seconds)
    value = found.values[0][0] if found.values else 0
    return int(value) if isinstance(value, int | float) else 0
