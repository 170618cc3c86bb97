"""`python -m quarterdeck_api.declare`: imports one plugin, asks its hooks, and prints what it declares as one JSON document.

This is the only program that imports a plugin's entry-point module to find out what it declares. Whatever the plugin prints goes to standard
error. The parent must limit the time and be ready for a process that ends without an answer.
"""

import argparse
import importlib
import importlib.util
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import msgspec
import pluggy
from msgspec import Struct

from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    CheckInfo,
    CommandInfo,
    ControllerInfo,
    JobTypeInfo,
    KeymapInfo,
    KindInfo,
    PluginInfo,
    PluginPhase,
    ProcessTypeInfo,
    SampleInfo,
    ThemeInfo,
)
from quarterdeck_api.declarations import Action, BackendType, Command, Controller, JobType, Kind, ProcessType, Sample
from quarterdeck_api.declare_output import Declaration, PrivateOutput, describe_exception, limit_files
from quarterdeck_api.declare_rules import SHARED_KINDS, compatibility_fault, faults
from quarterdeck_api.declare_schema import plain_schema
from quarterdeck_api.errors import ErrorReport, QuarterdeckError, UsageError
from quarterdeck_api.hooks import PROJECT, HookSpecification
from quarterdeck_api.nearest import nearest

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

#: More than a plugin has to write while it declares; its standard error goes into a file.
_LARGEST_FILE = 64 * 1024 * 1024

_HOOK_PREFIX = "quarterdeck_"
_IDENTITY_HOOK = "quarterdeck_plugin"
_AUTHORIZE_HOOK = "quarterdeck_authorize"
_HOOKS = frozenset(name for name in vars(HookSpecification) if name.startswith(_HOOK_PREFIX))
#: Hooks that are told or asked something: they are called in the host only, never while declaring.
_HOST_HOOKS = frozenset(
    name for name in _HOOKS if len(inspect.signature(getattr(HookSpecification, name)).parameters) > 1
)


class DeclarationFault(QuarterdeckError):
    """A plugin's declaration cannot be used; `phase` says how far it came."""

    code = "declaration"

    def __init__(self, phase: PluginPhase, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.phase = phase


def declare(module_name: str, paths: list[str]) -> Catalogue:
    """Imports the module with `paths` in front of `sys.path` and gives its catalogue; raises DeclarationFault."""
    sys.path[0:0] = paths
    module = _import(module_name)
    plugin = _identify(module)
    _check_hook_names(module)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecification)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        raise DeclarationFault(
            PluginPhase.VALIDATE,
            f"a hook does not fit: {' '.join(str(error).split())}",
            "give it the arguments that quarterdeck_api.hooks says: `event`, `request`, or none",
        ) from error
    answers = {name: _call(name, getattr(manager.hook, name)) for name in _HOOKS - _HOST_HOOKS - {_IDENTITY_HOOK}}
    catalogue = _catalogue(plugin, answers, {name for name in _HOST_HOOKS if name in vars(module)})
    wrong = list(faults(catalogue))
    if wrong:
        more = f" (and {len(wrong) - 1} more: {'; '.join(each.message for each in wrong[1:4])})" if wrong[1:] else ""
        raise DeclarationFault(PluginPhase.VALIDATE, wrong[0].message + more, wrong[0].remedy)
    return catalogue


