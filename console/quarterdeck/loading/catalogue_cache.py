"""Keeps the catalogues of plugins that are ready: one file for each plugin, valid as long as nothing that it depends on changes."""

import hashlib
import re
from pathlib import Path

from msgspec import Struct

from quarterdeck.loading.atomic_file import read_cached, write_cached
from quarterdeck.loading.discovery import FoundPlugin
from quarterdeck.loading.fingerprint import maker_fingerprint, record_fingerprint, source_fingerprint
from quarterdeck_api.catalogue import Catalogue


class CachedCatalogue(Struct, frozen=True):
    """A catalogue with the key under which it is valid, and how many seconds declaring took.

    Without a catalogue the plugin did not declare in time, at `failed` (Unix seconds), for this reason.
    """

    key: str
    seconds: float
    catalogue: Catalogue | None
    failed: float = 0.0
    reason: str = ""


class CatalogueCache:
    """The folder with the cached catalogues of one instance."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maker = maker_fingerprint()

    def key(self, plugin: FoundPlugin) -> str:
        """Everything that the plugin's catalogue depends on, as one hash."""
        content = (
            record_fingerprint(Path(plugin.metadata))
            if plugin.fixed
            else source_fingerprint(plugin.module, plugin.paths)
        )
        parts = (
            plugin.distribution,
            plugin.version,
            plugin.module,
            plugin.interpreter,
            *plugin.paths,
            self._maker,
            content,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def get(self, plugin: FoundPlugin) -> CachedCatalogue | None:
        """The cached catalogue if it is still valid."""
        found = read_cached(self._file(plugin), CachedCatalogue)
        return found if found is not None and found.key == self.key(plugin) else None

    def put(self, plugin: FoundPlugin, key: str, seconds: float, catalogue: Catalogue) -> None:
        """Keeps a catalogue; `key` was taken before the plugin declared, so that a change meanwhile is seen the next time."""
        write_cached(self._file(plugin), CachedCatalogue(key, seconds, catalogue))

    def put_timeout(self, plugin: FoundPlugin, key: str, seconds: float, now: float, reason: str) -> None:
        """Keeps that a plugin did not declare in time, so that it does not hold up every start."""
        write_cached(self._file(plugin), CachedCatalogue(key, seconds, None, now, reason))

    def _file(self, plugin: FoundPlugin) -> Path:
        """One name for each place that a plugin can be in, so that outdated files are overwritten and do not pile up."""
        place = hashlib.sha256("\n".join((plugin.module, plugin.interpreter, *plugin.paths)).encode()).hexdigest()[:12]
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", f"{plugin.distribution}-{plugin.name}")[:80]
        return self._folder / f"{readable}-{place}.json"
