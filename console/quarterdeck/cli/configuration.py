"""`quarterdeck config`: where the configuration lies, what it says, and what is wrong with it."""

import json

import click

from quarterdeck.cli.complete import complete
from quarterdeck.cli.reloading import reload_after_edit, reload_configuration, tell
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.config.files import load_settings
from quarterdeck.config.loaded import LoadedSettings, Problem
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.visible import visible

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("config")
def command() -> None:
    """Write, show and check the configuration."""


@command.command("path")
@_JSON
def path(as_json: bool) -> None:
    """Print where the configuration file lies, whether it is there or not."""
    paths = instance_paths()
    if as_json:
        folders = {
            "config_file": paths.config_file,
            "state_folder": paths.state_folder,
            "cache_folder": paths.cache_folder,
            "logs": paths.logs,
            "socket": paths.socket,
        }
        write_json({"instance": paths.home, **{name: str(each) for name, each in folders.items()}})
    else:
        write_lines([str(paths.config_file)])


@command.command("show")
@_JSON
def show(as_json: bool) -> int:
    """Show every setting with where its value comes from; secrets stay references."""
    from quarterdeck.config.showing import show as shown_values

    loaded = _load(instance_paths())
    values = shown_values(loaded)
    if as_json:
        write_json([{"key": each.key, "value": each.value, "source": str(each.source)} for each in values])
    else:
        rows = [(each.key, visible(json.dumps(each.value, ensure_ascii=False)), str(each.source)) for each in values]
        write_lines(table_lines(("key", "value", "source"), rows))
    for problem in loaded.problems:
        narrate(visible(str(problem)))
    return ExitCode.DONE


@command.command("validate")
@_JSON
def validate(as_json: bool) -> int:
    """Check the configuration file: every problem with its line; exits with 2 when there is one."""
    paths = instance_paths()
    problems = _load(paths).problems
    if as_json:
        write_json([_document(each) for each in problems])
    else:
        write_lines(visible(str(each)) for each in problems)
    if not problems:
        narrate(f"{paths.config_file} is fine" if paths.config_file.exists() else f"{paths.config_file} is not there")
    return ExitCode.USAGE if problems else ExitCode.DONE


@command.command("init")
@_JSON
def init(as_json: bool) -> None:
    """Write a configuration file in which everything is explained and nothing is set; one that is there is never overwritten."""
    from quarterdeck.config.template import commented_configuration
    from quarterdeck.config.writing import create_configuration

    paths = instance_paths()
    file = create_configuration(paths, commented_configuration())
    reload_after_edit(paths)
    if as_json:
        write_json({"file": str(file)})
    else:
        write_lines([str(file)])


@command.command("schema")
@_JSON
def schema(as_json: bool) -> None:
    """Print the JSON Schema of the configuration file, with the settings of every installed backend type; it is JSON with or without --json."""
    from quarterdeck.config.schema import settings_schema

    write_json(settings_schema(_catalogues(instance_paths())))


@command.command("reload")
@_JSON
def reload(as_json: bool) -> int:
    """Have the runtime read the file now instead of within seconds; exits with 2 when the file is wrong, so that nothing was changed."""
    state = reload_configuration(instance_paths())
    if as_json:
        write_json(complete(state))
    else:
        tell(state)
        if state.applied and not state.changes and not state.restart_for:
            narrate("nothing has to be changed")
    return ExitCode.DONE if state.applied else ExitCode.USAGE


def _catalogues(paths: InstancePaths) -> list[Catalogue]:
    """What installed plugins declare."""
    from quarterdeck.loading.plugins import load_plugins

    return [status.catalogue for status in load_plugins(paths) if status.catalogue]


def _load(paths: InstancePaths) -> LoadedSettings:
    """The settings, with backends checked against what installed plugins declare."""
    return load_settings(paths, _catalogues(paths))


def _document(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "sentence": problem.sentence,
        "remedy": problem.remedy,
    }
