"""What a shell completes a command line with: what really exists in the runtime that runs.

Completion never starts a runtime and never says anything but choices: a shell shows both in the middle of the line that is being typed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import click
from click.shell_completion import CompletionItem

from quarterdeck.cli.browsing import browsed_backends
from quarterdeck.cli.session import Session, open_session
from quarterdeck_api.browsing import BROWSE, BrowseRequest
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.parameters import Field, FieldType, fields
from quarterdeck_api.protocol import COMPLETE, GET, PARAMETERS, CompleteParams, GetParams, ParametersParams
from quarterdeck_api.resources import CORE
from quarterdeck_api.visible import visible

#: Choices that are offered at most: nobody reads more, and a shell becomes slow with them.
MOST_CHOICES = 300
#: Addresses of a browsed kind that are asked for.
_BROWSED = 100
#: Kinds whose addresses are offered when nothing says which: what commands are for, without the past.
_COMMON_KINDS = ("model", "node", "dataset", "process", "schedule", "controller", "stream", "plugin")

Found = Iterable[tuple[str, str]]


class Choice(click.ParamType):
    """A text whose choices come from the runtime; `find` gives values with a word of help, narrowed by what is typed."""

    def __init__(self, name: str, find: Callable[[Session, str], Found]) -> None:
        self.name = name
        self._find = find

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The choices that begin with what is typed."""
        return offered(lambda session: self._find(session, incomplete), incomplete)


class ActionWords(click.ParamType):
    """The words behind an action: addresses of resources that it is for, its options, and their values."""

    name = "words"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Choices for the next word."""
        action = str(ctx.params.get("action") or "")
        words = [str(word) for word in ctx.params.get(param.name or "") or ()]
        return offered(lambda session: _word_choices(session, action, words, incomplete), incomplete)


class SettingText(click.ParamType):
    """A KEY=VALUE of the resource that the words before name."""

    name = "setting"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Keys, with the sign that follows them."""
        # An option without a value yet leaves click's parameters empty and everything before it in `args`.
        words = [str(word) for word in (ctx.params.get("action"), *(ctx.params.get("words") or ()), *ctx.args) if word]
        return offered(lambda session: _settings(session, words), incomplete)


class ActionCommand(click.Command):
    """A command whose options are its own and those of the action that it names."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Options that begin with what is typed."""
        own = super().shell_complete(ctx, incomplete)
        action = str(ctx.params.get("action") or "")
        if not action or not incomplete.startswith("-"):
            return own
        return [*offered(lambda session: _options(_action(session, action)), incomplete), *own]


def offered(find: Callable[[Session], Found], incomplete: str) -> list[CompletionItem]:
    """What the runtime offers, at most MOST_CHOICES; nothing while none runs or when it refuses."""
    try:
        with open_session("completion", start=False) as session:
            found = [
                CompletionItem(value, help=visible(help_text) or None)
                for value, help_text in find(session)
                if value.startswith(incomplete) and value == visible(value)
            ]
    except QuarterdeckError:
        return []  # The command itself will say what is wrong; here a sentence would land in the line that is being typed.
    return found[:MOST_CHOICES]


def _kinds(session: Session, _: str) -> Found:
    from quarterdeck.cli.kinds import plural
    from quarterdeck.cli.listing import known_kinds

    return [(plural(kind), "") for kind in known_kinds(session.catalogue())]


def _backends(session: Session, _: str) -> Found:
    return [(backend.name, backend.title) for backend in session.catalogue().backends]


def _plugins(session: Session, _: str) -> Found:
    return [(status.id, status.version) for status in session.catalogue().plugins]


def _actions(session: Session, _: str) -> Found:
    catalogues = [status.catalogue for status in session.catalogue().plugins if status.catalogue]
    return sorted({action.id: action.title for each in catalogues for action in each.actions}.items())


def _addresses(session: Session, incomplete: str) -> Found:
    return _addresses_of(session, _COMMON_KINDS, incomplete)


def _names(kind: str) -> Callable[[Session, str], Found]:
    return lambda session, _: [
        (each.name, each.state) for each in session.call(GET, GetParams(kind, "core", wait=0.0)).resources
    ]


