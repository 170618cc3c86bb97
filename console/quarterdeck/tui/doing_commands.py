"""Commands of the console: what they can name now, and what becomes of them."""

from typing import TYPE_CHECKING

from quarterdeck.tui import commands
from quarterdeck.tui.commands import World
from quarterdeck.tui.kind_choices import browsing_backend, kind_info, kind_words
from quarterdeck.tui.panes import PANES, PaneInfo, pane_of_kind
from quarterdeck.tui.theme_files import builtin_theme_names
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.filters import COMMON_FIELDS
from quarterdeck_api.resources import CORE

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: Addresses of each kind that a command is completed with.
_COMPLETED = 2_000


def world_of(console: "ConsoleApp") -> World:
    """What commands can name now."""
    return World(
        tuple(pane.name for pane in PANES),
        tuple(backend.name for backend in console.backends if backend.name != CORE),
        tuple(builtin_theme_names()),
        tuple(console.feeds.addresses(_COMPLETED)),
        {
            word: tuple(column.id for column in dict.fromkeys((*COMMON_FIELDS, *feed.schema.all_columns())))
            for word, feed in (
                *((pane.name, console.feeds.get(pane.kind)) for pane in PANES),
                *((word, console.feeds.get(kind)) for word, kind in kind_words(console.known).items()),
            )
            if feed is not None and feed.schema is not None
        },
        kind_words(console.known),
    )


async def do_command(console: "ConsoleApp", text: str) -> None:
    """Does what was typed after `:`."""
    try:
        command = commands.parse_command(text, world_of(console))
    except QuarterdeckError as error:
        console.say(f"{error.message}: {error.remedy}", error=True)
        return
    console.say("")
    match command:
        case commands.ShowPane():
            await console.main.show_pane(command.pane, command.filter)
        case commands.ShowKind():
            await _show_kind(console, command)
        case commands.OpenAddress():
            console.open_detail_of(command.address)
        case commands.UseTheme():
            console.use_theme_named(command.name)
        case commands.RetryBackend():
            console.retry_backend(command.name)
        case commands.Help():
            console.open_help()
        case commands.Quit():
            console.exit()


async def _show_kind(console: "ConsoleApp", command: commands.ShowKind) -> None:
    """Shows a kind in its pane, or in one that is made for it."""
    info = kind_info(console.known, command.kind)
    if info is not None and not info.mirrored:
        try:
            backend = browsing_backend(console.known, command.kind, command.backend)
        except QuarterdeckError as error:
            console.say(f"{error.message}: {error.remedy}", error=True)
            return
        name = f"{console.kind_title(command.kind)} @{backend}"
        await console.main.show(PaneInfo("", name, (command.kind,), backend=backend), command.filter)
        return
    words = [f"backend={command.backend}"] if command.backend else []
    text = " ".join((*words, command.filter)) if words or command.filter else ""
    pane = pane_of_kind(command.kind) or PaneInfo("", console.kind_title(command.kind), (command.kind,))
    await console.main.show(pane, text, kind=command.kind)
