"""Coalescing of a backend's changes: the latest per address, in bounded memory, with the order of Synced kept."""

import threading
from collections import OrderedDict

import msgspec
from msgspec import Raw, Struct

from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Change, Remove, Synced, Unreachable, Upsert
from quarterdeck_api.wire import encode_value

#: The most changes in one batch.
BATCH_CHANGES = 2000

#: The most bytes in one batch, and so of one resource: well below the longest line of the wire.
BATCH_BYTES = 4 * 1024 * 1024

_change_decoder = msgspec.json.Decoder(Change)


class Batch(Struct, frozen=True):
    """What goes out at once, each change as JSON; with `begins`, a new round of `watch` begins before them."""

    begins: bool
    changes: tuple[Raw, ...]


class _Segment:
    """Changes, then what closes them: kinds that are synced after them, then a fault."""

    def __init__(self) -> None:
        self.changes: OrderedDict[str, Raw] = OrderedDict()  # A dict is slow at giving up its oldest entries.
        self.synced: dict[str, None] = {}
        self.has_synced = False
        self.fault: Unreachable | None = None

    @property
    def closed(self) -> bool:
        return self.has_synced or self.fault is not None

    @property
    def empty(self) -> bool:
        return not self.changes and not self.closed

    def move_to(self, batch: list[Raw], room: int) -> int:
        """Moves changes while the batch has room in bytes and in number; gives the room that is left."""
        while self.changes and len(batch) < BATCH_CHANGES:
            address, change = next(iter(self.changes.items()))
            size = len(bytes(change))
            if size > room:
                break
            del self.changes[address]
            batch.append(change)
            room -= size
        return room

    def closing(self) -> list[Raw]:
        """What closes the segment, once its changes are moved."""
        synced = [encode_value(Synced(tuple(self.synced)))] if self.has_synced else []
        return synced if self.fault is None else [*synced, encode_value(self.fault)]


class Coalescer:
    """Holds what a backend emitted and the runtime has not asked for yet.

    `emit` may be called from any thread. There are two segments: once a Synced closes the first, only addresses that are in it already
    change there, others wait in the second. So a Synced follows everything that came before it, is never held up by what comes after,
    and memory is bounded by twice the number of addresses however much is emitted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = _Segment()
        self._second = _Segment()
        self._begins = False

    def begin(self) -> None:
        """Begins a round: what the round before has left is void, because the new one says everything again."""
        with self._lock:
            self._first, self._second = _Segment(), _Segment()
            self._begins = True

    def clear(self) -> None:
        """Forgets everything that was not sent."""
        with self._lock:
            self._first, self._second = _Segment(), _Segment()
            self._begins = False

    def emit(self, change: Change) -> None:
        """Takes one change; never blocks for longer than another thread's `emit` or `take`.

        Raises UsageError for a change that cannot be sent: the caller made the mistake, so the caller is told.
        """
        if isinstance(change, Upsert):
            address, encoded = change.resource.address, _encode(change, change.resource.address)
        elif isinstance(change, Remove):
            address, encoded = change.address, _encode(change, change.address)
        else:
            _encode(change, type(change).__name__)
            with self._lock:
                self._close(change)
            return
        with self._lock:
            segment = self._second if self._first.closed and address not in self._first.changes else self._first
            segment.changes[address] = encoded

    def take(self) -> Batch | None:
        """The next batch, oldest changes first, or None when there is nothing to send."""
        with self._lock:
            begins, self._begins = self._begins, False
            changes: list[Raw] = []
            room = BATCH_BYTES
            while not self._first.empty:
                room = self._first.move_to(changes, room)
                if self._first.changes:
                    break
                changes.extend(self._first.closing())
                self._first, self._second = self._second, _Segment()
            return Batch(begins, tuple(changes)) if begins or changes else None

    @property
    def pending(self) -> int:
        """Addresses that wait to be sent."""
        with self._lock:
            return len(self._first.changes) + len(self._second.changes)

    def _close(self, change: Synced | Unreachable) -> None:
        segment = self._first if not self._first.closed or self._second.empty else self._second
        if isinstance(change, Unreachable):
            segment.fault = change
        else:
            segment.has_synced = True
            segment.synced.update(dict.fromkeys(change.kinds))
            segment.fault = None


def _encode(change: Change, subject: str) -> Raw:
    """A change as JSON that the runtime is certain to understand."""
    try:
        encoded = encode_value(change)
        _change_decoder.decode(encoded)
    except (msgspec.MsgspecError, TypeError, UnicodeError, OverflowError) as error:
        raise UsageError(
            f"{subject} cannot be sent: {error}", "cells hold text, numbers, booleans or nothing; other fields as typed"
        ) from error
    if len(bytes(encoded)) > BATCH_BYTES:
        raise UsageError(
            f"{subject} is larger than {BATCH_BYTES} bytes",
            "keep large texts out of cells, and show them in `describe`",
        )
    return encoded