def _addresses_of(session: Session, kinds: Sequence[str], incomplete: str) -> Found:
    """Addresses of resources; with a backend and a kind typed already, only those, and of a browsed kind those that begin so."""
    parts = incomplete.split("/", 2)
    backend = parts[0] if len(parts) > 1 else ""
    wanted = [parts[1]] if len(parts) > 2 else list(kinds)
    declared = {
        kind.id: kind.mirrored
        for status in session.catalogue().plugins
        if status.catalogue
        for kind in status.catalogue.kinds
    }
    for kind in wanted:
        if not declared.get(kind, True):
            yield from _browsed(session, kind, backend, parts[2] if len(parts) > 2 else "")
        if not declared.get(kind):
            continue
        try:
            found = session.call(GET, GetParams(kind, backend, wait=0.0))
        except QuarterdeckError:
            continue  # This backend has none of this kind.
        for each in found.resources:
            yield each.address, each.state


def _browsed(session: Session, kind: str, backend: str, name: str) -> Found:
    """Addresses of a browsed kind: the first of those in whose names what is typed stands."""
    having = [each for each in browsed_backends(session.catalogue(), kind) if backend in ("", each)]
    word = name.replace('"', "")
    word = f'"{word}"' if any(letter.isspace() for letter in word) else word
    for each in having:
        try:
            found = session.call(BROWSE, BrowseRequest(each, kind, filter=word, limit=_BROWSED))
        except QuarterdeckError:
            continue  # This backend has none of this kind, or none that lie at the top.
        for row in found.page.resources:
            yield row.address, row.state


def _action(session: Session, action_id: str) -> ActionInfo | None:
    catalogues = [status.catalogue for status in session.catalogue().plugins if status.catalogue]
    return next((action for each in catalogues for action in each.actions if action.id == action_id), None)


def _options(action: ActionInfo | None) -> Found:
    return [(field.option, field.help) for field in fields(action.parameters)] if action else []


def _word_choices(session: Session, action_id: str, words: Sequence[str], incomplete: str) -> Found:
    action = _action(session, action_id)
    if action is None:
        return []
    known = {field.option: field for field in fields(action.parameters)}
    before = words[-1] if words else ""
    field = known.get(before.partition("=")[0])
    if field is not None and field.type is not FieldType.BOOLEAN:
        return _values(session, action, field, words, incomplete)
    return _targets(session, action, incomplete)


def _targets(session: Session, action: ActionInfo, incomplete: str) -> Found:
    """Addresses of resources that have the action."""
    types = {backend.name: backend.type for backend in session.catalogue().backends} | {CORE: CORE}
    for address, state in _addresses_of(session, action.kinds, incomplete):
        backend, kind, _ = address.split("/", 2)
        if action.is_for(kind, types.get(backend, "")):
            yield address, state


def _first_address(words: Sequence[str]) -> str:
    return next((word for word in words if word.count("/") >= 2 and not word.startswith("-")), "")


def _settings(session: Session, words: Sequence[str]) -> Found:
    address = _first_address(words)
    action = next((found for word in words if (found := _action(session, word))), None)
    if not address or action is None:
        return []
    own = session.call(PARAMETERS, ParametersParams(action.id, address)).settings
    return [(f"{each.name}=", each.help) for each in fields(own or {})]


def _given(known: Mapping[str, Field], words: Sequence[str]) -> dict[str, str]:
    """The parameters that stand among the words already, as they were typed."""
    given = {known[option].name: word for option, word in pairwise(words) if option in known}
    for word in words:
        option, equals, value = word.partition("=")
        if equals and option in known:
            given[known[option].name] = value
    return given


def _values(session: Session, action: ActionInfo, field: Field, words: Sequence[str], incomplete: str) -> Found:
    if field.choices:
        from quarterdeck_api.parameter_values import format_value  # Imported here: most completions meet no values.

        return [(format_value(field, choice), "") for choice in field.choices]
    if field.format == "dataset":
        return _names("dataset")(session, incomplete)
    if field.format == "address":
        return _addresses_of(session, (field.kind,) if field.kind else _COMMON_KINDS, incomplete)
    known = {each.option: each for each in fields(action.parameters) if each.format != "secret"}
    given = _given(known, words)
    found = session.call(COMPLETE, CompleteParams(action.id, _first_address(words), field.name, incomplete, given))
    return [(choice.value, choice.help) for choice in found.choices]


KIND = Choice("kind", _kinds)
BACKEND = Choice("backend", _backends)
PLUGIN = Choice("plugin", _plugins)
ACTION = Choice("action", _actions)
ADDRESS = Choice("address", _addresses)
JOB = Choice("job", _names("job"))
CONTROLLER = Choice("controller", _names("controller"))
SCHEDULE = Choice("schedule", _names("schedule"))
SETTING = SettingText()
DATASET = Choice("dataset", _names("dataset"))
PROCESS = Choice("process", _names("process"))
