"""A `do` command line read against what the action takes: pure, and the same for every action."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameter_values import describe_type, format_value, parse_text
from quarterdeck_api.parameters import Condition, Field, FieldType, field_named, fields
from quarterdeck_api.protocol import CatalogueResult
from quarterdeck_api.resources import CORE

_BOOLEAN_TEXTS = ("true", "false", "yes", "no", "on", "off", "1", "0")


class Said(NamedTuple):
    """What stands behind the action on the command line."""

    addresses: tuple[str, ...]
    parameters: dict[str, Any]


def find_action(catalogue: CatalogueResult, action_id: str, words: Sequence[str]) -> ActionInfo:
    """The action meant: of the plugin of the first address among the words, else of the first plugin that has it.

    Raises UsageError with the nearest action when no plugin has it.
    """
    catalogues = {status.id: status.catalogue for status in catalogue.plugins if status.catalogue}
    having = {
        plugin: action for plugin, each in catalogues.items() for action in each.actions if action.id == action_id
    }
    if not having:
        known = sorted({action.id for each in catalogues.values() for action in each.actions})
        close = get_close_matches(action_id, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"there is no action {action_id!r}", f"{hint}actions: {', '.join(known)}")
    plugins = {CORE: CORE} | {backend.name: backend.plugin for backend in catalogue.backends}
    for word in words:
        plugin = plugins.get(word.split("/", 1)[0], "") if word.count("/") >= 2 else ""
        if plugin in having:
            return having[plugin]
    return next(iter(having.values()))


def read_words(words: Sequence[str], known: Sequence[Field], folder: Path) -> Said:
    """Splits words into addresses and parameters; paths of files become absolute below `folder`.

    Raises UsageError that names the parameter.
    """
    addresses: list[str] = []
    parameters: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            addresses += rest
            break
        if not word.startswith("-") or word == "-":
            addresses.append(word)
            continue
        if not word.startswith("--"):
            raise UsageError(f"there is no option {word}", "parameters are written --name value")
        name, equals, text = word[2:].partition("=")
        field, negated = _meant(name, known)
        if field.name in parameters:
            raise UsageError(f"{field.option} is given twice", "give it once")
        if negated:
            parameters[field.name] = False
            continue
        if not equals:
            text = _next_text(field, rest)
        parameters[field.name] = _value(field, text, folder)
    return Said(tuple(addresses), parameters)


def help_lines(action: ActionInfo, own: Mapping[str, Any] | None = None, words: Sequence[str] = ()) -> list[str]:
    """What an action does and takes, a line for each parameter and each `--set` key that means something beside the words typed."""
    target = "" if action.standalone else f" ADDRESS{'…' if action.bulk else ''}"
    lines = [f"Usage: quarterdeck do {action.id}{target} [OPTIONS]", "", f"  {action.title}. {action.summary}".rstrip()]
    parameters = fields(action.parameters)
    if parameters:
        lines += ["", "Parameters:", *_field_lines(parameters, "--{}")]
    if own is not None:
        known = fields(dict(own))
        hidden = [each.only_with for each in known if each.only_with and not _holds(each.only_with, words)]
        shown = [each for each in known if each.only_with not in hidden]
        lines += ["", "Settings of the resource:", *_field_lines(shown, "--set {}=…")]
        for parameter, count in Counter(each.parameter for each in hidden).items():
            option = _option(parameter)
            word = next(each.words[0] for each in hidden if each.parameter == parameter)
            lines.append(
                f"  {count} more come with other values of {option}: write it before --help, as in {option} {word}"
            )
    elif action.own_parameters:
        lines += ["", "The resource has settings of its own (--set KEY=VALUE): name its address to see them."]
    return lines


def _holds(condition: Condition, words: Sequence[str]) -> bool:
    """Whether a condition holds beside the words typed."""
    option = _option(condition.parameter)
    joined = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return any(
        condition.holds(text) for text in [*joined, *(after for word, after in pairwise(words) if word == option)]
    )


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def option_help(known: Sequence[Field]) -> list[str]:
    """A line or two for each parameter, under a heading; nothing when there are none."""
    return ["", "Parameters:", *_field_lines(known, "--{}")] if known else []


def _field_lines(known: Sequence[Field], pattern: str) -> list[str]:
    names = [pattern.format(field.name if "=" in pattern else field.name.replace("_", "-")) for field in known]
    width = max(map(len, names), default=0)
    lines: list[str] = []
    for field, name in zip(known, names, strict=True):
        default = "required" if field.required else f"default {format_value(field, field.default) or 'empty'}"
        lines.append(f"  {name:{width}}  {describe_type(field)} [{default}]")
        if field.help:
            lines.append(f"  {'':{width}}    {field.help}")
    return lines


def _meant(name: str, known: Sequence[Field]) -> tuple[Field, bool]:
    try:
        return field_named(known, name), False
    except UsageError:
        if name.startswith("no-"):
            positive = [field for field in known if field.option == f"--{name[3:].replace('_', '-')}"]
            if positive and positive[0].type is FieldType.BOOLEAN:
                return positive[0], True
        raise


def _next_text(field: Field, rest: list[str]) -> str:
    if field.type is FieldType.BOOLEAN and not field.alternatives:
        return rest.pop(0) if rest and rest[0].lower() in _BOOLEAN_TEXTS else "true"
    if not rest:
        raise UsageError(f"{field.option} has no value", f"it takes {describe_type(field)}")
    return rest.pop(0)


def _value(field: Field, text: str, folder: Path) -> Any:
    value = parse_text(field, text)
    if field.format in ("file", "folder") and isinstance(value, str) and value:
        return str(folder / Path(value).expanduser())
    return value
