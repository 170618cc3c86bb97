"""Devices and series of the tree, page by page: the server narrows, limits and skips; nothing is fetched whole."""

from collections.abc import Mapping, Sequence

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.browsed.counting import CountedSource, Lister
from quarterdeck_ainode.iotdb.browsed.series_off import off_of_series
from quarterdeck_ainode.iotdb.browsed.series_statistics import extent_cells, tree_extents
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_text
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Resource

#: Names that are fetched at a time where the server cannot count, and at most.
_STRIDE = 10_000
_MOST = 200_000


class DeviceSource:
    """Devices below a path of the tree."""

    def __init__(self, lister: Lister, below: str, word: str) -> None:
        self._lister = lister
        self._pattern = f"{quoting.path(below)}.**"
        self._word = word
        self._all = CountedSource(lister, schema_statements.count_devices(self._pattern))

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them."""
        found = self._lister.client.rows(schema_statements.show_devices(self._pattern, self._word, limit, offset))
        return [self._device(row) for row in found.texts()]

    def count(self) -> int | None:
        """How many, when the server counts them."""
        return None if self._word else self._all.count()

    def exact_count(self) -> int:
        """How many, counted by their names where the server cannot count."""
        if not self._word:
            return self._all.exact_count()
        total = 0
        while total < _MOST:
            statement = schema_statements.show_devices(self._pattern, self._word, _STRIDE, total)
            part = len(self._lister.client.rows(statement).values)
            total += part
            if part < _STRIDE:
                return total
        raise UsageError(f"more than {_MOST:,} devices bear {self._word!r} in their path", "write more of it")

    def _device(self, row: Mapping[str, str]) -> Resource:
        return self._lister.make(
            "device",
            row["device"],
            cells={
                "aligned": row.get("isaligned", "").lower() == "true",
                "template": row.get("template") or None,
                "ttl": ttl_text(row.get("ttl(ms)", "")),
            },
        )


class SeriesSource(CountedSource):
    """Series below a path of the tree: of one device, or of everything that is below."""

    def __init__(self, lister: Lister, pattern: str, word: str) -> None:
        super().__init__(lister, schema_statements.count_series(pattern, word))
        self._pattern = pattern
        self._word = word

    def rows(self, offset: int, limit: int) -> Sequence[Resource]:
        """Some of them, with how much they have."""
        found = list(
            self._lister.client.rows(schema_statements.show_series(self._pattern, self._word, limit, offset)).texts()
        )
        extents = tree_extents(self._lister.client, [row["timeseries"] for row in found])
        return [
            self._lister.make(
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
                parent=f"{self._lister.backend}/device/{quoting.device_of(row['timeseries'])}",
            )
            for row in found
        ]
