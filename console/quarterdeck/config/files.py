"""Reads the configuration file and the environment; what is wrong becomes a list of problems, never a crash."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from quarterdeck.config.loaded import LoadedSettings, Origin, Problem, Source
from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.reading import read_settings
from quarterdeck.config.settings import RuntimeSettings, Settings
from quarterdeck_api.catalogue import Catalogue

IDLE_EXIT_VARIABLE = "QUARTERDECK_IDLE_EXIT"
READ_ONLY_VARIABLE = "QUARTERDECK_READ_ONLY"
THEME_VARIABLE = "QUARTERDECK_THEME"

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")
_SYNTAX_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")


def load_settings(
    paths: InstancePaths, catalogues: Iterable[Catalogue] = (), environment: Mapping[str, str] | None = None
) -> LoadedSettings:
    """The settings of an instance: defaults, then its file, then the environment.

    With `catalogues`, settings of backends are checked against their types. A file that cannot be read at all makes the instance
    read-only, because its guardrails are not known.
    """
    variables = os.environ if environment is None else environment
    return _with_environment(_from_file(paths.config_file, catalogues), variables)


def validate(paths: InstancePaths, catalogues: Iterable[Catalogue]) -> tuple[Problem, ...]:
    """Everything that is wrong with the configuration of an instance."""
    return load_settings(paths, catalogues).problems


def _from_file(file: Path, catalogues: Iterable[Catalogue]) -> LoadedSettings:
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except OSError as error:
        return _unreadable(file, 0, f"it cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unreadable(file, line, "it is not UTF-8 text")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _unreadable(file, _syntax_line(str(error), text), f"it is not TOML: {_SYNTAX_PLACE.sub('', str(error))}")
    return read_settings(table, text, str(file), catalogues)


def _unreadable(file: Path, line: int, why: str) -> LoadedSettings:
    problem = Problem(
        str(file),
        line,
        "",
        f"{why[:1].upper()}{why[1:]}",
        "correct it: a runtime that starts with it has defaults, and is read-only",
    )
    sources = {"runtime.read_only": Source(Origin.FILE, f"{file}:{line}")}
    return LoadedSettings(Settings(runtime=RuntimeSettings(read_only=True)), sources, (problem,))


def _syntax_line(message: str, text: str) -> int:
    """The line that tomllib names, or the last one."""
    found = _SYNTAX_PLACE.search(message)
    return int(found.group(1)) if found and found.group(1) else text.rstrip("\n").count("\n") + 1


def _with_environment(loaded: LoadedSettings, variables: Mapping[str, str]) -> LoadedSettings:
    runtime, console = loaded.settings.runtime, loaded.settings.console
    sources, problems = dict(loaded.sources), list(loaded.problems)
    if (text := variables.get(IDLE_EXIT_VARIABLE)) is not None:
        seconds = _seconds(text)
        if seconds is None:
            problems.append(_wrong_variable(IDLE_EXIT_VARIABLE, text, "not a number of seconds", "write 0 or more"))
        else:
            runtime = msgspec.structs.replace(runtime, idle_exit=seconds)
            sources["runtime.idle_exit"] = Source(Origin.ENVIRONMENT, IDLE_EXIT_VARIABLE)
    if (text := variables.get(READ_ONLY_VARIABLE)) is not None:
        if text.lower() not in (*_TRUE, *_FALSE):
            problems.append(
                _wrong_variable(
                    READ_ONLY_VARIABLE, text, "neither true nor false", "true is used until it is corrected"
                )
            )
        # The environment can close what the file leaves open, and open what it closes: it is the later word.
        runtime = msgspec.structs.replace(runtime, read_only=text.lower() not in _FALSE)
        sources["runtime.read_only"] = Source(Origin.ENVIRONMENT, READ_ONLY_VARIABLE)
    if text := variables.get(THEME_VARIABLE):
        console = msgspec.structs.replace(console, theme=text)
        sources["console.theme"] = Source(Origin.ENVIRONMENT, THEME_VARIABLE)
    settings = msgspec.structs.replace(loaded.settings, runtime=runtime, console=console)
    return msgspec.structs.replace(loaded, settings=settings, sources=sources, problems=tuple(problems))


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _wrong_variable(name: str, text: str, why: str, remedy: str) -> Problem:
    return Problem("", 0, name, f"{name} is {text!r}, which is {why}", remedy)
