"""Live reload: the runtime follows its configuration file; a file that is wrong changes nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from quarterdeck.config.files import load_settings
from quarterdeck.config.loaded import Problem
from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import RuntimeSettings, Settings
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.runtime_requests import ConfigurationState

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between looks at the file. It is read once it has been the same for two looks: an editor may write it in several steps.
LOOK_SECONDS = 1.0

#: What a running runtime can take over; its other settings are fixed in its parts when it starts.
_LIVE = frozenset(
    {
        "idle_exit",
        "read_only",
        "map_processes",
        "dask",
        "keep_jobs",
        "keep_jobs_days",
        "keep_journal",
        "keep_journal_days",
    }
)

Apply = Callable[[Settings], Awaitable[None]]


class FileMark(NamedTuple):
    """What changes whenever a file is written or replaced; all zero for none."""

    modified: int = 0
    size: int = 0
    inode: int = 0


class Comparison(Struct, frozen=True):
    """What a change of settings means for a running runtime.

    `effective` are the settings that hold from now on, `changes` say what differs from before, `restart_for` are keys that wait.
    """

    effective: Settings
    changes: tuple[str, ...]
    restart_for: tuple[str, ...]


def compare(running: Settings, wanted: Settings) -> Comparison:
    """Decides what of the wanted settings can be taken over now. `console` is the clients' own and counts as no change."""
    before, after = msgspec.structs.asdict(running.runtime), msgspec.structs.asdict(wanted.runtime)
    differing = [field for field in before if before[field] != after[field]]
    waiting = [field for field in differing if field not in _LIVE]
    runtime: RuntimeSettings = msgspec.structs.replace(wanted.runtime, **{field: before[field] for field in waiting})
    changes = [f"runtime.{field} is {_said(after[field])}" for field in differing if field in _LIVE]
    if running.guardrails != wanted.guardrails:
        changes.append(f"{len(wanted.guardrails)} guardrails hold")
    for plugin in sorted({*running.plugins.disabled} ^ {*wanted.plugins.disabled}):
        changes.append(f"plugin {plugin} is {'disabled' if plugin in wanted.plugins.disabled else 'enabled'}")
    for name in sorted({*running.backends, *wanted.backends}):
        if name not in wanted.backends:
            changes.append(f"backend {name} is removed")
        elif name not in running.backends:
            changes.append(f"backend {name} is added")
        elif running.backends[name] != wanted.backends[name]:
            changes.append(f"backend {name} is changed")
    effective = msgspec.structs.replace(wanted, runtime=runtime)
    return Comparison(effective, tuple(changes), tuple(f"runtime.{field}" for field in waiting))


def blocking(problems: Iterable[Problem], known: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems for which a changed file is not taken over.

    Those that were there before are in force already. A type that no plugin has only concerns its own backend, whose state says so; it may be
    that of a plugin that has just been disabled.
    """
    earlier = {(each.key, each.sentence) for each in known}
    return tuple(
        each
        for each in problems
        if (each.key, each.sentence) not in earlier
        and not (each.key.startswith("backends.") and each.key.endswith(".type"))
    )


def file_mark(file: Path) -> FileMark:
    """The mark of a file as it is now; raises nothing, since a file that cannot be looked at is told when it is read."""
    try:
        found = file.stat()
    except OSError:
        return FileMark()
    return FileMark(found.st_mtime_ns, found.st_size, found.st_ino)


def configuration_notice(state: ConfigurationState) -> tuple[str, str]:
    """What is wrong with the configuration, and what to do; both empty when nothing is."""
    if state.problems:
        held = "" if state.applied else "; the settings from before hold"
        first, *others = state.problems
        more = f" (and {len(others)} more)" if others else ""
        return f"{first}{more}{held}", "correct the file, see `quarterdeck config validate`"
    if state.restart_for:
        return f"{', '.join(state.restart_for)} hold after a restart", "run `quarterdeck runtime restart`"
    return "", ""


class ConfigurationReloading:
    """Keeps the runtime's settings those of its file.

    `problems` are those of the settings that hold. `apply` takes new settings over, `catalogues` gives what plugins declare now, `settings` what holds. `on_state` is told whenever the state
    differs.
    """

    def __init__(
        self,
        paths: InstancePaths,
        problems: tuple[Problem, ...],
        settings: Callable[[], Settings],
        catalogues: Callable[[], list[Catalogue]],
        apply: Apply,
        on_state: Callable[[ConfigurationState], None],
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._catalogues = catalogues
        self._apply = apply
        self._on_state = on_state
        self._known = problems
        self._one_at_a_time = asyncio.Lock()
        self._begun = asyncio.Event()
        self._read_mark = file_mark(paths.config_file)
        self.state = ConfigurationState(str(paths.config_file), time.time(), problems=tuple(map(str, problems)))

    async def follow(self) -> None:
        """Looks at the file for ever; call it once every plugin's host has been started."""
        told, self._known = self._known, self._problems_of(self._read_mark, self._known)
        for problem in self._known:
            if problem not in told:
                _log.warning("configuration: %s", problem)
        self._set_state(msgspec.structs.replace(self.state, problems=tuple(map(str, self._known))))
        self._begun.set()
        seen = self._read_mark
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = file_mark(self._paths.config_file)
            if now == seen and now != self._read_mark:
                await self.reload()
            seen = now

    async def reload(self) -> ConfigurationState:
        """Reads the file now and takes it over unless it is wrong; gives what came of it."""
        await self._begun.wait()
        async with self._one_at_a_time:
            problems, wanted = self._read()
            if wrong := blocking(problems, self._known):
                for problem in wrong:
                    _log.warning("configuration: %s", problem)
                _log.warning("configuration: %s is not taken over until it is corrected", self._paths.config_file)
                told = tuple(map(str, problems))
                self._set_state(msgspec.structs.replace(self.state, applied=False, problems=told, changes=()))
                return self.state
            found = compare(self._settings(), wanted)
            for change in found.changes:
                _log.info("configuration: %s", change)
            if found.restart_for:
                _log.warning("configuration: %s hold after a restart of the runtime", ", ".join(found.restart_for))
            await self._apply(found.effective)
            self._known = self._problems_of(self._read_mark, problems)  # Plugins may have come or gone.
            told = tuple(map(str, self._known))
            state = ConfigurationState(
                str(self._paths.config_file), time.time(), True, told, found.changes, found.restart_for
            )
            self._set_state(state)
            return state

    def _read(self) -> tuple[tuple[Problem, ...], Settings]:
        """Problems and settings of one and the same file, whatever is written meanwhile."""
        while True:
            self._read_mark = file_mark(self._paths.config_file)
            problems = load_settings(self._paths, self._catalogues()).problems
            settings = load_settings(self._paths).settings
            if file_mark(self._paths.config_file) == self._read_mark:
                return problems, settings

    def _problems_of(self, mark: FileMark, otherwise: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """The file's problems by what plugins declare now; `otherwise` when it is not the file of the mark any more, which is read next."""
        problems = load_settings(self._paths, self._catalogues()).problems
        return problems if file_mark(self._paths.config_file) == mark else otherwise

    def _set_state(self, state: ConfigurationState) -> None:
        self.state = state
        self._on_state(state)


def _said(value: object) -> str:
    return msgspec.json.encode(value).decode()
