"""`quarterdeck backend`: what plugins connect to, in the configuration file and in the runtime."""

import re
from pathlib import Path
from typing import Any

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.choices import BACKEND
from quarterdeck.cli.complete import complete
from quarterdeck.cli.reloading import RELOAD_TIMEOUT, reload_after_edit
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.writing import edit_configuration, put_backend, take_backend
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue
from quarterdeck_api.errors import ExitCode, NotFoundError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import BACKEND_TEST, AddressParams
from quarterdeck_api.resources import CORE
from quarterdeck_api.visible import visible

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = re.compile(r"[a-z0-9-]+")


@click.group("backend")
def command() -> None:
    """Add, list, test and remove backends."""


@command.command("list")
@_JSON
def list_backends(as_json: bool) -> None:
    """List every backend with its state, and what is wrong with it."""
    with open_session("backend") as session:
        backends = [each for each in session.catalogue().backends if each.name != CORE]
    if as_json:
        write_json([complete(each) for each in backends])
        return
    titles = ("backend", "type", "state", "since", "access", "reason", "remedy")
    rows = [
        (
            each.name,
            each.type,
            each.state,
            time_text(int(each.since)),
            "read-only" if each.read_only else "full",
            each.reason,
            each.remedy,
        )
        for each in backends
    ]
    write_lines(table_lines(titles, [[visible(cell) for cell in row] for row in rows]))


@command.command("test")
@click.argument("name", type=BACKEND)
@_JSON
def test(name: str, as_json: bool) -> int:
    """Ask a backend what it is, connecting anew when it is not connected; exits with 3 when it cannot be reached."""
    with open_session("backend") as session:
        found = session.call(BACKEND_TEST, AddressParams(name), RELOAD_TIMEOUT)
    if as_json:
        write_json(complete(found))
        return ExitCode.DONE
    facts = {
        "Backend": f"{found.name} ({found.type})",
        "Version": found.version or "not said",
        "Latency": f"{found.latency * 1000:.1f} ms",
        "Capabilities": ", ".join(found.capabilities) or "not said",
    }
    write_lines(visible(f"{label:13} {value}") for label, value in facts.items())
    for notice in found.notices:
        narrate(visible(notice))
    return ExitCode.DONE


@command.command("add", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("name", required=False)
@click.argument("backend_type", required=False, metavar="TYPE")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--SETTING VALUE]...")
@click.option("--read-only", is_flag=True, help="Refuse everything that changes something there.")
@_JSON
@click.option("--help", "-h", "wants_help", is_flag=True, help="Show this, and what TYPE takes.")
@click.pass_context
def add(
    context: click.Context,
    name: str | None,
    backend_type: str | None,
    words: tuple[str, ...],
    read_only: bool,
    as_json: bool,
    wants_help: bool,
) -> int:
    """Write a backend into the configuration file, and connect to it when a runtime runs.

    The file keeps its comments and its order, and what it held before stays beside it as config.toml.bak. Secrets are given as references:
    env:NAME or file:PATH.
    """
    # Imported here: completion reads this module, too, and needs none of it.
    from quarterdeck.cli.backend_settings import read_backend_settings, setting_lines

    paths = instance_paths()
    types = _backend_types(paths)
    if wants_help:
        write_lines([context.get_help()])
        found = types.get(backend_type or "")
        write_lines(["", *setting_lines(found)] if found else ["", f"Types: {', '.join(sorted(types)) or 'none'}"])
        return ExitCode.DONE
    if not name or not backend_type:
        raise UsageError("a backend needs a name and a type", f"types are: {', '.join(sorted(types)) or 'none'}")
    _check_name(name)
    if backend_type not in types:
        remedy = nearest(backend_type, types, "install a plugin that brings one")
        raise UsageError(f"there is no backend type {backend_type!r}", remedy)
    settings = read_backend_settings(name, types[backend_type], words, Path.cwd())
    body: dict[str, Any] = {"type": backend_type, **({"read_only": True} if read_only else {}), **settings}
    edit_configuration(paths, lambda tables: put_backend(tables, name, body))
    narrate(f"backend {name} is written into {paths.config_file}")
    state = reload_after_edit(paths)
    if as_json:
        write_json({"name": name, "file": str(paths.config_file), "applied": state is not None and state.applied})
    else:
        narrate(f"see whether it answers with `quarterdeck backend test {name}`")
    return ExitCode.DONE


@command.command("remove")
@click.argument("name", type=BACKEND)
@_JSON
def remove(name: str, as_json: bool) -> int:
    """Take a backend out of the configuration file, and disconnect from it when a runtime runs."""
    paths = instance_paths()
    configured = load_settings(paths).settings.backends

    def take(tables: Any) -> None:
        backends = tables.get("backends")
        if not hasattr(backends, "keys") or name not in backends:
            raise NotFoundError(
                f"the configuration has no backend {name!r}",
                nearest(name, configured, "none is configured; those that plugins bring go with `plugin disable`"),
            )
        take_backend(tables, name)

    edit_configuration(paths, take)
    narrate(f"backend {name} is taken out of {paths.config_file}")
    state = reload_after_edit(paths)
    if as_json:
        write_json({"name": name, "file": str(paths.config_file), "applied": state is not None and state.applied})
    return ExitCode.DONE


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a backend's name", "use lower-case letters, digits and '-' only")
    if name == CORE:
        raise UsageError(f"the name {name!r} is reserved", "choose another name")


def _backend_types(paths: InstancePaths) -> dict[str, BackendTypeInfo]:
    from quarterdeck.loading.plugins import load_plugins

    disabled = frozenset(load_settings(paths).settings.plugins.disabled)
    statuses = load_plugins(paths, disabled=disabled, try_timeouts_again=False)
    catalogues: list[Catalogue] = [status.catalogue for status in statuses if status.catalogue]
    return {each.id: each for catalogue in catalogues for each in catalogue.backend_types}
