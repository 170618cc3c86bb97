"""How many rows of a kind that only grows the store shows: the newest; the database has them all."""

from itertools import islice


class ShownRows:
    """Remembers the order in which rows came and says which are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._order: dict[str, None] = {}

    def add(self, address: str) -> tuple[str, ...]:
        """Notes a row, as the newest when it is new; gives the rows that are to go for it."""
        self._order.setdefault(address)
        too_many = max(len(self._order) - self._limit, 0)
        gone = tuple(islice(self._order, too_many))
        for each in gone:
            del self._order[each]
        return gone

    def keep(self, address: str) -> None:
        """A row is not to go: it counts no more until it is added again."""
        self._order.pop(address, None)
