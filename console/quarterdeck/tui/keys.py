"""Keys: the bindings of the console, and the wishes of a user about them."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from string import ascii_uppercase

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, format_key

from quarterdeck.tui.panes import PANES

SHELL_BINDINGS: list[Binding] = [
    *(Binding(pane.key, f"pane('{pane.name}')", pane.name, show=False, id=f"pane.{pane.name}") for pane in PANES),
    Binding("colon", "command", "command", key_display=":", id="console.command"),
    Binding("slash", "filter", "filter", key_display="/", id="console.filter"),
    Binding("question_mark", "help", "help", key_display="?", id="console.help"),
    Binding("d", "describe", "describe", id="resource.describe"),
    Binding("l", "logs", "logs", id="resource.logs"),
    Binding("y", "raw", "raw", id="resource.raw"),
    Binding("a", "actions", "actions", id="resource.actions"),
    Binding("e", "edit", "edit", show=False, id="resource.edit"),
    Binding("s", "shell", "shell", show=False, id="resource.shell"),
    Binding("r", "retry", "retry", show=False, id="backend.retry"),
    Binding("left_square_bracket", "history(-1)", "back", key_display="[", show=False, id="history.back"),
    Binding("right_square_bracket", "history(1)", "forward", key_display="]", show=False, id="history.forward"),
    Binding("minus", "last_pane", "last pane", key_display="-", show=False, id="history.last"),
    Binding("escape", "out", "out", show=False, id="console.out"),
    Binding("q", "quit", "quit", id="console.quit"),
    Binding("c", "copy", "copy", id="resource.copy"),
    Binding("X", "explain", "explain", id="resource.explain"),
    Binding("T", "timeline", "timeline", id="resource.timeline"),
]

TAB_BINDINGS: list[Binding] = [
    Binding("tab", "app.focus_next", "the other table of the pane", show=False, id="panes.next-table"),
    Binding("shift+tab", "app.focus_previous", "the table before", show=False, id="panes.previous-table"),
]

#: Letters that do something else with shift than sorting: the last row, sorting by the picked column, the timeline, explaining.
TAKEN_LETTERS = frozenset("GOTX")

TABLE_BINDINGS: list[Binding] = [
    Binding("j,down", "move(1)", "down", show=False, id="table.down"),
    Binding("k,up", "move(-1)", "up", show=False, id="table.up"),
    Binding("g,home", "first", "first row", show=False, id="table.first"),
    Binding("G,end", "last", "last row", show=False, id="table.last"),
    Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="table.page-down"),
    Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="table.page-up"),
    Binding("enter", "enter", "open", id="table.open"),
    Binding("space", "mark", "mark", show=False, id="table.mark"),
    # Terminals send the same for ctrl+space as for ctrl+@.
    Binding("ctrl+@", "mark_range", "mark up to here", show=False, key_display="ctrl+space", id="table.mark-range"),
    Binding("ctrl+backslash", "clear_marks", "clear marks", show=False, id="table.clear-marks"),
    Binding("shift+left", "pick(-1)", "pick a column", show=False, id="table.pick-left"),
    Binding("shift+right", "pick(1)", "pick a column", show=False, id="table.pick-right"),
    Binding("O", "sort_picked", "sort by the picked column", show=False, id="table.sort-picked"),
    *(
        Binding(letter, f"sort('{letter}')", "sort by the column", show=False, id=f"table.sort-{letter.lower()}")
        for letter in ascii_uppercase
        if letter not in TAKEN_LETTERS
    ),
]

LINES_BINDINGS: list[Binding] = [
    Binding("j,down", "move(1)", "down", show=False, id="text.down"),
    Binding("k,up", "move(-1)", "up", show=False, id="text.up"),
    Binding("g,home", "start", "start", show=False, id="text.start"),
    Binding("G,end", "end", "end", show=False, id="text.end"),
    Binding("pagedown,space,ctrl+f", "page(1)", "page down", show=False, id="text.page-down"),
    Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="text.page-up"),
    Binding("right", "shift(8)", "right", show=False, id="text.right"),
    Binding("left", "shift(-8)", "left", show=False, id="text.left"),
]

LOG_BINDINGS: list[Binding] = [
    Binding("slash", "search", "search", key_display="/", id="log.search"),
    Binding("n", "search_on(1)", "next found", show=False, id="log.next"),
    Binding("N", "search_on(-1)", "found before", show=False, id="log.previous"),
    Binding("w", "wrap", "wrap", id="log.wrap"),
    Binding("f", "follow", "follow", id="log.follow"),
    Binding("ctrl+s", "save", "save", id="log.save"),
    Binding("s", "source", "source", id="log.source"),
]

DETAIL_BINDINGS: list[Binding] = [
    Binding("escape,q", "leave", "out", id="detail.out"),
    Binding("c", "copy", "copy", id="text.copy"),
    Binding("question_mark", "help", "help", key_display="?", show=False, id="text.help"),
]


def with_letters_given_way(wanted: Mapping[str, str]) -> dict[str, str]:
    """The wishes, and sorting by a letter that one of them claims moved to alt+shift and that letter: what a user asks for goes first."""
    claimed = {key.strip() for keys in wanted.values() for key in keys.split(",")}
    moved = {
        binding.id: f"alt+shift+{binding.key.lower()}"
        for binding in TABLE_BINDINGS
        if binding.id and binding.id not in wanted and binding.action.startswith("sort(") and binding.key in claimed
    }
    return {**moved, **wanted}


def check_keys(wanted: Mapping[str, str], bindings: Iterable[Binding]) -> list[str]:
    """What is wrong with a mapping of binding ids to keys: unknown ids, and keys that two bindings claim; one sentence each."""
    known = list(bindings)
    return [*_unknown(wanted, known), *(sentence for sentence, _ in _clashes(wanted, known))]


def check_keys_everywhere(wanted: Mapping[str, str], contexts: Mapping[str, Sequence[Binding]]) -> list[str]:
    """The same for all places of the console: a key may be claimed in two places, and a clash is said once, if a wish has part in it."""
    problems = _unknown(wanted, [binding for bindings in contexts.values() for binding in bindings])
    for bindings in contexts.values():
        problems += [sentence for sentence, names in _clashes(wanted, bindings) if names & wanted.keys()]
    return list(dict.fromkeys(problems))


def _unknown(wanted: Mapping[str, str], bindings: Iterable[Binding]) -> list[str]:
    known = list(dict.fromkeys(binding.id for binding in bindings if binding.id))
    problems: list[str] = []
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            problems.append(f"there is no key binding {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    return problems


def _clashes(wanted: Mapping[str, str], bindings: Iterable[Binding]) -> list[tuple[str, set[str]]]:
    """Keys that two bindings claim: a sentence, and the bindings' ids."""
    own = {binding.id: binding.key for binding in bindings if binding.id}
    found: list[tuple[str, set[str]]] = []
    claimed: dict[str, str] = {}
    for name, keys in {**own, **{name: keys for name, keys in wanted.items() if name in own}}.items():
        for key in keys.split(","):
            normal = key_name(key.strip())
            other = claimed.setdefault(normal, name)
            if other != name:
                found.append((f"the key {format_key(normal)} is claimed by {other} and by {name}", {name, other}))
    return found


def key_name(key: str) -> str:
    """A key as Textual calls it: `?` is `question_mark`."""
    if len(key) != 1 or key.isalnum():
        return key
    from textual.keys import _character_to_key

    name = _character_to_key(key)
    return REPLACED_KEYS.get(name, name)
