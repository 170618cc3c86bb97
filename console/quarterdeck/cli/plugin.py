"""`quarterdeck plugin`: what is installed, and changes of it, which pass through the runtime's journal."""

from collections.abc import Callable

import click

from quarterdeck.cli.choices import PLUGIN
from quarterdeck.cli.complete import complete
from quarterdeck.cli.reloading import reload_after_edit
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.writing import edit_configuration, set_disabled
from quarterdeck.loading.places import place_of, place_sentence
from quarterdeck.loading.plugins import load_plugins
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import ExitCode, NotFoundError
from quarterdeck_api.visible import visible

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("plugin")
def command() -> None:
    """Show, install, switch and write plugins, and find out why one does not work."""


@command.command("list")
@_JSON
def list_plugins(as_json: bool) -> None:
    """List every plugin that is installed, with what is wrong with it."""
    plugins = _load(instance_paths())
    if as_json:
        write_json([_document(each) for each in plugins])
        return
    titles = ("plugin", "version", "phase", "distribution", "environment", "reason", "remedy")
    rows = [
        (each.id, each.version, each.phase.value, each.distribution, place_of(each).value, each.reason, each.remedy)
        for each in plugins
    ]
    write_lines(table_lines(titles, [[visible(cell) for cell in row] for row in rows]))


@command.command("info")
@click.argument("plugin", type=PLUGIN)
@_JSON
def info(plugin: str, as_json: bool) -> int:
    """Show where a plugin lives and everything that it declares."""
    found = _named(_load(instance_paths()), plugin)
    if as_json:
        write_json({**_document(found), "catalogue": complete(found.catalogue)})
    else:
        write_lines(visible(line) for line in _info_lines(found))
    return ExitCode.DONE


@command.command("doctor")
@click.argument("plugin", required=False, type=PLUGIN)
@_JSON
def doctor(plugin: str | None, as_json: bool) -> int:
    """Look into one plugin, or all of them: declare, import and check everything; exits with 1 when something is wrong."""
    from quarterdeck.loading.doctor import plugin_doctor

    plugins = _load(instance_paths())
    chosen = [_named(plugins, plugin)] if plugin else list(plugins)
    findings: list[dict[str, object]] = []
    for each in chosen:
        for result in plugin_doctor(each):
            finding = {"plugin": each.id, "ok": result.ok, "sentence": result.sentence, "remedy": result.remedy}
            findings.append(finding)
            if not as_json:
                write_lines([visible(f"{'ok   ' if result.ok else 'WRONG'}  {each.id}: {result.sentence}")])
                if result.remedy and not result.ok:
                    write_lines([visible(f"       try: {result.remedy}")])
    if as_json:
        write_json(findings)
    if not chosen:
        narrate("no plugin is installed; `quarterdeck plugin install quarterdeck-ainode` installs one")
    return ExitCode.DONE if all(finding["ok"] for finding in findings) else ExitCode.FAILED