def _import(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except BaseException as error:  # The boundary to plugin code: SystemExit and KeyboardInterrupt are faults of it too
        raise DeclarationFault(
            PluginPhase.IMPORT,
            f"importing {module_name} raises {describe_exception(error)}",
            _import_remedy(error, module_name),
        ) from error


def _import_remedy(error: BaseException, module_name: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"install what provides the module {error.name.split('.')[0]}, or reinstall the plugin"
    if isinstance(error, ImportError):
        return "install versions of the plugin and of its requirements that fit each other"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "report it to the plugin's author: a plugin must not end the process that imports it"
    return f"run `python -c 'import {module_name}'` in the plugin's environment to see the whole traceback"


def _identify(module: ModuleType) -> PluginInfo:
    """Who the plugin is, asked before anything else is looked at: a plugin for another contract may have other hooks."""
    hook = vars(module).get(_IDENTITY_HOOK)
    if not inspect.isfunction(hook):
        _check_hook_names(module)  # It may be there under a misspelt name.
        raise DeclarationFault(
            PluginPhase.VALIDATE, f"it has no hook {_IDENTITY_HOOK}", "add the hook; it returns a PluginInfo"
        )
    plugin = _checked(_call(_IDENTITY_HOOK, lambda: [hook()]), PluginInfo, f"{_IDENTITY_HOOK}()")
    report = compatibility_fault(plugin.api)
    if report is not None:
        raise DeclarationFault(PluginPhase.COMPATIBILITY, report.message, report.remedy)
    return plugin


def _check_hook_names(module: ModuleType) -> None:
    """Raises for hooks that pluggy would ignore without a word: misspelt or not marked."""
    for name, value in vars(module).items():
        marked = isinstance(getattr(value, f"{PROJECT}_impl", None), dict)
        if name in _HOOKS and inspect.isfunction(value) and not marked:
            raise DeclarationFault(
                PluginPhase.VALIDATE,
                f"{name} is not marked as a hook",
                "put @hookimpl of quarterdeck_api.hooks before it",
            )
        if name not in _HOOKS and (marked or (name.startswith(_HOOK_PREFIX) and inspect.isfunction(value))):
            raise DeclarationFault(PluginPhase.VALIDATE, f"{name} is not a hook", nearest(name, _HOOKS))


def _call(name: str, hook: Callable[[], list[object]]) -> object:
    """The one plugin's answer to a hook, None when it does not answer."""
    try:
        answers = hook()
    except BaseException as error:  # The boundary to plugin code: SystemExit and KeyboardInterrupt are faults of it too
        raise DeclarationFault(
            PluginPhase.DECLARE, f"{name} raises {describe_exception(error)}", "report it to the plugin's author"
        ) from error
    return answers[0] if answers else None


def _catalogue(plugin: PluginInfo, answers: dict[str, object], host_hooks: set[str]) -> Catalogue:
    def items(name: str, kind: type[T]) -> list[tuple[str, T]]:
        return _items(name, answers[name], kind)

    return Catalogue(
        plugin=plugin,
        backend_types=tuple(
            _converted(each, BackendTypeInfo, where, settings=_schema(each.settings, where))
            for where, each in items("quarterdeck_backend_types", BackendType)
        ),
        kinds=tuple(
            _converted(each, KindInfo, where, title=each.title or SHARED_KINDS.get(each.id, ""))
            for where, each in items("quarterdeck_kinds", Kind)
        ),
        actions=tuple(
            _converted(each, ActionInfo, where, parameters=_schema(each.parameters, where))
            for where, each in items("quarterdeck_actions", Action)
        ),
        jobs=tuple(_converted(each, JobTypeInfo, where) for where, each in items("quarterdeck_jobs", JobType)),
        samples=tuple(_sample(each, where) for where, each in items("quarterdeck_samples", Sample)),
        checks=tuple(_checked(each, CheckInfo, where) for where, each in items("quarterdeck_checks", CheckInfo)),
        themes=tuple(_checked(each, ThemeInfo, where) for where, each in items("quarterdeck_themes", ThemeInfo)),
        keymaps=tuple(_checked(each, KeymapInfo, where) for where, each in items("quarterdeck_keymaps", KeymapInfo)),
        processes=tuple(
            _converted(each, ProcessTypeInfo, where, parameters=_schema(each.parameters, where))
            for where, each in items("quarterdeck_processes", ProcessType)
        ),
        controllers=tuple(
            _converted(each, ControllerInfo, where, parameters=_schema(each.parameters, where))
            for where, each in items("quarterdeck_controllers", Controller)
        ),
        commands=tuple(
            _converted(each, CommandInfo, where, parameters=_schema(each.parameters, where))
            for where, each in items("quarterdeck_commands", Command)
        ),
        event_hooks=tuple(sorted(host_hooks - {_AUTHORIZE_HOOK})),
        authorizes=_AUTHORIZE_HOOK in host_hooks,
    )


def _items(name: str, answer: object, kind: type[T]) -> list[tuple[str, T]]:
    """The items of a hook's list, each with the words that name it in an error."""
    if answer is None:
        return []
    if not isinstance(answer, list | tuple):
        raise DeclarationFault(
            PluginPhase.VALIDATE,
            f"{name} returns {type(answer).__name__}, not a list",
            f"return a list of {kind.__name__}",
        )
    found: list[tuple[str, T]] = []
    for index, item in enumerate(cast(list[object], answer)):
        if not isinstance(item, kind):
            raise DeclarationFault(
                PluginPhase.VALIDATE,
                f"item {index} of {name} is {type(item).__name__}, not {kind.__name__}",
                f"return a list of {kind.__name__}",
            )
        label = getattr(item, "id", None) or getattr(item, "name", None) or index
        found.append((f"{name}: {label}", item))
    return found


def _checked(value: object, kind: type[S], where: str) -> S:
    """The value again, with the types of all its fields checked: structs do not check them when they are made."""
    if not isinstance(value, kind):
        raise DeclarationFault(
            PluginPhase.VALIDATE, f"{where} is {type(value).__name__}, not {kind.__name__}", f"return {kind.__name__}"
        )
    return _rebuilt(msgspec.structs.asdict(value), kind, where)


def _converted(value: Struct, kind: type[S], where: str, **replaced: object) -> S:
    """A descriptor as the catalogue has it, with the fields that are written otherwise there."""
    return _rebuilt({**msgspec.structs.asdict(value), **replaced}, kind, where)


def _rebuilt(fields: dict[str, Any], kind: type[S], where: str) -> S:
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=kind)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise DeclarationFault(
            PluginPhase.VALIDATE, f"{where} is malformed: {error}", "give every field the type that the contract says"
        ) from error


def _schema(kind: object, where: str) -> dict[str, Any]:
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise DeclarationFault(
            PluginPhase.VALIDATE,
            f"{where} is described by {kind!r}, not by a struct",
            "give a subclass of msgspec.Struct",
        )
    try:
        return plain_schema(kind)
    except UsageError as error:
        raise DeclarationFault(PluginPhase.VALIDATE, f"{where}: {error.message}", error.remedy) from error


def _sample(sample: Sample, where: str) -> SampleInfo:
    """The sample with the file's absolute path, found without importing the package.

    A package that is missing is a fault; whether the file is there is looked at when it is read.
    """
    fields = msgspec.structs.asdict(sample)
    package, file = str(fields.pop("package")), str(fields.pop("file"))
    top, *inner = package.split(".")
    try:
        spec = importlib.util.find_spec(top) if top else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise DeclarationFault(
            PluginPhase.VALIDATE,
            f"{where} is in the package {package!r}, which is not installed",
            f"install what provides {top or 'the package'} and make it a requirement of the plugin",
        )
    folder = Path(next(iter(spec.submodule_search_locations))).joinpath(*inner)
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise DeclarationFault(
            PluginPhase.VALIDATE, f"{where} leaves its package with {file!r}", "name a file relative to the package"
        )
    return _rebuilt({**fields, "path": str((folder / file).absolute())}, SampleInfo, where)


def run(module_name: str, paths: list[str]) -> Declaration:
    """Declares one plugin; never raises for a fault of the plugin."""
    started = time.perf_counter()
    try:
        catalogue = declare(module_name, paths)
    except DeclarationFault as fault:
        return Declaration(fault.phase, time.perf_counter() - started, error=fault.report())
    except Exception as error:  # noqa: BLE001 - the boundary to plugin code: its values may raise wherever they are looked at
        report = ErrorReport(
            "declaration",
            f"reading what it declares raises {describe_exception(error)}",
            "report it to the plugin's author",
        )
        return Declaration(PluginPhase.VALIDATE, time.perf_counter() - started, error=report)
    return Declaration(PluginPhase.READY, time.perf_counter() - started, catalogue)


def main() -> None:
    """The program; see the module."""
    output = PrivateOutput()
    limit_files(_LARGEST_FILE)
    parser = argparse.ArgumentParser(
        prog="python -m quarterdeck_api.declare", description="Prints a plugin's catalogue."
    )
    parser.add_argument("--module", required=True, help="the plugin's entry-point module")
    parser.add_argument("--path", action="append", default=[], help="put in front of sys.path; may be repeated")
    options = parser.parse_args()
    output.write(run(options.module, options.path))
    output.leave()


if __name__ == "__main__":
    main()
