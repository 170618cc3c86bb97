"""`quarterdeck schedules`."""

import os
from pathlib import Path
from typing import Any

import click

from quarterdeck.cli.choices import ACTION, SCHEDULE, SETTING, ActionCommand, ActionWords
from quarterdeck.cli.do import own_settings
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck.cli.request import find_action, read_words
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import asks, narrate
from quarterdeck.config.service import starts_with_machine
from quarterdeck_api.parameters import fields
from quarterdeck_api.protocol import DESCRIBE, AddressParams, DoParams
from quarterdeck_api.resources import Address

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_ZONE = click.option("--zone", default="UTC", show_default=True, help="The IANA time zone, as Europe/Berlin.")

_HONESTY = "schedules run only while the runtime runs, and after a reboot not until it is started again; see `quarterdeck runtime install`"


@click.group("schedules", invoke_without_command=True)
@_JSON
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List schedules; add, edit, preview, switch, run or remove one."""
    return _listed("", as_json) if context.invoked_subcommand is None else 0


@command.command("list")
@click.option("-f", "--filter", "filter_text", default="", help="Words, action=model.forecast, /regex/, !not.")
@_JSON
def list_schedules(filter_text: str, as_json: bool) -> int:
    """List schedules."""
    return _listed(filter_text, as_json)


@command.command("preview")
@click.argument("rule")
@_ZONE
@_JSON
def preview(rule: str, zone: str, as_json: bool) -> int:
    """Say RULE in words, with its next five times and what changes of the clocks do to it.

    RULE is five fields of cron ("0 2 * * *"), "every 15m", or "once 2030-01-31T08:00".
    """
    with open_session("schedules") as session:
        request = DoParams("schedule.preview", parameters={"rule": rule, "zone": zone}, dry_run=True)
        return carry_out(session, request, Manner(as_json))


@command.command("add", cls=ActionCommand, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("rule")
@click.argument("action", type=ACTION)
@click.argument("words", nargs=-1, type=ActionWords(), metavar="[ADDRESS]... [--PARAMETER VALUE]...")
@click.option(
    "--set", "settings", multiple=True, type=SETTING, metavar="KEY=VALUE", help="A setting of the resource's own."
)
@_ZONE
@click.option(
    "--misfire",
    type=click.Choice(["skip", "once", "all"]),
    default="once",
    show_default=True,
    help="Missed times: leave them out, make up for them once, or for each.",
)
@click.option("--misfire-limit", default=10, show_default=True, help="At most so many are made up for with `all`.")
@click.option(
    "--overlap",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="Whether a further job may be queued while an earlier one lives.",
)
@click.option("--priority", default=0, help="Of its jobs; higher is sooner.")
@click.option("--dry-run", is_flag=True, help="Only check, and show when it would run.")
@click.option("--yes", is_flag=True, help="Confirm a dangerous action, once for all.")
@click.option(
    "--confirm", "typed_names", multiple=True, metavar="NAME", help="Confirm by a resource's name; once for each."
)
@_JSON
def add(
    name: str,
    rule: str,
    action: str,
    words: tuple[str, ...],
    settings: tuple[str, ...],
    zone: str,
    misfire: str,
    misfire_limit: int,
    overlap: str,
    priority: int,
    dry_run: bool,
    yes: bool,
    typed_names: tuple[str, ...],
    as_json: bool,
) -> int:
    """Request ACTION by RULE, under a NAME, as in:

    quarterdeck schedules add nightly "0 2 * * *" model.forecast ainode/model/arima --dataset airline --zone Europe/Berlin

    What the action takes is written as for `quarterdeck do`.
    """
    with open_session("schedules") as session:
        info = find_action(session.catalogue(), action, words)
        said = read_words(words, fields(info.parameters), Path.cwd())
        session.await_backends([Address.parse(text) for text in said.addresses])
        parameters: dict[str, Any] = {
            "name": name,
            "rule": rule,
            "zone": zone,
            "action": action,
            "targets": list(said.addresses),
            "parameters": said.parameters,
            "settings": own_settings(session, info, said.addresses, settings),
            "misfire": misfire,
            "misfire_limit": misfire_limit,
            "overlap": overlap,
            "priority": priority,
            "confirmed": yes,
            "typed_names": list(typed_names),
        }
        return carry_out(session, DoParams("schedule.add", parameters=parameters, dry_run=dry_run), Manner(as_json))


@command.command("edit", context_settings={"ignore_unknown_options": True})
@click.argument("name", type=SCHEDULE)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ADDRESS]... [--PARAMETER VALUE]...")
@click.option("--rule", help="Another rule; it counts from now on.")
@click.option("--action", help="Another action.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the resource's own.")
@click.option("--unset", multiple=True, metavar="NAME", help="A parameter or setting to leave out from now on.")
@click.option("--zone", help="Another IANA time zone.")
@click.option("--misfire", type=click.Choice(["skip", "once", "all"]), help="What happens with missed times.")
@click.option("--misfire-limit", type=int, help="At most so many are made up for with `all`.")
@click.option("--overlap", type=click.Choice(["refuse", "allow"]), help="Whether jobs may be queued beside live ones.")
@click.option("--priority", type=int, help="Of its jobs; higher is sooner.")
@click.option("--dry-run", is_flag=True, help="Only check, and show when it would run.")
@click.option("--yes", is_flag=True, help="Confirm a dangerous action, once for all.")
@click.option(
    "--confirm", "typed_names", multiple=True, metavar="NAME", help="Confirm by a resource's name; once for each."
)
@_JSON
def edit(
    name: str,
    words: tuple[str, ...],
    rule: str | None,
    action: str | None,
    settings: tuple[str, ...],
    unset: tuple[str, ...],
    zone: str | None,
    misfire: str | None,
    misfire_limit: int | None,
    overlap: str | None,
    priority: int | None,
    dry_run: bool,
    yes: bool,
    typed_names: tuple[str, ...],
    as_json: bool,
) -> int:
    """Change a schedule, keeping what is not named and all that has happened, as in:

    quarterdeck schedules edit nightly --rule "0 3 * * *" --horizon 24

    Addresses take the place of those that it has; what the action takes is set beside what is set already.
    """
    address = str(Address.parse(name, "schedule"))
    with open_session("schedules") as session:
        now_action, now_targets = _present(session, address)
        info = find_action(session.catalogue(), action or now_action, words or now_targets)
        said = read_words(words, fields(info.parameters), Path.cwd())
        targets = said.addresses or now_targets
        session.await_backends([Address.parse(text) for text in targets])
        given: dict[str, Any] = {
            "rule": rule,
            "action": action,
            "zone": zone,
            "misfire": misfire,
            "misfire_limit": misfire_limit,
            "overlap": overlap,
            "priority": priority,
            "targets": list(said.addresses) or None,
            "parameters": said.parameters or None,
            "settings": own_settings(session, info, targets, settings) or None,
            "unset": list(unset) or None,
            "confirmed": yes or None,
            "typed_names": list(typed_names) or None,
        }
        asked = {key: value for key, value in given.items() if value is not None}
        request = DoParams("schedule.edit", (address,), asked, dry_run=dry_run)
        return carry_out(session, request, Manner(as_json))


@command.command("remove")
@click.argument("names", nargs=-1, required=True, type=SCHEDULE)
@click.option("--yes", is_flag=True, help="Confirm it.")
@_JSON
def remove(names: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Remove schedules; jobs that they queued go on."""
    confirmed = yes or (asks() and click.confirm(f"Remove {', '.join(names)}?", err=True))
    return _act("schedule.remove", names, as_json, confirmed)


