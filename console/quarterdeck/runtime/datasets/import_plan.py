"""What an import is asked for, and the wrong rows that it finds."""

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
    """Wrong rows of one file: the first few in words, and how many there are in all. `unit` is what a row's number counts."""

    def __init__(self, path: Path, unit: str = "Line") -> None:
        self._path = path
        self.unit = unit
        self._shown: list[str] = []
        self.total = 0

    def add(self, number: int, column: str, value: str, what: str) -> None:
        """Notes a wrong cell."""
        self.total += 1
        if len(self._shown) < _SHOWN_PROBLEMS:
            cut = value if len(value) <= _SHOWN_LETTERS else f"{value[:_SHOWN_LETTERS]}…"
            self._shown.append(f"{self.unit} {number}, column {column!r}: {cut!r} {what}")

    def add_row(self, number: int, what: str) -> None:
        """Notes a wrong row."""
        self.total += 1
        if len(self._shown) < _SHOWN_PROBLEMS:
            self._shown.append(f"{self.unit} {number}, {what}")

    def raise_if_any(self) -> None:
        """Raises UsageError with every problem shown, when there are any."""
        if not self.total:
            return
        shown = "" if self.total <= len(self._shown) else f"; the first {len(self._shown)}"
        count = "1 problem" if self.total == 1 else f"{self.total} problems"
        lines = ". ".join(self._shown)
        raise UsageError(
            f"{self._path} was not imported: {count}{shown}. {lines}", "correct the file and import it again"
        )
