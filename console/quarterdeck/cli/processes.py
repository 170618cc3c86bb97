"""`quarterdeck processes`."""

from typing import Any

import click
import msgspec

from quarterdeck.cli.choices import BACKEND, PROCESS, SETTING
from quarterdeck.cli.do import own_settings
from quarterdeck.cli.documents import write_document
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck.cli.request import find_action
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import asks, write_json
from quarterdeck_api.catalogue import ProcessTypeInfo
from quarterdeck_api.errors import ExitCode, NotFoundError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import parse_settings
from quarterdeck_api.protocol import DESCRIBE, AddressParams, DoParams
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import to_builtins

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAMES = click.argument("names", nargs=-1, required=True, type=PROCESS, metavar="NAME...")


@click.group("processes", invoke_without_command=True)
@_JSON
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List managed processes; create, start, stop, scale, tell or remove one.

    A NAME is a process; NAME.2 is its second instance.
    """
    return run_listing(Listing("process", as_json=as_json)) if context.invoked_subcommand is None else 0


@command.command("list")
@click.option("-f", "--filter", "filter_text", default="", help="Words, desired=running, state=crash-loop, !not.")
@click.option("--instances", is_flag=True, help="List every instance.")
@_JSON
def list_processes(filter_text: str, instances: bool, as_json: bool) -> int:
    """List processes, or their instances."""
    return run_listing(Listing("instance" if instances else "process", filter=filter_text, as_json=as_json))


@command.command("show")
@click.argument("name", type=PROCESS)
@_JSON
def show(name: str, as_json: bool) -> None:
    """Show a process or an instance: what it was given, its last lines when it does not stay up, its history."""
    with open_session("processes") as session:
        found = session.call(DESCRIBE, AddressParams(_address(name)))
    if as_json:
        write_json(to_builtins(found.document))
    else:
        write_document(found.document)


@command.command("create")
@click.argument("process_type", metavar="TYPE")
@click.argument("name")
@click.option("-b", "--backend", default="", type=BACKEND, help="Its backend; the plugin's only one when left out.")
@click.option("-n", "--count", default=1, show_default=True, help="How many instances are kept.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="What the type takes.")
@click.option("--stopped", is_flag=True, help="Do not start it yet.")
@click.option("--dry-run", is_flag=True, help="Only check.")
@_JSON
def create(
    process_type: str,
    name: str,
    backend: str,
    count: int,
    settings: tuple[str, ...],
    stopped: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Keep instances of a process TYPE running under a NAME, until they are stopped or removed, as in:

    quarterdeck processes create cascade.stage cheap --count 2 --set threshold=0.6

    The types are those that `quarterdeck plugin info PLUGIN` shows.
    """
    with open_session("processes") as session:
        info = _type(session, process_type)
        parameters: dict[str, Any] = {
            "type": process_type,
            "name": name,
            "backend": backend,
            "count": count,
            "start": not stopped,
        }
        own = parse_settings(info.parameters, settings)
        request = DoParams("process.create", parameters=parameters, settings=own, dry_run=dry_run)
        return carry_out(session, request, Manner(as_json))


@command.command("start")
@_NAMES
@_JSON
def start(names: tuple[str, ...], as_json: bool) -> int:
    """Want processes to run, also after a crash loop."""
    return _act("process.start", names, as_json)


@command.command("stop")
@_NAMES
@_JSON
def stop(names: tuple[str, ...], as_json: bool) -> int:
    """Drain and end processes; they stay stopped until they are started."""
    return _act("process.stop", names, as_json)


@command.command("restart")
@_NAMES
@_JSON
def restart(names: tuple[str, ...], as_json: bool) -> int:
    """Drain, end and start processes anew, or single instances (NAME.2)."""
    return _act("process.restart", names, as_json)


@command.command("scale")
@click.argument("name", type=PROCESS)
@click.argument("count", type=int)
@_JSON
def scale(name: str, count: int, as_json: bool) -> int:
    """Keep COUNT instances of a process."""
    return _act("process.scale", (name,), as_json, {"count": count})


@command.command("configure")
@click.argument("name", type=PROCESS)
@click.option(
    "--set", "settings", multiple=True, type=SETTING, required=True, metavar="KEY=VALUE", help="What the type takes."
)
@_JSON
def configure(name: str, settings: tuple[str, ...], as_json: bool) -> int:
    """Change what a process was given, and restart it."""
    address = _address(name)
    with open_session("processes") as session:
        info = find_action(session.catalogue(), "process.configure", (address,))
        own = own_settings(session, info, (address,), settings)
        return carry_out(session, DoParams("process.configure", (address,), settings=own), Manner(as_json))


@command.command("control")
@click.argument("name", type=PROCESS)
@click.argument("message")
@click.option("--body", default="", metavar="JSON", help="What the message carries.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds that each instance has to answer.")
@_JSON
def control(name: str, message: str, body: str, timeout: float, as_json: bool) -> int:
    """Send a control MESSAGE to an instance (NAME.2), or to every instance of a process, and show the answers."""
    address = _address(name)
    parameters: dict[str, Any] = {"message": message, "timeout": timeout}
    with open_session("processes") as session:
        if body:
            parameters["body"] = _json_or_text(body)
        return carry_out(session, DoParams("process.control", (address,), parameters), Manner(as_json))


@command.command("remove")
@_NAMES
@click.option("--yes", is_flag=True, help="Confirm it.")
@_JSON
def remove(names: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Drain and end processes, and forget them with their history and logs."""
    confirmed = yes or (asks() and click.confirm(f"Remove {', '.join(names)}?", err=True))
    return _act("process.remove", names, as_json, confirmed=confirmed)


@command.command("logs")
@click.argument("name", type=PROCESS)
@click.option("-f", "--follow", is_flag=True, help="Go on with every new line.")
@click.option("--tail", default=0, metavar="N", help="Only the last N lines; 0 shows all.")
@_JSON
@click.pass_context
def logs(context: click.Context, name: str, follow: bool, tail: int, as_json: bool) -> int:
    """Show the output of an instance; a process with several needs one named (NAME.2)."""
    from quarterdeck.cli import logs as logs_module

    options = {"address": _address(name), "follow": follow, "tail": tail, "as_json": as_json}
    return context.invoke(logs_module.command, **options) or ExitCode.DONE


def _type(session: Session, process_type: str) -> ProcessTypeInfo:
    catalogues = [status.catalogue for status in session.catalogue().plugins if status.catalogue]
    known = {info.id: info for catalogue in catalogues for info in catalogue.processes}
    found = known.get(process_type)
    if found is None:
        raise NotFoundError(f"no plugin has the process type {process_type!r}", nearest(process_type, known))
    return found


def _json_or_text(text: str) -> Any:
    """The JSON value that a text is; what is none is a text by itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _address(name: str) -> str:
    """What people write: NAME, NAME.2, or an address."""
    if "/" in name:
        return str(Address.parse(name))
    return str(Address(CORE, "instance" if "." in name else "process", name))


def _act(
    action: str,
    names: tuple[str, ...],
    as_json: bool,
    parameters: dict[str, Any] | None = None,
    *,
    confirmed: bool = False,
) -> int:
    addresses = tuple(_address(name) for name in names)
    with open_session("processes") as session:
        return carry_out(session, DoParams(action, addresses, parameters or {}, confirmed=confirmed), Manner(as_json))
