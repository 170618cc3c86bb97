"""The rows of one watch on the client's side: snapshot chunks and deltas become rows and what changed of them."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from quarterdeck_api.protocol import Delta, SnapshotChunk
from quarterdeck_api.resources import Resource


class RowChanges(Struct, frozen=True):
    """What one message changed: rows that appeared, rows that are different now, and addresses that are gone."""

    added: Sequence[Resource] = ()
    updated: Sequence[Resource] = ()
    removed: Sequence[str] = ()


class WatchedRows:
    """Rows by address, kept equal to what the runtime sends for one watch.

    `changed` is called after `rows` was changed, at most once a message, and in any case when a snapshot is complete. A new snapshot (after a reconnection, or
    because this client was slow) is compared with what is there: rows that stay are not reported, so a table keeps its cursor.
    """

    def __init__(self, watch: int, changed: Callable[[RowChanges], None]) -> None:
        self.watch = watch
        self.rows: dict[str, Resource] = {}
        self.revision = 0
        self.total = 0
        self.complete = False
        self._changed = changed
        self._unconfirmed: set[str] = set()

    def snapshot(self, chunk: SnapshotChunk) -> None:
        """Takes a part of a snapshot; chunks of other watches are ignored."""
        if chunk.watch != self.watch:
            return
        if chunk.first:
            self.complete = False
            self._unconfirmed = set(self.rows)
        self.revision, self.total = chunk.revision, chunk.total
        added, updated = self._take(chunk.resources)
        removed: list[str] = []
        if self._unconfirmed:
            self._unconfirmed.difference_update(resource.address for resource in chunk.resources)
        if chunk.last:
            removed = list(self._unconfirmed)
            for address in removed:
                del self.rows[address]
            self._unconfirmed = set()
            self.complete = True
        self._report(added, updated, removed, even_nothing=chunk.last)

    def delta(self, delta: Delta) -> None:
        """Takes what changed since; deltas of other watches are ignored."""
        if delta.watch != self.watch:
            return
        self.revision = delta.revision
        added, updated = self._take(delta.upserts)
        removed = [address for address in delta.removes if self.rows.pop(address, None) is not None]
        self.total = len(self.rows)
        self._report(added, updated, removed)

    def _take(self, resources: Sequence[Resource]) -> tuple[Sequence[Resource], Sequence[Resource]]:
        rows = self.rows
        if not rows:
            rows.update((resource.address, resource) for resource in resources)
            return resources, ()
        added: list[Resource] = []
        updated: list[Resource] = []
        for resource in resources:
            before = rows.get(resource.address)
            if before is None:
                added.append(resource)
            elif before != resource:
                updated.append(resource)
            else:
                continue
            rows[resource.address] = resource
        return added, updated

    def _report(
        self,
        added: Sequence[Resource],
        updated: Sequence[Resource],
        removed: Sequence[str],
        *,
        even_nothing: bool = False,
    ) -> None:
        if added or updated or removed or even_nothing:
            self._changed(RowChanges(added, updated, removed))
