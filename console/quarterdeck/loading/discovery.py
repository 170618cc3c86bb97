"""Finds plugins by their entry points: in the environment, in environments of their own, and in the folders of QUARTERDECK_PLUGIN_PATH.

Looking through a whole environment takes long, so what was found is kept together with the modification times of every place that was looked
at: as long as nothing was installed or removed, one stat for each place is all.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from quarterdeck.loading.atomic_file import read_cached, write_cached
from quarterdeck.loading.fingerprint import stat_mark
from quarterdeck.loading.names import canonical
from quarterdeck.loading.own_environments import OwnEnvironment, OwnEnvironments
from quarterdeck_api import __version__

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GROUP = "quarterdeck.plugins"
PATH_VARIABLE = "QUARTERDECK_PLUGIN_PATH"

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class FoundPlugin(Struct, frozen=True, omit_defaults=True):
    """A plugin's entry point, before any of its code has run.

    `metadata` is its `.dist-info` folder. `fixed` installs do not change without their RECORD; others (editable, or in a folder of the
    plugin path) change with their source files. `fault` says why it cannot be asked to declare.
    """

    name: str
    module: str
    distribution: str
    version: str
    interpreter: str
    metadata: str = ""
    paths: tuple[str, ...] = ()
    fixed: bool = False
    fault: str = ""
    remedy: str = ""


class _Finding(Struct, frozen=True):
    """What was found, with the marks of the places at that time."""

    marks: tuple[str, ...]
    plugins: tuple[FoundPlugin, ...]


def plugin_path(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The folders that the environment names, absolute, in their order."""
    entries = environment.get(PATH_VARIABLE, "").split(os.pathsep)
    return tuple(str(Path(entry).expanduser().absolute()) for entry in entries if entry)


def installed_places() -> tuple[str, ...]:
    """The folders in which this interpreter finds installed packages.

    The folder of the script that was started (the working folder with `-m`) is left out: it changes with every program and often.
    """
    entries = sys.path if sys.flags.safe_path else sys.path[1:]
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def find_plugins(
    cache_file: Path,
    folders: Sequence[str],
    interpreter: str = sys.executable,
    search_path: Sequence[str] | None = None,
    environments: OwnEnvironments | None = None,
) -> tuple[FoundPlugin, ...]:
    """Every entry point of the group: `folders` first, each for itself, then `environments`, then this one's `search_path`.

    A distribution that is found twice counts once, the first time, as for Python itself.
    """
    places = installed_places() if search_path is None else tuple(search_path)
    marks = (interpreter, __version__, *_marks(folders, places, environments))
    known = read_cached(cache_file, _Finding)
    if known is not None and known.marks == marks:
        return known.plugins
    own = _in_own_environments(environments) if environments is not None else []
    plugins = (*_in_folders(folders, interpreter), *own, *_in_environment(places, interpreter))
    homes: dict[str, str] = {}
    for each in plugins:
        homes.setdefault(canonical(each.distribution), each.metadata)
    kept = tuple(each for each in plugins if each.metadata == homes[canonical(each.distribution)])
    write_cached(cache_file, _Finding(marks, kept))
    return kept


def place_marks(folders: Sequence[str], environments: OwnEnvironments) -> tuple[str, ...]:
    """What changes whenever a plugin is installed, upgraded or removed; made of one stat for each place."""
    return tuple(_marks(folders, installed_places(), environments))


def _marks(folders: Sequence[str], places: Sequence[str], environments: OwnEnvironments | None) -> list[str]:
    """One mark for each place; folders of the plugin path are written by hand, so their entry points are looked at too."""
    marks = [f"{place}={stat_mark(Path(place))}" for place in (*folders, *places)]
    for folder in folders:
        for file in sorted(Path(folder).glob("*.dist-info/*")):
            marks.append(f"{file}={stat_mark(file)}")
    if environments is not None:
        marks += [f"{file}={stat_mark(file)}" for file in environments.marks()]
    return marks


