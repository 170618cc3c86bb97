"""What a catalogue must satisfy beyond its types: ids, references between its parts, reserved names."""

import re
from collections.abc import Iterable, Iterator, Sequence

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Catalogue, JsonSchema, KindInfo, ProcessTypeInfo
from quarterdeck_api.errors import ErrorReport, UsageError
from quarterdeck_api.filters import COMMON_FIELDS
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameters import fields
from quarterdeck_api.resources import CORE

#: Kinds that plugins share; each plugin has columns of its own for them.
SHARED_KINDS = {
    "node": "Nodes",
    "model": "Models",
    "version": "Versions",
    "job": "Jobs",
    "process": "Processes",
    "schedule": "Schedules",
    "controller": "Controllers",
    "stream": "Streams",
    "dataset": "Datasets",
}

#: Names of the command line's own options: no parameter may bear them.
RESERVED_PARAMETERS = frozenset(
    [
        "json",
        "yes",
        "confirm",
        "dry-run",
        "no-wait",
        "set",
        "key",
        "priority",
        "help",
        "filter",
        "watch",
        "backend",
        "cancel-on-interrupt",
    ]
)

#: Options that every command of a plugin has.
RESERVED_COMMAND_PARAMETERS = frozenset(["help", "json", "yes", "confirm"])

_PLUGIN_ID = re.compile(r"[a-z][a-z0-9-]*")
_WORD_ID = re.compile(r"[a-z][a-z0-9-]*")
_DOTTED_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*")
_COLUMN_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_IMPORT_STRING = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_COMMON = frozenset(column.id for column in COMMON_FIELDS)


def compatibility_fault(wanted: str) -> ErrorReport | None:
    """Why a plugin written for contract version `wanted` cannot be used with this one, or None.

    The major version must be the same and the minor one not later than ours.
    """
    remedy = f"write api as MAJOR.MINOR, as in {API_VERSION}"
    parts = wanted.split(".")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        return ErrorReport("compatibility", f"its contract version {wanted!r} is not a version", remedy)
    major, minor = (int(part) for part in parts)
    our_major, our_minor = (int(part) for part in API_VERSION.split("."))
    if major == our_major and minor <= our_minor:
        return None
    sentence = f"it was written for plugin contract {wanted}, and this Quarterdeck has {API_VERSION}"
    if major < our_major:
        return ErrorReport(
            "compatibility", sentence, f"install a release of the plugin made for contract {our_major}.x"
        )
    return ErrorReport(
        "compatibility",
        sentence,
        f"install a quarterdeck-api that has contract {wanted}, or an older release of the plugin",
    )


def faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    """Everything that is wrong with a catalogue, each with a remedy."""
    yield from _id_faults(catalogue)
    yield from _kind_faults(catalogue)
    yield from _action_faults(catalogue)
    yield from _schema_faults(catalogue)
    yield from _implementation_faults(catalogue)
    yield from _job_faults(catalogue)
    yield from _process_faults(catalogue)
    yield from _controller_faults(catalogue)


def _fault(sentence: str, remedy: str) -> ErrorReport:
    return ErrorReport("validate", sentence, remedy)