def _changing(function: Callable[..., int]) -> Callable[..., int]:
    """The options of every command that changes what is installed."""
    for option in (
        _JSON,
        click.option("--now", is_flag=True, help="Do not wait for running jobs that use what is changed."),
        click.option("--confirm", "typed_name", default="", metavar="NAME", help="Confirm by the plugin's name."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only show what would be changed."),
    ):
        function = option(function)
    return function


@command.command("install")
@click.argument("source", metavar="WHEEL|FOLDER|NAME")
@click.option("--own-environment", is_flag=True, help="Give it a virtual environment of its own.")
@_changing
def install(
    source: str, own_environment: bool, dry_run: bool, yes: bool, typed_name: str, now: bool, as_json: bool
) -> int:
    """Install a plugin; what would be changed is shown first, and what the core needs is never changed."""
    from quarterdeck.cli.plugin_changing import Manner
    from quarterdeck.cli.plugin_install import install_plugin

    return install_plugin(source, own_environment, Manner(dry_run, yes, typed_name, now, as_json))


@command.command("upgrade")
@click.argument("plugin", type=PLUGIN)
@click.option("--from", "source", default="", metavar="WHEEL|FOLDER|NAME", help="What to install instead.")
@click.option("--own-environment", is_flag=True, help="Give it a virtual environment of its own.")
@_changing
def upgrade(
    plugin: str,
    source: str,
    own_environment: bool,
    dry_run: bool,
    yes: bool,
    typed_name: str,
    now: bool,
    as_json: bool,
) -> int:
    """Upgrade a plugin where it lives; running jobs end with the code that they began with."""
    from quarterdeck.cli.plugin_changing import Manner
    from quarterdeck.cli.plugin_install import upgrade_plugin

    return upgrade_plugin(plugin, source, own_environment, Manner(dry_run, yes, typed_name, now, as_json))


@command.command("remove")
@click.argument("plugin", type=PLUGIN)
@_changing
def remove(plugin: str, dry_run: bool, yes: bool, typed_name: str, now: bool, as_json: bool) -> int:
    """Remove a plugin; its jobs stay recorded, its backends stay in the configuration."""
    from quarterdeck.cli.plugin_changing import Manner
    from quarterdeck.cli.plugin_install import remove_plugin

    return remove_plugin(plugin, Manner(dry_run, yes, typed_name, now, as_json))


@command.command("new")
@click.argument("name")
@click.option("--folder", default="", help="Where to write it; quarterdeck-NAME in this folder when not given.")
@_JSON
def new(name: str, folder: str, as_json: bool) -> None:
    """Write a new plugin that installs and passes its tests as it is, to be changed into yours."""
    from pathlib import Path

    from quarterdeck.loading.scaffolding import new_plugin, write_plugin

    plugin = new_plugin(name)
    place = Path(folder or plugin.distribution).expanduser().absolute()
    written = write_plugin(plugin, place)
    if as_json:
        document = {"id": plugin.id, "distribution": plugin.distribution, "module": plugin.module, "folder": str(place)}
        write_json({**document, "files": [str(file.relative_to(place)) for file in written]})
    else:
        write_lines(visible(str(file)) for file in written)
    narrate(
        visible(f"next: `quarterdeck plugin install {folder or './' + plugin.distribution}`, and see its README.md")
    )


@command.command("enable")
@click.argument("plugin", type=PLUGIN)
@_JSON
def enable(plugin: str, as_json: bool) -> None:
    """Take a plugin off the list of disabled ones in the configuration file; a running runtime starts it."""
    _switch(plugin, as_json, disabled=False)


@command.command("disable")
@click.argument("plugin", type=PLUGIN)
@_JSON
def disable(plugin: str, as_json: bool) -> None:
    """Put a plugin on the list of disabled ones in the configuration file; a running runtime ends it with its backends."""
    _switch(plugin, as_json, disabled=True)


def _switch(plugin: str, as_json: bool, *, disabled: bool) -> None:
    paths = instance_paths()
    listed = load_settings(paths).settings.plugins.disabled
    if disabled or plugin not in listed:  # One that is not installed any more can still be taken off the list.
        _named(load_plugins(paths, disabled=frozenset((*listed, plugin)), try_timeouts_again=False), plugin)
    word = "disabled" if disabled else "enabled"
    changed = (plugin in listed) is not disabled
    state = None
    if changed:
        from quarterdeck.cli.plugin_changing import journalled

        with journalled(paths, "disable" if disabled else "enable", plugin):
            edit_configuration(paths, lambda tables: set_disabled(tables, plugin, disabled))
            narrate(f"plugin {plugin} is {word}")
            state = reload_after_edit(paths)
    else:
        narrate(f"plugin {plugin} is {word} already")
    if as_json:
        applied = state is not None and state.applied
        write_json({"id": plugin, "disabled": disabled, "changed": changed, "applied": applied})


def _load(paths: InstancePaths) -> tuple[PluginStatus, ...]:
    disabled = frozenset(load_settings(paths).settings.plugins.disabled)
    return load_plugins(paths, disabled=disabled)


def _named(plugins: tuple[PluginStatus, ...], name: str) -> PluginStatus:
    found = next((each for each in plugins if each.id == name), None)
    if found is not None:
        return found
    from difflib import get_close_matches

    close = get_close_matches(name, [each.id for each in plugins], n=1)
    hint = f"did you mean {close[0]}?" if close else "see `quarterdeck plugin list`"
    raise NotFoundError(f"there is no plugin {name!r}", hint)


def _document(status: PluginStatus) -> dict[str, object]:
    return {
        "id": status.id,
        "title": status.catalogue.plugin.title if status.catalogue else "",
        "summary": status.catalogue.plugin.summary if status.catalogue else "",
        "version": status.version,
        "distribution": status.distribution,
        "phase": status.phase.value,
        "reason": status.reason,
        "remedy": status.remedy,
        "environment": place_of(status).value,
        "interpreter": status.interpreter,
        "paths": list(status.paths),
        "declare_seconds": status.declare_seconds,
        "cached": status.cached,
    }


def _info_lines(status: PluginStatus) -> list[str]:
    lines = [
        f"{status.id} {status.version} ({status.distribution}), {status.phase.value}",
        f"  {place_sentence(status)}",
    ]
    if status.phase is not PluginPhase.READY:
        lines += [f"  {status.reason}", f"  try: {status.remedy}"]
    catalogue = status.catalogue
    if catalogue is None:
        return lines
    lines += [f"  {catalogue.plugin.title}. {catalogue.plugin.summary}".rstrip()]
    sections = {
        "Backend types": [(each.id, each.title) for each in catalogue.backend_types],
        "Kinds": [(each.id, f"{each.title} ({', '.join(catalogue.columns(each.id))})") for each in catalogue.kinds],
        "Actions": [(each.id, each.title) for each in catalogue.actions],
        "Jobs": [(each.id, f"{each.title}, in a {each.runs_in.value}") for each in catalogue.jobs],
        "Processes": [(each.id, each.title) for each in catalogue.processes],
        "Controllers": [
            (each.id, f"{each.title}, every {each.interval:g} s, {'on' if each.enabled else 'off'} at first")
            for each in catalogue.controllers
        ],
        "Commands": [(f"{status.id} {each.name}", each.summary) for each in catalogue.commands],
        "Samples": [(each.name, each.title) for each in catalogue.samples],
        "Checks": [(each.id, each.title) for each in catalogue.checks],
        "Themes": [(each.name, "dark" if each.dark else "light") for each in catalogue.themes],
        "Keymaps": [(each.name, f"{len(each.keys)} keys") for each in catalogue.keymaps],
        "Told of": [(each, "") for each in catalogue.event_hooks],
        "Asked": [("quarterdeck_authorize", "may refuse requests")] if catalogue.authorizes else [],
    }
    for title, entries in sections.items():
        if entries:
            width = max(len(name) for name, _ in entries)
            lines += ["", f"{title}:", *(f"  {name:{width}}  {text}".rstrip() for name, text in entries)]
    return lines
