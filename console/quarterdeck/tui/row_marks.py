"""Which rows are marked: by identity, so that what is new under an old address has not been marked by anybody."""

from quarterdeck.tui.table_model import RowModel
from quarterdeck_api.resources import Resource

#: Rows that one key marks; more than anybody looks through before acting on them.
MOST_MARKED = 1_000


class RowMarks:
    """Marks on rows of one table."""

    def __init__(self) -> None:
        self._marked: dict[str, Resource] = {}
        self._last = ""

    def has(self, resource: Resource) -> bool:
        """Whether this very resource is marked."""
        if not self._marked:
            return False
        marked = self._marked.get(resource.address)
        return marked is not None and marked.uid == resource.uid

    def toggle(self, resource: Resource) -> None:
        """Marks a row, or takes its mark away."""
        if self.has(resource):
            del self._marked[resource.address]
        else:
            self._marked[resource.address] = resource
        self._last = resource.address

    def mark_range(self, model: RowModel, cursor: int) -> None:
        """Marks every row between the one marked last and the cursor, as far as so many can be marked at once."""
        start = model.position(self._last)
        step = 1 if start <= cursor else -1
        from_here = cursor if start < 0 else start
        for position in list(range(from_here, cursor + step, step))[:MOST_MARKED]:
            row = model.at(position)
            if row is not None:
                self._marked[row.address] = row

    def clear(self) -> None:
        """Takes every mark away."""
        self._marked.clear()
        self._last = ""

    def shown(self, model: RowModel) -> list[Resource]:
        """The marked rows among the shown ones, in their order; nothing is done to rows that nobody sees."""
        found = {model.position(address) for address in self._marked if address in model.rows}
        return [row for position in sorted(found) if (row := model.at(position)) is not None and self.has(row)]

    def all(self) -> list[Resource]:
        """Every marked row as it was when it was marked, in the order of marking."""
        return list(self._marked.values())
