"""`quarterdeck controllers`."""

import click

from quarterdeck.cli.choices import CONTROLLER
from quarterdeck.cli.do import own_settings
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck.cli.request import find_action
from quarterdeck.cli.session import open_session
from quarterdeck_api.protocol import DoParams
from quarterdeck_api.resources import CORE, Address

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAMES = click.argument("names", nargs=-1, required=True, type=CONTROLLER, metavar="BACKEND/ID...")


@click.group("controllers", invoke_without_command=True)
@_JSON
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List controllers; switch, configure or run one, by BACKEND/ID."""
    return run_listing(Listing("controller", as_json=as_json)) if context.invoked_subcommand is None else 0


@command.command("list")
@click.option("-f", "--filter", "filter_text", default="", help="Words, on=true, decision=failed, /regex/, !not.")
@_JSON
def list_controllers(filter_text: str, as_json: bool) -> int:
    """List controllers."""
    return run_listing(Listing("controller", filter=filter_text, as_json=as_json))


@command.command("enable")
@_NAMES
@click.option("--confirm-actions", is_flag=True, help="Confirm the dangerous actions that they request, once for all.")
@_JSON
def enable(names: tuple[str, ...], confirm_actions: bool, as_json: bool) -> int:
    """Let controllers look, now and after every interval, and act."""
    return _act("controller.enable", names, as_json, {"confirmed": True} if confirm_actions else {})


@command.command("disable")
@_NAMES
@_JSON
def disable(names: tuple[str, ...], as_json: bool) -> int:
    """Keep controllers, which do not look until they are switched on."""
    return _act("controller.disable", names, as_json)


@command.command("look")
@_NAMES
@_JSON
def look(names: tuple[str, ...], as_json: bool) -> int:
    """Have controllers look once, now; they act when they see fit."""
    return _act("controller.look", names, as_json)


@command.command("configure")
@click.argument("name", type=CONTROLLER, metavar="BACKEND/ID")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the controller's own.")
@click.option("--interval", type=float, default=0.0, help="Seconds from the end of a look to the next one.")
@click.option("--reset", is_flag=True, help="Forget earlier settings and the interval first.")
@click.option("--dry-run", is_flag=True, help="Only check.")
@_JSON
def configure(name: str, settings: tuple[str, ...], interval: float, reset: bool, dry_run: bool, as_json: bool) -> int:
    """Set what a controller takes, and how often it looks; settings that are not named stay."""
    address = _address(name)
    asked = {"interval": interval} if interval else {}
    with open_session("controllers") as session:
        info = find_action(session.catalogue(), "controller.configure", (address,))
        own = own_settings(session, info, (address,), settings)
        parameters = {**asked, "reset": True} if reset else asked
        request = DoParams("controller.configure", (address,), parameters, own, dry_run=dry_run)
        return carry_out(session, request, Manner(as_json))


def _act(action: str, names: tuple[str, ...], as_json: bool, parameters: dict[str, object] | None = None) -> int:
    addresses = tuple(map(_address, names))
    with open_session("controllers") as session:
        return carry_out(session, DoParams(action, addresses, parameters or {}), Manner(as_json))


def _address(name: str) -> str:
    """The address of a controller that is named by BACKEND/ID, or by its address."""
    prefix = f"{CORE}/controller/"
    return name if name.startswith(prefix) else str(Address(CORE, "controller", name))