def _id_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    plugin = catalogue.plugin.id
    if not _PLUGIN_ID.fullmatch(plugin):
        yield _fault(f"{plugin!r} is no plugin id", "use lower-case letters, digits and '-', a letter first")
    if plugin == CORE:
        yield _fault(f"the plugin id {CORE!r} is reserved for Quarterdeck itself", "choose another id")
    for backend_type in catalogue.backend_types:
        if not _DOTTED_ID.fullmatch(backend_type.id) or backend_type.id.split(".")[0] != plugin:
            yield _fault(
                f"backend type {backend_type.id!r} does not begin with the plugin's id",
                f"call it {plugin} or {plugin}.NAME, in lower-case letters, digits and '-'",
            )
    if sum(each.embedded for each in catalogue.backend_types) > 1:
        yield _fault("more than one backend type is embedded", "an embedded backend bears the plugin's id: keep one")
    for what, ids, pattern in (
        ("kind", [each.id for each in catalogue.kinds], _WORD_ID),
        ("action", [each.id for each in catalogue.actions], _DOTTED_ID),
        ("job", [each.id for each in catalogue.jobs], _DOTTED_ID),
        ("check", [each.id for each in catalogue.checks], _DOTTED_ID),
        ("process", [each.id for each in catalogue.processes], _DOTTED_ID),
        ("controller", [each.id for each in catalogue.controllers], _DOTTED_ID),
        ("command", [each.name for each in catalogue.commands], _WORD_ID),
        ("theme", [each.name for each in catalogue.themes], _WORD_ID),
        ("keymap", [each.name for each in catalogue.keymaps], _WORD_ID),
        ("sample", [each.name for each in catalogue.samples], re.compile(r"[a-z0-9][a-z0-9_-]*")),
    ):
        for each in ids:
            if not pattern.fullmatch(each):
                yield _fault(f"{each!r} is no id of a {what}", "use lower-case letters, digits and '-', a letter first")
        yield from _duplicates(what, ids)
    yield from _duplicates("backend type", [each.id for each in catalogue.backend_types])


def _duplicates(what: str, ids: Iterable[str]) -> Iterator[ErrorReport]:
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            yield _fault(f"{what} {each!r} is declared twice", "declare it once")
        seen.add(each)


def _kind_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    known = _known_kinds(catalogue.kinds)
    for kind in catalogue.kinds:
        if not kind.title:
            yield _fault(f"kind {kind.id!r} has no title", "give it one; only shared kinds may go without")
        for parent in kind.parent_kinds:
            if parent not in known:
                yield _fault(f"kind {kind.id!r} has the unknown parent kind {parent!r}", nearest(parent, known))
        yield from _type_faults(f"kind {kind.id!r}", kind.backend_types, catalogue)
        yield from _duplicates(f"column of kind {kind.id!r}:", [column.id for column in kind.columns])
        for column in kind.columns:
            if not _COLUMN_ID.fullmatch(column.id):
                yield _fault(
                    f"column {column.id!r} of kind {kind.id!r} cannot be written in a filter",
                    "use letters, digits, '_' and '-', a letter first",
                )
            if column.id in _COMMON:
                yield _fault(
                    f"column {column.id!r} of kind {kind.id!r} bears the name of a field that every resource has",
                    "fill that field of the resource, or call the column something else",
                )


def _action_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    kinds = _known_kinds(catalogue.kinds)
    jobs = {job.id for job in catalogue.jobs}
    for action in catalogue.actions:
        if not action.kinds:
            yield _fault(f"action {action.id!r} is for no kind", "name the kinds of resources that it is done to")
        for kind in action.kinds:
            if kind not in kinds:
                yield _fault(f"action {action.id!r} is for the unknown kind {kind!r}", nearest(kind, kinds))
        yield from _type_faults(f"action {action.id!r}", action.backend_types, catalogue)
        if action.standalone and action.backend_types:
            yield _fault(f"action {action.id!r} needs no resource, and is of backend types", "take out one of the two")
        if action.job and action.job not in jobs:
            yield _fault(f"action {action.id!r} starts the unknown job {action.job!r}", nearest(action.job, jobs))
        yield from _parameter_faults(f"action {action.id!r}", action.parameters, RESERVED_PARAMETERS)
    for command in catalogue.commands:
        yield from _parameter_faults(f"command {command.name!r}", command.parameters, RESERVED_COMMAND_PARAMETERS)


def _type_faults(of: str, wanted: Sequence[str], catalogue: Catalogue) -> Iterator[ErrorReport]:
    types = [each.id for each in catalogue.backend_types]
    for each in wanted:
        if each not in types:
            yield _fault(f"{of} is for the unknown backend type {each!r}", nearest(each, types))


def _parameter_faults(of: str, parameters: JsonSchema, reserved: frozenset[str]) -> Iterator[ErrorReport]:
    for name in parameters["properties"]:
        if str(name).replace("_", "-").lower() in reserved:
            yield _fault(
                f"parameter {name!r} of {of} bears the name of an option of the command line", "call it something else"
            )


