"""`quarterdeck do`: one action on some resources, with everything that it takes on the command line."""

from collections.abc import Sequence
from pathlib import Path

import click

from quarterdeck.cli.choices import ACTION, SETTING, ActionCommand, ActionWords
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.cli.given_values import check_files, with_secrets
from quarterdeck.cli.request import find_action, help_lines, read_words
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import asks, narrate, write_lines
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.errors import ExitCode, UsageError
from quarterdeck_api.parameter_values import parse_settings
from quarterdeck_api.parameters import Field, fields
from quarterdeck_api.protocol import PARAMETERS, DoParams, ParametersParams
from quarterdeck_api.resources import Address


@click.command("do", cls=ActionCommand, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("action", required=False, type=ACTION)
@click.argument("words", nargs=-1, type=ActionWords(), metavar="[ADDRESS]... [--PARAMETER VALUE]...")
@click.option(
    "--set", "settings", multiple=True, type=SETTING, metavar="KEY=VALUE", help="A setting of the resource's own."
)
@click.option("--dry-run", is_flag=True, help="Only check, and show what would be sent.")
@click.option("--yes", is_flag=True, help="Confirm a dangerous action.")
@click.option(
    "--confirm", "typed_names", multiple=True, metavar="NAME", help="Confirm by a resource's name; once for each."
)
@click.option("--no-wait", is_flag=True, help="Print the job's address and go.")
@click.option("--cancel-on-interrupt", is_flag=True, help="ctrl-C cancels the job instead of leaving it.")
@click.option("--priority", default=0, help="Higher is sooner.")
@click.option("--key", default="", help="At most one live job bears a key.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--help", "-h", "wants_help", is_flag=True, help="Show this, or what ACTION takes.")
@click.pass_context
def command(
    context: click.Context,
    action: str | None,
    words: tuple[str, ...],
    settings: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    typed_names: tuple[str, ...],
    no_wait: bool,
    cancel_on_interrupt: bool,
    priority: int,
    key: str,
    as_json: bool,
    wants_help: bool,
) -> int:
    """Do ACTION on the resources at ADDRESS…, as in:

    quarterdeck do model.forecast ainode/model/arima --dataset airline --horizon 12 --set order=2,1,1

    `quarterdeck do ACTION --help` shows what an action takes. A long action is a job: it is waited for, ctrl-C leaves it running.
    """
    if action is None or action.startswith("-"):
        if wants_help:
            write_lines([context.get_help()])
            return ExitCode.DONE
        raise UsageError("no action is named", "see `quarterdeck do --help`")
    with open_session("do") as session:
        info = find_action(session.catalogue(), action, words)
        if wants_help:
            write_lines(_help(session, info, words))
            return ExitCode.DONE
        known = fields(info.parameters)
        said = read_words(words, known, Path.cwd())
        check_files(said.parameters, known)
        session.await_backends([Address.parse(text) for text in said.addresses])
        request = DoParams(
            action=action,
            addresses=said.addresses,
            parameters=_with_secrets(said.parameters, known, info),
            settings=own_settings(session, info, said.addresses, settings, said.parameters),
            dry_run=dry_run,
            confirmed=yes,
            typed_names=typed_names,
            priority=priority,
            key=key,
        )
        if not dry_run and asks():
            request = _confirmed(request, info)
        return carry_out(session, request, Manner(as_json, no_wait, cancel_on_interrupt))


def own_settings(
    session: Session,
    info: ActionInfo,
    addresses: tuple[str, ...],
    items: tuple[str, ...],
    parameters: dict[str, object] | None = None,
) -> dict[str, object]:
    """The `--set` items read against the schema that the first resource has of its own, or something new by its parameters; raises UsageError."""
    if not items:
        return {}
    if not addresses and not info.standalone:
        raise UsageError(f"{info.id} with --set needs the address of a resource", "write it after the action")
    address = addresses[0] if addresses else ""
    asked = session.call(PARAMETERS, ParametersParams(info.id, address, parameters or {}))
    if asked.settings is None:
        raise UsageError(f"{info.id} {f'on {address} ' if address else ''}takes no --set", "leave --set out")
    return _with_secrets(parse_settings(asked.settings, items), fields(asked.settings), info, asking=False)


def _with_secrets(
    values: dict[str, object], known: Sequence[Field], info: ActionInfo, *, asking: bool = True
) -> dict[str, object]:
    """Parameters or settings with secrets looked up, or asked for on a terminal; those of a job stay references."""

    def ask(field: Field) -> str:
        return click.prompt(field.title or field.name, hide_input=True, err=True)

    somebody = asking and asks()
    return with_secrets(values, known, references=bool(info.job), ask=ask if somebody else None, warn=narrate)


def _help(session: Session, info: ActionInfo, words: tuple[str, ...]) -> list[str]:
    addresses = [word for word in words if word.count("/") >= 2 and not word.startswith("-")]
    own = None
    if info.own_parameters and addresses:
        session.await_backends([Address.parse(addresses[0])])
        own = session.call(PARAMETERS, ParametersParams(info.id, addresses[0])).settings
    return help_lines(info, own, words)


def _confirmed(request: DoParams, info: ActionInfo) -> DoParams:
    """The request with the user's answer; without one the runtime refuses, as it does when nobody can be asked."""
    from msgspec.structs import replace

    where = ", ".join(request.addresses) or info.kinds[0]
    if info.danger is Danger.CONFIRM and not (request.confirmed or request.typed_names):
        return replace(request, confirmed=click.confirm(f"{info.title}: {where}?", err=True))
    if info.danger is Danger.TYPE_NAME and not request.typed_names:
        prompts = [f"{info.title}: {each}. Type the resource's name" for each in request.addresses or (where,)]
        names = tuple(click.prompt(each, err=True, default="", show_default=False) for each in prompts)
        return replace(request, typed_names=names)
    return request
