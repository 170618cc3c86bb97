"""Commands that plugins add: `quarterdeck PLUGIN COMMAND`, built from the catalogue and run in the plugin's interpreter."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from quarterdeck.cli.choices import offered
from quarterdeck.cli.request import option_help, read_words
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import narrate, narrate_error, wants_colour, write_lines
from quarterdeck_api.catalogue import CommandInfo, PluginStatus
from quarterdeck_api.command_program import CommandOrder
from quarterdeck_api.console import ConsoleOptions
from quarterdeck_api.errors import ExitCode, QuarterdeckError, UnreachableError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import format_value, validate
from quarterdeck_api.parameters import fields
from quarterdeck_api.visible import visible

#: What a command inherits of the user's environment; credentials in other variables are none of a plugin's business.
_INHERITED = frozenset(
    [
        "COLORTERM",
        "COLUMNS",
        "EDITOR",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LINES",
        "LOGNAME",
        "NO_COLOR",
        "NO_PROXY",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "PAGER",
        "PATH",
        "PYTHONPATH",
        "QUARTERDECK_HOME",
        "SSH_AUTH_SOCK",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "VISUAL",
        "XDG_DATA_HOME",
    ]
)


class _Words(click.ParamType):
    """The words behind a plugin's name: a command, then its options with their values."""

    name = "words"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Commands for the first word, and then the choices of an option that has some."""
        words = [str(word) for word in ctx.params.get(param.name or "") or ()]
        return offered(lambda session: _next_words(session, str(ctx.info_name), words), incomplete)


class _PluginCommand(click.Command):
    """The command of a plugin's name, whose options are those of the command behind it."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Options that begin with what is typed."""
        words = [str(word) for word in ctx.params.get("words") or ()]
        if not words or not incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return offered(lambda session: _options(_commands(session, str(ctx.info_name)).get(words[0])), incomplete)


def _commands(session: Session, plugin: str) -> dict[str, CommandInfo]:
    catalogue = _status(session, plugin).catalogue
    return {info.name: info for info in catalogue.commands} if catalogue else {}


def _options(info: CommandInfo | None) -> list[tuple[str, str]]:
    own = [(field.option, field.help) for field in fields(info.parameters)] if info else []
    return [*own, ("--json", "Print JSON."), ("--yes", "Confirm."), ("--confirm", "Confirm by a name.")]


def _next_words(session: Session, plugin: str, words: list[str]) -> list[tuple[str, str]]:
    commands = _commands(session, plugin)
    if not words:
        return [(info.name, info.summary) for info in commands.values()]
    info = commands.get(words[0])
    known = {field.option: field for field in fields(info.parameters)} if info else {}
    field = known.get(words[-1])
    return [(format_value(field, choice), "") for choice in field.choices] if field else []


def plugin_group(plugin: str) -> click.Command:
    """The command `quarterdeck PLUGIN`; the catalogue is asked for when it is invoked."""

    @click.command(
        plugin,
        cls=_PluginCommand,
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )
    @click.argument("words", nargs=-1, type=_Words())
    def command(words: tuple[str, ...]) -> int:
        return _run(plugin, words)

    return command


def _run(plugin: str, words: tuple[str, ...]) -> int:
    with open_session(f"{plugin} {words[0]}" if words and not words[0].startswith("-") else plugin) as session:
        status = _status(session, plugin)
        commands = {info.name: info for info in status.catalogue.commands} if status.catalogue else {}
        if not words or words[0] in ("-h", "--help"):
            write_lines(map(visible, _group_help(status, list(commands.values()))))
            return ExitCode.DONE if words else ExitCode.USAGE
        info = commands.get(words[0])
        if info is None:
            known = f"see `quarterdeck {plugin} --help`" if commands else "it adds no commands"
            raise UsageError(f"plugin {plugin} has no command {words[0]!r}", nearest(words[0], commands, known))
        if "-h" in words[1:] or "--help" in words[1:]:
            write_lines(map(visible, _command_help(plugin, info)))
            return ExitCode.DONE
        options, rest = _own_options(words[1:])
        said = read_words(rest, fields(info.parameters), Path.cwd())
        if said.addresses:
            remedy = f"see `quarterdeck {plugin} {info.name} --help`"
            raise UsageError(f"{plugin} {info.name} takes options only, not {said.addresses[0]!r}", remedy)
        parameters = validate(info.parameters, said.parameters)
        return _in_plugin(session, status, CommandOrder(plugin, info.name, info.handler, parameters, options))


