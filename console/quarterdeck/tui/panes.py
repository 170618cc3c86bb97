"""Which panes there are, and what every pane can do."""

from msgspec import Struct


class PaneInfo(Struct, frozen=True):
    """A pane: the key that shows it, its name in commands, the kind of its rows (empty: none of its own)."""

    key: str
    name: str
    kind: str
    newest_first: bool = False


PANES = (
    PaneInfo("1", "deck", ""),
    PaneInfo("2", "cluster", "node"),
    PaneInfo("3", "models", "model"),
    PaneInfo("4", "jobs", "job", newest_first=True),
    PaneInfo("5", "schedules", "schedule"),
    PaneInfo("7", "datasets", "dataset"),
    PaneInfo("8", "journal", "journal", newest_first=True),
    PaneInfo("9", "plugins", "plugin"),
)

#: What the deck counts.
MODELS = PANES[2]
JOBS = PANES[3]


def pane_named(name: str) -> PaneInfo | None:
    """The pane of that name."""
    return next((pane for pane in PANES if pane.name == name), None)
