"""Where the user has been: back, forward, and to and fro between the last two."""

from quarterdeck.tui.panes import PaneInfo

#: Visits that are remembered.
_LONGEST = 100


class Visits:
    """The panes that were shown, in their order, and the place in this order where the user is."""

    def __init__(self, first: PaneInfo) -> None:
        self._visited = [first]
        self._place = 0

    @property
    def current(self) -> PaneInfo:
        """The pane that is shown."""
        return self._visited[self._place]

    @property
    def before(self) -> PaneInfo | None:
        """The pane that was shown before this one."""
        return self._visited[self._place - 1] if self._place else None

    def go(self, pane: PaneInfo) -> None:
        """Another pane is shown; what lay ahead is forgotten."""
        if pane != self.current:
            del self._visited[self._place + 1 :]
            self._visited.append(pane)
            del self._visited[:-_LONGEST]
            self._place = len(self._visited) - 1

    def step(self, steps: int) -> PaneInfo | None:
        """Goes back or forward, as far as there is something; None when there is not."""
        place = self._place + steps
        if not 0 <= place < len(self._visited):
            return None
        self._place = place
        return self.current

    def kept(self) -> frozenset[PaneInfo]:
        """Every pane that can be gone to from here."""
        return frozenset(self._visited)