def _in_own_environments(environments: OwnEnvironments) -> list[FoundPlugin]:
    found: list[FoundPlugin] = []
    for each in environments.all():
        inside = _in_environment((str(environments.site_packages(each)),), str(environments.python(each)))
        mine = [plugin for plugin in inside if canonical(plugin.distribution) == canonical(each.distribution)]
        found += [_with_api_checked(plugin, each) for plugin in mine] or [_nothing_left(each, environments)]
    return found


def _with_api_checked(plugin: FoundPlugin, environment: OwnEnvironment) -> FoundPlugin:
    if environment.api == __version__:
        return plugin
    return msgspec.structs.replace(
        plugin,
        fault=f"its environment has quarterdeck-api {environment.api}, and this Quarterdeck {__version__}",
        remedy=f"run `quarterdeck plugin upgrade {plugin.distribution}`, which makes its environment anew",
    )


def _nothing_left(environment: OwnEnvironment, environments: OwnEnvironments) -> FoundPlugin:
    """A line for an environment without its plugin: damaged, or made by another version of Python."""
    return FoundPlugin(
        name=environment.distribution,
        module="",
        distribution=environment.distribution,
        version=environment.version,
        interpreter=str(environments.python(environment)),
        fault=f"its environment {environments.generation_folder(environment)} is damaged, or of another Python",
        remedy=f"run `quarterdeck plugin install --own-environment {environment.source}` again",
    )


def _in_folders(folders: Iterable[str], interpreter: str) -> list[FoundPlugin]:
    found: list[FoundPlugin] = []
    for folder in folders:
        inside = _in_environment((folder,), interpreter)
        found += [msgspec.structs.replace(each, paths=(folder,), fixed=False) for each in inside]
    return found


def _in_environment(places: Sequence[str], interpreter: str) -> list[FoundPlugin]:
    from importlib.metadata import distributions  # Imported here: it costs more start-up time than everything else.

    found: list[FoundPlugin] = []
    for distribution in distributions(path=list(places)):
        if _mentions_group(distribution):
            found += _entry_points(distribution, interpreter)
    return sorted(found, key=lambda each: (each.distribution, each.name))


def _mentions_group(distribution: "Distribution") -> bool:
    try:
        return GROUP in (distribution.read_text("entry_points.txt") or "")
    except (OSError, UnicodeDecodeError):
        return False  # Nothing says that it is a plugin, and other distributions are not ours to judge.


def _entry_points(distribution: "Distribution", interpreter: str) -> list[FoundPlugin]:
    """The plugins of one distribution; what its author wrote wrongly becomes a fault."""
    name, version = str(distribution.metadata["Name"] or "unknown"), str(distribution.metadata["Version"] or "0")
    plain = FoundPlugin(
        name=name,
        module="",
        distribution=name,
        version=version,
        interpreter=interpreter,
        metadata=_metadata_folder(distribution),
        fixed=_fixed(distribution.read_text("direct_url.json"), distribution.read_text("RECORD")),
    )
    remedy = f"write NAME = package.module below [{GROUP}] in entry_points.txt, or remove {name}"
    try:
        entry_points = [each for each in distribution.entry_points if each.group == GROUP]
    except (ValueError, TypeError):
        return [msgspec.structs.replace(plain, fault="its entry_points.txt is malformed", remedy=remedy)]
    found: list[FoundPlugin] = []
    for each in entry_points:
        if _MODULE.fullmatch(each.value):
            found.append(msgspec.structs.replace(plain, name=each.name, module=each.value))
        else:
            fault = f"its entry point names {each.value!r}, which is no module"
            found.append(msgspec.structs.replace(plain, name=each.name, fault=fault, remedy=remedy))
    return found


def _metadata_folder(distribution: "Distribution") -> str:
    """The `.dist-info` folder; importlib.metadata has no public name for it."""
    return str(getattr(distribution, "_path", distribution.locate_file("")))


def _fixed(direct_url: str | None, record: str | None) -> bool:
    """Whether an install has a record of its files and is not editable."""
    if not record:
        return False
    try:
        origin = msgspec.json.decode(direct_url or "{}", type=dict)
    except msgspec.MsgspecError:
        return False
    directory = origin.get("dir_info", {})
    return not (isinstance(directory, dict) and directory.get("editable"))
