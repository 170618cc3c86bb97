"""What the palette offers on the main screen, and what becomes of a choice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from quarterdeck.tui.actions import begin_action, needs_form, offered_actions
from quarterdeck.tui.keys import SHELL_BINDINGS, TABLE_BINDINGS
from quarterdeck.tui.kind_choices import kind_words
from quarterdeck.tui.palette_entries import Entry, EntryKind
from quarterdeck.tui.palette_screen import PaletteScreen
from quarterdeck.tui.panes import PANES
from quarterdeck.tui.theme_files import builtin_theme_names

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp


def palette_entries(console: "ConsoleApp") -> Iterator[Entry]:
    """Everything that can be chosen now; resources come last, for there may be very many of them."""
    yield from _actions(console)
    for pane in PANES:
        yield Entry(EntryKind.PANE, pane.name, f"pane {pane.key}", pane.name)
    names = {pane.name for pane in PANES}
    for word, kind in kind_words(console.known).items():
        if word not in names:
            yield Entry(EntryKind.KIND, word, "kind", kind)
    for binding in (*SHELL_BINDINGS, *TABLE_BINDINGS):
        if binding.id and not binding.id.startswith(("pane.", "table.sort-")) and "(" not in binding.action:
            yield Entry(EntryKind.KEY, binding.description, f"key {console.get_key_display(binding)}", binding.id)
    yield Entry(EntryKind.KEY, "redraw the screen", "key ^l", "app.redraw")
    for name in builtin_theme_names():
        yield Entry(EntryKind.COMMAND, f"theme {name}", "command", f"theme {name}")
    for backend in console.backends:
        if not backend.embedded:
            yield Entry(
                EntryKind.COMMAND, f"retry {backend.name}", "connect to the backend again", f"retry {backend.name}"
            )
    yield Entry(EntryKind.COMMAND, "quit", "close the console", "quit")
    for feed in console.feeds.mirrored():
        for address in list(feed.model.order):
            yield Entry(EntryKind.RESOURCE, address.split("/", 2)[2], address, address)


async def choose_from_palette(console: "ConsoleApp") -> None:
    """Lets the user choose, and does it."""
    entry = await console.push_screen_wait(
        PaletteScreen(console.palette, lambda: palette_entries(console), console.hold_keys)
    )
    if entry is None:
        return
    if entry.kind is EntryKind.ACTION:
        await _act(console, entry.value)
    else:
        await _go(console, entry)
    console.release_keys()


async def _go(console: "ConsoleApp", entry: Entry) -> None:
    match entry.kind:
        case EntryKind.PANE:
            await console.main.show_pane(entry.value)
        case EntryKind.KIND:
            await console.do_command(entry.value)
        case EntryKind.COMMAND:
            await console.do_command(entry.value)
        case EntryKind.RESOURCE:
            console.open_detail_of(entry.value)
        case _:
            if entry.value == "app.redraw":
                console.action_redraw()
                return
            table = any(binding.id == entry.value for binding in TABLE_BINDINGS)
            binding = next(each for each in (*SHELL_BINDINGS, *TABLE_BINDINGS) if each.id == entry.value)
            await console.run_action(binding.action, console.main.table if table else console.main)


def _actions(console: "ConsoleApp") -> Iterator[Entry]:
    kind, chosen = console.main.chosen()
    offer = offered_actions(console.known, kind, chosen)
    for action in offer.actions:
        reason = offer.off.get(action.id, "")
        subject = chosen[0].name if len(chosen) == 1 else f"{len(chosen)} marked" if chosen else kind
        detail = f"not now: {reason}" if reason else f"{subject}  {action.summary}"
        yield Entry(EntryKind.ACTION, action.title, detail, action.id)


async def _act(console: "ConsoleApp", action_id: str) -> None:
    kind, chosen = console.main.chosen()
    offer = offered_actions(console.known, kind, chosen)
    action = next((each for each in offer.actions if each.id == action_id), None)
    if action is None:
        console.say(f"{action_id} cannot be done with what is selected now", error=True)
    elif action.id in offer.off:
        console.say(f"{action.title}: {offer.off[action.id]}", error=True)
    else:
        if not needs_form(action):
            console.release_keys()
        await begin_action(console, action, tuple(resource.address for resource in chosen))