@command.command("enable")
@click.argument("names", nargs=-1, required=True, type=SCHEDULE)
@_JSON
def enable(names: tuple[str, ...], as_json: bool) -> int:
    """Let schedules request their actions again, from now on."""
    return _act("schedule.enable", names, as_json)


@command.command("disable")
@click.argument("names", nargs=-1, required=True, type=SCHEDULE)
@_JSON
def disable(names: tuple[str, ...], as_json: bool) -> int:
    """Keep schedules, which request nothing until they are enabled."""
    return _act("schedule.disable", names, as_json)


@command.command("run")
@click.argument("names", nargs=-1, required=True, type=SCHEDULE)
@_JSON
def run(names: tuple[str, ...], as_json: bool) -> int:
    """Request the actions of schedules now, beside their times."""
    return _act("schedule.run-now", names, as_json)


def _present(session: Session, address: str) -> tuple[str, tuple[str, ...]]:
    """Action and targets of a schedule as it is now; raises NotFoundError."""
    described = session.call(DESCRIBE, AddressParams(address))
    resource = described.resource
    action = resource.cells[described.columns.index("action")]
    return str(action), tuple(link.address for link in resource.links if link.relation == "target")


def _listed(filter_text: str, as_json: bool) -> int:
    code = run_listing(Listing("schedule", filter=filter_text, as_json=as_json))
    if not starts_with_machine(os.environ, Path.home()):
        narrate(_HONESTY)
    return code


def _act(action: str, names: tuple[str, ...], as_json: bool, confirmed: bool = False) -> int:
    addresses = tuple(str(Address.parse(name, "schedule")) for name in names)
    with open_session("schedules") as session:
        return carry_out(session, DoParams(action, addresses, confirmed=confirmed), Manner(as_json))