def _status(session: Session, plugin: str) -> PluginStatus:
    plugins = {status.id: status for status in session.catalogue().plugins}
    status = plugins.get(plugin)
    if status is None:
        raise UsageError(f"there is no plugin {plugin!r}", nearest(plugin, plugins, "see `quarterdeck plugin list`"))
    if status.catalogue is None:
        raise UsageError(f"plugin {plugin} cannot be used: {status.reason}", status.remedy)
    return status


def _own_options(words: tuple[str, ...]) -> tuple[ConsoleOptions, list[str]]:
    """The options that every command has, and the other words."""
    as_json = confirmed = False
    typed_names: list[str] = []
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word == "--json":
            as_json = True
        elif word == "--yes":
            confirmed = True
        elif word == "--confirm" or word.startswith("--confirm="):
            if word == "--confirm" and not waiting:
                raise UsageError("--confirm has no value", "write the resource's name after it")
            typed_names.append(waiting.pop(0) if word == "--confirm" else word.partition("=")[2])
        else:
            rest.append(word)
    return ConsoleOptions(as_json, confirmed, tuple(typed_names), wants_colour(sys.stderr)), rest


def _in_plugin(session: Session, status: PluginStatus, order: CommandOrder) -> int:
    """Runs the command in the plugin's interpreter, on this session's connection; gives its exit code."""
    reading, writing = os.pipe()
    paths = [word for path in status.paths for word in ("--path", path)]
    connection = session.fileno()
    program = [status.interpreter, "-P", "-m", "quarterdeck_api.command_program"]
    try:
        process = subprocess.Popen(
            [*program, "--connection", str(connection), "--order", str(reading), *paths],
            pass_fds=(connection, reading),
            env=_environment(os.environ),
        )
    except OSError as error:
        os.close(writing)
        raise UnreachableError(
            f"the command cannot be started with {status.interpreter}: {error.strerror}",
            f"reinstall plugin {status.id}",
        ) from error
    finally:
        os.close(reading)
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(msgspec.json.encode(order))
    except BrokenPipeError:
        narrate(f"the interpreter of plugin {status.id} ended before it took the command")
    return _ending(order, _wait(process))


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit status; ctrl-C is the command's own affair, which it gets from the terminal as well, and SIGTERM is passed on to it."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def _ending(order: CommandOrder, status: int) -> int:
    if status >= 0:
        return status
    if -status == signal.SIGINT:
        return ExitCode.INTERRUPTED
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    error = QuarterdeckError(
        f"the command {order.plugin} {order.command} was ended by {name}; what it requested stands in the journal",
        f"report it to the authors of plugin {order.plugin}",
    )
    narrate_error(error.message, error.remedy)
    return int(error.exit_code)


def _environment(variables: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name in _INHERITED or name.startswith("LC_")}


def _group_help(status: PluginStatus, commands: list[CommandInfo]) -> list[str]:
    title = status.catalogue.plugin.summary if status.catalogue else ""
    lines = [f"Usage: quarterdeck {status.id} COMMAND [OPTIONS]", "", f"  {title or status.id}", ""]
    if not commands:
        return [*lines, "The plugin adds no commands."]
    width = max(len(info.name) for info in commands)
    return [*lines, "Commands:", *(f"  {info.name:{width}}  {info.summary}" for info in commands)]


def _command_help(plugin: str, info: CommandInfo) -> list[str]:
    lines = [f"Usage: quarterdeck {plugin} {info.name} [OPTIONS]", "", f"  {info.summary}"]
    lines += option_help(fields(info.parameters))
    return [
        *lines,
        "",
        "Options of every command:",
        "  --json          Print JSON.",
        "  --yes           Confirm dangerous actions.",
        "  --confirm NAME  Confirm by a resource's name; once for each of several.",
    ]