def _schema_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    for backend_type in catalogue.backend_types:
        for name in ("type", "read_only"):
            if name in backend_type.settings["properties"]:
                yield _fault(
                    f"setting {name!r} of backend type {backend_type.id!r} is a key that every backend has",
                    "call it something else",
                )
        yield from _unusable_schema(f"settings of backend type {backend_type.id!r}", backend_type.settings)
    for what, parameters in (
        *((f"action {each.id!r}", each.parameters) for each in catalogue.actions),
        *((f"process {each.id!r}", each.parameters) for each in catalogue.processes),
        *((f"controller {each.id!r}", each.parameters) for each in catalogue.controllers),
        *((f"command {each.name!r}", each.parameters) for each in catalogue.commands),
    ):
        yield from _unusable_schema(f"parameters of {what}", parameters)


def _unusable_schema(what: str, schema: JsonSchema) -> Iterator[ErrorReport]:
    try:
        fields(schema)
    except UsageError as error:
        yield _fault(
            f"the {what} cannot be written as a form or as options: {error.message}",
            "use strings, numbers, booleans, enums, and lists of these",
        )


def _implementation_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    with_implementation = [each for each in catalogue.processes if each.implementation]
    for what, text in (
        *((f"the factory of backend type {each.id!r}", each.factory) for each in catalogue.backend_types),
        *((f"the implementation of job {each.id!r}", each.implementation) for each in catalogue.jobs),
        *((f"the implementation of check {each.id!r}", each.implementation) for each in catalogue.checks),
        *((f"the implementation of process {each.id!r}", each.implementation) for each in with_implementation),
        *((f"the implementation of controller {each.id!r}", each.implementation) for each in catalogue.controllers),
        *((f"the handler of command {each.name!r}", each.handler) for each in catalogue.commands),
    ):
        if not _IMPORT_STRING.fullmatch(text):
            yield _fault(f"{what} is no import string: {text!r}", "write package.module:name")


def _job_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    for job in catalogue.jobs:
        for module in job.preload:
            if not _MODULE.fullmatch(module):
                yield _fault(f"job {job.id!r} preloads {module!r}, which is no module's name", "write package.module")
        if job.max_attempts < 1 or job.limit < 0 or job.wall_clock_limit < 0 or job.grace < 0:
            yield _fault(
                f"job {job.id!r} has a limit that is out of range", "attempts are at least 1, times not negative"
            )


def _process_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    for process in catalogue.processes:
        if bool(process.implementation) == bool(process.command):
            both = "both an implementation and a command" if process.command else "neither implementation nor command"
            yield _fault(f"process {process.id!r} has {both}", "give it one of the two")
        yield from _command_faults(process)
        if process.heartbeat_timeout <= 0 or process.ready_timeout <= 0:
            yield _fault(f"process {process.id!r} has a time-out that is out of range", "time-outs are more than 0 s")
        if process.grace < 0 or process.memory_limit < 0 or process.cpu_limit < 0:
            yield _fault(f"process {process.id!r} has a limit that is out of range", "limits are not negative")


def _command_faults(process: ProcessTypeInfo) -> Iterator[ErrorReport]:
    if process.command and not process.command[0].strip():
        yield _fault(f"the command of process {process.id!r} names no program", "put the program first")
    known = ["python", *(str(name) for name in process.parameters["properties"])]  # The first is the interpreter.
    for name in (name for word in process.command for name in _PLACEHOLDER.findall(word)):
        if name not in known:
            yield _fault(
                f"the command of process {process.id!r} has {{{name}}}, which is none of its parameters",
                nearest(name, known),
            )


def _controller_faults(catalogue: Catalogue) -> Iterator[ErrorReport]:
    for controller in catalogue.controllers:
        if controller.interval <= 0:
            yield _fault(f"controller {controller.id!r} looks every {controller.interval:g} s", "make it more than 0 s")
        yield from _type_faults(f"controller {controller.id!r}", controller.backend_types, catalogue)


def _known_kinds(kinds: Iterable[KindInfo]) -> set[str]:
    return {*SHARED_KINDS, *(kind.id for kind in kinds)}
