"""`get` and `catalogue`: what a client reads once."""

import asyncio
from typing import Any

import msgspec
from msgspec import Raw

from quarterdeck.runtime.serving.lookup import CatalogueProvider, Lookup
from quarterdeck.runtime.store import Store
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import CatalogueResult, GetParams, GetResult
from quarterdeck_api.resources import Resource

#: Rows that are encoded before others get their turn.
_ENCODE_SLICE = 5_000

#: The longest that `get` waits for backends, in seconds.
_LONGEST_WAIT = 60.0

_encoder = msgspec.json.Encoder()


class Reading:
    """Answers from store and catalogues."""

    def __init__(self, store: Store, catalogue: CatalogueProvider, lookup: Lookup) -> None:
        self._store = store
        self._catalogue = catalogue
        self._lookup = lookup

    def catalogue(self) -> CatalogueResult:
        """Every plugin and every backend."""
        return CatalogueResult(self._catalogue.plugins(), self._store.backends())

    async def get(self, params: GetParams) -> Any:
        """A GetResult, as a struct or, when it is large, encoded in slices so that it holds up nobody.

        Raises UsageError for an unknown kind, an unknown backend, a backend without the kind, or a bad filter.
        """
        if not params.kind:
            raise UsageError("which kind to get was not said", "write one, as in `quarterdeck get model`")
        self._lookup.check(params.kind, params.backend)
        backends = self._lookup.backends_with(params.kind, params.backend)
        if params.backend and not backends:
            raise UsageError(f"{params.backend} has no {params.kind}", "see `quarterdeck plugin info`")
        matches = self._lookup.matcher(params.filter, params.kind)
        await self._wait(params, backends)
        rows: list[Resource] = []
        everything = self._store.get(params.kind, params.backend)
        if matches is None:
            rows = everything
        else:
            for start in range(0, len(everything), _ENCODE_SLICE):
                rows.extend(each for each in everything[start : start + _ENCODE_SLICE] if matches(each))
                await asyncio.sleep(0)
        pending = {name: reason for name in backends if (reason := self._pending(name, params.kind))}
        columns = {name: self._lookup.columns(name, params.kind) for name in backends}
        result = GetResult(self._store.revision, (), columns, pending)
        if len(rows) <= _ENCODE_SLICE:
            return msgspec.structs.replace(result, resources=tuple(rows))
        return await _encode_in_slices(result, rows)

    async def _wait(self, params: GetParams, backends: list[str]) -> None:
        """Waits while a backend is connecting or has not said everything; one that is unreachable is not waited for."""
        changed = asyncio.Event()
        end = self._store.subscribe_backends(changed.set)
        try:
            async with asyncio.timeout(min(max(params.wait, 0.0), _LONGEST_WAIT)):
                while any(self._is_coming(name, params.kind) for name in backends):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return  # Whoever has not said everything by now is reported as pending.
        finally:
            end()

    def _is_coming(self, backend: str, kind: str) -> bool:
        state = self._store.backend(backend)
        return state is not None and state.state in ("connecting", "ready") and not self._store.is_synced(backend, kind)

    def _pending(self, backend: str, kind: str) -> str:
        """Why what a backend has may be incomplete or old; empty when it is neither."""
        state = self._store.backend(backend)
        if state is None:
            return "is not configured any more"
        if state.state in ("unreachable", "failed"):
            return f"{state.state}: {state.reason}" if state.reason else state.state
        if self._store.is_synced(backend, kind):
            return ""
        return "is still connecting" if state.state == "connecting" else f"has not said yet which {kind} it has"


async def _encode_in_slices(result: GetResult, rows: list[Resource]) -> Raw:
    parts: list[bytes] = []
    for start in range(0, len(rows), _ENCODE_SLICE):
        parts.append(_encoder.encode(rows[start : start + _ENCODE_SLICE])[1:-1])
        await asyncio.sleep(0)
    head = _encoder.encode(result)
    empty = b'"resources":[]'
    position = head.index(empty) + len(empty) - 1
    return Raw(b"".join((head[:position], b",".join(parts), head[position:])))
