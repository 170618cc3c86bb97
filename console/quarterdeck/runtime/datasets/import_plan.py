"""What an import is asked for, and the wrong rows that it finds."""

from bisect import insort
from pathlib import Path

from msgspec import Struct

from quarterdeck_api.errors import UsageError

_SHOWN_PROBLEMS = 10
_SHOWN_LETTERS = 40


class ImportPlan(Struct, frozen=True):
    """What to read, and how. With `time` empty, times are made from `start` at `frequency`.

    `columns` are kept (empty: every column of numbers), `where` names cells that a row must have, `rename` gives columns other names.
    `time_zone` is the zone of times without offset.
    """

    path: Path
    time: str = ""
    start: str = ""
    frequency: str = ""
    time_zone: str = ""
    target: str = ""
    columns: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    where: dict[str, str] = {}
    fractional_years: bool = False

    def original(self, name: str) -> str:
        """The column that bears a name in the file, for a name that may be its new one."""
        return next((old for old, new in self.rename.items() if new == name), name)


class Problems:
    """Wrong rows of one file: the first few in words, in the file's order, and how many there are in all. `unit` is what a row's number counts."""

    def __init__(self, path: Path, unit: str = "Line") -> None:
        self._path = path
        self.unit = unit
        self._first: list[tuple[int, int, str]] = []
        self.total = 0

    def add(self, number: int, column: str, value: str, what: str) -> None:
        """Notes a wrong cell; columns are checked one after the other, so rows need not come in order."""
        cut = value if len(value) <= _SHOWN_LETTERS else f"{value[:_SHOWN_LETTERS]}…"
        self.add_row(number, f"column {column!r}: {cut!r} {what}")

    def add_row(self, number: int, what: str) -> None:
        """Notes a wrong row."""
        self.total += 1
        if len(self._first) == _SHOWN_PROBLEMS and number >= self._first[-1][0]:
            return
        insort(self._first, (number, self.total, what))
        del self._first[_SHOWN_PROBLEMS:]

    def raise_if_any(self) -> None:
        """Raises UsageError with every problem shown, when there are any."""
        if not self.total:
            return
        shown = "" if self.total <= len(self._first) else f"; the first {len(self._first)}"
        count = "1 problem" if self.total == 1 else f"{self.total} problems"
        lines = ". ".join(f"{self.unit} {number}, {what}" for number, _, what in self._first)
        raise UsageError(
            f"{self._path} was not imported: {count}{shown}. {lines}", "correct the file and import it again"
        )
