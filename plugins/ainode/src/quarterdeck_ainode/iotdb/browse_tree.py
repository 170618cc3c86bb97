"""Devices and series of the tree, page by page: the server narrows, limits and skips; nothing is fetched whole."""

import time
from collections.abc import Callable, Mapping, Sequence

from quarterdeck_ainode.iotdb import quoting, schema_statements
from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.dialect import Dialect
from quarterdeck_ainode.iotdb.series_off import off_of_series
from quarterdeck_ainode.iotdb.series_statistics import extent_cells, tree_extents
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.resources import Resource

#: Seconds for which a count is good enough, and for counting.
COUNT_SECONDS = 30.0
_COUNTING_SECONDS = 2.0
#: Names that are fetched at a time where the server cannot count, and at most.
_STRIDE = 10_000
_MOST = 200_000


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


class DeviceSource:
    """Devices below a path of the tree."""

    def __init__(
        self, client: IotdbClient, counts: Counts, make: ResourceMaker, backend: str, below: str, word: str
    ) -> None:
        self._client = client
        self._counts = counts
        self._make = make
        self._backend = backend
        self._pattern = f"{quoting.path(below)}.**"
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        found = self._client.rows(schema_statements.show_devices(self._pattern, self._word, limit, offset))
        return [self._device(row) for row in found.texts()]

    def count(self) -> int | None:
        """How many, when the server counts them."""
        if self._word:
            return None
        statement = schema_statements.count_devices(self._pattern)
        return self._counts.of(statement, lambda: counted(self._client, statement))

    def exact_count(self) -> int:
        """How many, counted by their names where the server cannot count."""
        known = self.count()
        if known is not None:
            return known
        total = 0
        while total < _MOST:
            statement = schema_statements.show_devices(self._pattern, self._word, _STRIDE, total)
            part = len(self._client.rows(statement).values)
            total += part
            if part < _STRIDE:
                return total
        raise UsageError(f"more than {_MOST:,} devices bear {self._word!r} in their path", "write more of it")

    def _device(self, row: Mapping[str, str]) -> Resource:
        return self._make(
            "device",
            row["device"],
            cells={
                "aligned": row.get("isaligned", "").lower() == "true",
                "template": row.get("template") or None,
                "ttl": ttl_text(row.get("ttl(ms)", "")),
            },
        )


class SeriesSource:
    """Series below a path of the tree: of one device, or of everything that is below."""

    def __init__(
        self,
        client: IotdbClient,
        counts: Counts,
        make: ResourceMaker,
        backend: str,
        pattern: str,
        word: str,
    ) -> None:
        self._client = client
        self._counts = counts
        self._make = make
        self._backend = backend
        self._pattern = pattern
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them, with how much they have."""
        found = list(self._client.rows(schema_statements.show_series(self._pattern, self._word, limit, offset)).texts())
        extents = tree_extents(self._client, [row["timeseries"] for row in found])
        return [
            self._make(
                "series",
                row["timeseries"],
                cells={
                    "type": row.get("datatype", ""),
                    "encoding": row.get("encoding", ""),
                    "compression": row.get("compression", ""),
                    "alias": row.get("alias") or None,
                    "tags": row.get("tags") or None,
                    **extent_cells(extents.get(row["timeseries"])),
                },
                actions_off=off_of_series(row.get("datatype", "")),
                parent=f"{self._backend}/device/{quoting.device_of(row['timeseries'])}",
            )
            for row in found
        ]

    def count(self) -> int | None:
        """How many, unless that takes too long."""
        statement = schema_statements.count_series(self._pattern, self._word)
        return self._counts.of(statement, lambda: counted(self._client, statement))

    def exact_count(self) -> int:
        """How many, however long it takes."""
        known = self.count()
        return (
            known
            if known is not None
            else counted(self._client, schema_statements.count_series(self._pattern, self._word), None)
        )


def counted(
    client: IotdbClient,
    statement: str,
    seconds: float | None = _COUNTING_SECONDS,
    dialect: Dialect = Dialect.TREE,
) -> int:
    """The one number that a statement gives."""
    found = client.rows(statement, dialect=dialect, timeout=seconds)
    value = found.values[0][0] if found.values else 0
    return int(value) if isinstance(value, int | float) else 0


def ttl_text(written: str) -> str | None:
    """A time to live as the server writes it (milliseconds, or INF) in words; None for no limit."""
    if not written or written.upper() == "INF":
        return None
    if not written.isdecimal():
        return written
    seconds = int(written) / 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
