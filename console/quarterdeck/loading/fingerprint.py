"""Fingerprints of what a catalogue depends on: when one changes, the catalogue is made again."""

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from quarterdeck_api import API_VERSION, __version__

#: Files of the api that decide what a catalogue looks like; they change without a version while somebody works on them.
_MAKERS = ("catalogue", "declarations", "declare", "declare_output", "declare_rules", "declare_schema", "hooks")


def stat_mark(path: Path) -> str:
    """Modification time and size of a file or folder; empty when there is none."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_mtime_ns}.{found.st_size}"


def record_fingerprint(metadata: Path) -> str:
    """Hash of an installed distribution's list of files, which has the hash of each."""
    try:
        return hashlib.sha256((metadata / "RECORD").read_bytes()).hexdigest()
    except OSError:
        return ""


def source_fingerprint(module: str, paths: tuple[str, ...]) -> str:
    """Hash over names, sizes and modification times of all source files of the module's top-level package, found without importing it."""
    digest = hashlib.sha256()
    for file in _source_files(module.split(".", 1)[0], paths):
        digest.update(f"{file}={stat_mark(file)}\n".encode())
    return digest.hexdigest()


def maker_fingerprint() -> str:
    """What makes catalogues: contract version, release, and the state of its source files."""
    import quarterdeck_api

    folder = Path(quarterdeck_api.__path__[0])
    marks = [stat_mark(folder / f"{name}.py") for name in _MAKERS]
    return ";".join((API_VERSION, __version__, *marks))


def _source_files(package: str, paths: tuple[str, ...]) -> Iterator[Path]:
    spec = _find(package, paths)
    if spec is None:
        return
    if not spec.submodule_search_locations:
        if spec.origin:
            yield Path(spec.origin)
        return
    for top in spec.submodule_search_locations:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if name != "__pycache__")
            yield from (Path(folder, name) for name in sorted(names))


def _find(package: str, paths: tuple[str, ...]) -> ModuleSpec | None:
    found = PathFinder.find_spec(package, list(paths)) if paths else None
    if found is not None:
        return found
    try:
        return importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
