"""Which panes there are, and what can be shown beside them: a kind that has no pane of its own, and the children of a resource."""

from msgspec import Struct


class PaneInfo(Struct, frozen=True):
    """Something that the main screen shows.

    `key` shows it (empty: it has none), `name` is its name in commands, `kinds` are those of its tables from top to bottom (none: the
    deck). `parent` is the address whose children they are. `backend` is whose rows are asked for, for browsed kinds. `above` is what it
    was opened from, where `escape` leads.
    """

    key: str
    name: str
    kinds: tuple[str, ...]
    parent: str = ""
    backend: str = ""
    above: "PaneInfo | None" = None

    @property
    def kind(self) -> str:
        """The kind of the first table; empty for the deck."""
        return self.kinds[0] if self.kinds else ""


PANES = (
    PaneInfo("1", "deck", ()),
    PaneInfo("2", "cluster", ("node", "process")),
    PaneInfo("3", "models", ("model",)),
    PaneInfo("4", "jobs", ("job",)),
    PaneInfo("5", "schedules", ("schedule", "controller")),
    PaneInfo("6", "streams", ("stream",)),
    PaneInfo("7", "datasets", ("dataset",)),
    PaneInfo("8", "journal", ("journal",)),
    PaneInfo("9", "plugins", ("plugin",)),
)

#: Kinds whose names are rising numbers, of which the newest is looked for.
NEWEST_FIRST = frozenset(("job", "journal"))


def pane_named(name: str) -> PaneInfo | None:
    """The pane of that name."""
    return next((pane for pane in PANES if pane.name == name), None)


def pane_of_kind(kind: str) -> PaneInfo | None:
    """The pane that has a table of the kind."""
    return next((pane for pane in PANES if kind in pane.kinds), None)


def trail(pane: PaneInfo) -> tuple[str, ...]:
    """The names of the panes through which this one was reached, itself last."""
    return (pane.name,) if pane.above is None else (*trail(pane.above), pane.name)
