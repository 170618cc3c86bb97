"""The command line: one group whose commands are imported only when they are invoked."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

import click

from quarterdeck.cli.boundary import guarded
from quarterdeck.cli.screens import Screens
from quarterdeck.cli.streams import narrate, narrate_error
from quarterdeck_api.errors import ExitCode

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Command name to module of this package and one line of help; the command itself is the module's `command`.
COMMANDS: dict[str, tuple[str, str]] = {
    "get": ("get", "Show resources of a kind."),
    "describe": ("describe", "Show everything about one resource."),
    "timeline": ("timeline", "Show how a resource has been over time."),
    "do": ("do", "Do an action on resources, and wait for it."),
    "edit": ("edit", "Edit a resource as text, with the difference shown before it is put."),
    "jobs": ("jobs", "List jobs; show, cancel, retry or wait for one."),
    "schedules": ("schedules", "List schedules; add, edit, preview, switch, run or remove one."),
    "processes": ("processes", "List managed processes; create, start, stop, scale, tell or remove one."),
    "controllers": ("controllers", "List controllers; switch, configure or run one."),
    "logs": ("logs", "Show the log of a resource, a job, the runtime or a plugin's host."),
    "metrics": ("metrics", "Show numbers of a resource over time."),
    "journal": ("journal", "Show what was requested, by whom, and what came of it."),
    "findings": ("findings", "Show what needs attention, and what to do about it."),
    "dataset": ("dataset", "Import and list datasets."),
    "backend": ("backend", "Add, list, test and remove backends."),
    "plugin": ("plugin", "Show plugins, switch them, and find out why one does not work."),
    "config": ("configuration", "Write, show and check the configuration."),
    "runtime": ("runtime", "Start, stop and inspect the runtime."),
    "doctor": ("doctor", "Find out what is wrong with this instance."),
    "demo": ("demo", "Forecast a real series in an instance of its own."),
    "snapshot": ("snapshot", "Print one frame of the console."),
    "completion": ("completion", "Print the set-up of a shell's completion."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the module of one command; any other name is that of a plugin which was found."""
        if cmd_name not in COMMANDS:
            if cmd_name not in _plugins():
                return None
            from quarterdeck.cli.plugin_commands import plugin_group

            return plugin_group(cmd_name)
        return import_module(f"quarterdeck.cli.{COMMANDS[cmd_name][0]}").command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Commands, and the names of plugins, which may have some."""
        from click.shell_completion import CompletionItem

        own = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            return own
        plugins = sorted(each for each in _plugins() if each.startswith(incomplete) and each not in COMMANDS)
        return [*own, *(CompletionItem(each, help="Commands of the plugin.") for each in plugins)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; a wrong name is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            plugins = _plugins()
            if args[0] in plugins:
                return super().resolve_command(ctx, args)
            close = get_close_matches(args[0], [*COMMANDS, *plugins], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        formatter.write_paragraph()
        formatter.write_text(
            "Plugins add commands: `quarterdeck PLUGIN --help` lists them, `quarterdeck plugin list` the plugins."
        )


def _plugins() -> frozenset[str]:
    """The names of plugins that were found; only looked for when a word is none of the commands."""
    from quarterdeck.cli.plugin_names import plugin_names

    return plugin_names()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, help="Show the version and exit.", expose_value=False)
def root() -> None:
    """Operate models for time series: forecasts, jobs, nodes and datasets.

    Without a command, on a terminal, the console opens. Standard output is data, standard error is narration. Exit codes: 0 done,
    1 failed, 2 usage, 3 unreachable, 4 refused, 5 unknown outcome, 130 interrupted.
    """


def run(arguments: Sequence[str], screens: Screens) -> int:
    """Runs a command line and returns its exit code."""
    return guarded(lambda: _invoke(arguments, screens))


def _invoke(arguments: Sequence[str], screens: Screens) -> int | None:
    try:
        return root.main(list(arguments), prog_name="quarterdeck", standalone_mode=False, obj=screens)
    except click.exceptions.NoArgsIsHelpError as error:
        narrate(error.format_message())
        return ExitCode.USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "quarterdeck"
        narrate_error(error.format_message(), f"see `{path} --help`")
        return ExitCode.USAGE
    except click.Abort:
        return ExitCode.INTERRUPTED
