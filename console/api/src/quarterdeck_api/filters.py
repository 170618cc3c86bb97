"""The filter language: words ANDed, typed terms (`mae<2 age<2h state=failed`), `/regex/`, `~fuzzy`, `!not`.

One language for the console's `/`, the command line's `--filter` and the runtime's watches. A term that needs several words is quoted:
`reason="no route"`.
"""

import re
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from enum import Enum

from msgspec import Struct

from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Cell, Resource


class TermKind(Enum):
    """How a term matches."""

    WORD = "word"
    REGEX = "regex"
    FUZZY = "fuzzy"
    TYPED = "typed"


class Term(Struct, frozen=True):
    """One term; `field` and `operator` are there for typed terms only."""

    kind: TermKind
    text: str
    negated: bool = False
    field: str = ""
    operator: str = ""


#: Fields that every resource has, beside the columns of its kind.
COMMON_FIELDS = (
    Column("address", "Address"),
    Column("name", "Name"),
    Column("backend", "Backend"),
    Column("kind", "Kind"),
    Column("health", "Health"),
    Column("state", "State"),
    Column("reason", "Reason"),
    Column("parent", "Parent"),
    Column("age", "Age", ColumnType.DURATION),
)

_TYPED = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)(!=|<=|>=|=|<|>)(.*)", re.DOTALL)
_SCALED = re.compile(r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z%]*)")
_DURATION_UNITS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTE_UNITS = {"": 1.0, "b": 1.0}
for _power, _letter in enumerate("kmgt", start=1):
    _BYTE_UNITS[_letter] = _BYTE_UNITS[_letter + "ib"] = 1024.0**_power
    _BYTE_UNITS[_letter + "b"] = 1000.0**_power
_PLAIN_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}

Test = Callable[[Resource], bool]


class Filter:
    """A parsed filter; an empty one lets everything pass."""

    def __init__(self, text: str, terms: tuple[Term, ...]) -> None:
        self.text = text
        self.terms = terms
        self._bound: dict[tuple[Column, ...], Test] = {}

    @property
    def plain_words(self) -> tuple[str, ...] | None:
        """The lower-cased words when the filter is nothing but words, else None: for a fast search in prepared text."""
        if all(term.kind is TermKind.WORD and not term.negated for term in self.terms):
            return tuple(term.text.lower() for term in self.terms)
        return None

    def check(self, columns: Sequence[Column]) -> None:
        """Raises UsageError when a typed term names a field that none of the columns (of any plugin) has, or has a value of the wrong type."""
        for term in self.terms:
            if term.kind is TermKind.TYPED:
                _typed_value(term, _find_column(term.field, columns))

    def matches(self, resource: Resource, columns: Sequence[Column], now: float | None = None) -> bool:
        """Whether a resource whose cells stand in these columns passes; `now` (Unix seconds) is for `age`."""
        key = tuple(columns)
        test = self._bound.get(key)
        if test is None or now is not None:
            test = self._bind(key, now)
            if now is None:
                self._bound[key] = test
        return test(resource)

    def _bind(self, columns: tuple[Column, ...], now: float | None) -> Test:
        tests = [_bind_term(term, columns, now) for term in self.terms]
        return lambda resource: all(test(resource) for test in tests)


def parse_filter(text: str) -> Filter:
    """Reads a filter; raises UsageError that says what is wrong."""
    return Filter(text, tuple(_parse_term(word) for word in _split(text)))


def haystack(resource: Resource) -> str:
    """The lower-cased text in which words are looked for: address, health, state, reason and cells."""
    cells = [str(cell) for cell in resource.cells if cell is not None]
    return "\n".join((resource.address, resource.health.value, resource.state, resource.reason, *cells)).lower()


def fuzzy_match(pattern: str, text: str) -> bool:
    """Whether the letters of the pattern stand in the text in their order, perhaps with others between."""
    letters = iter(text)
    return all(letter in letters for letter in pattern)


def _split(text: str) -> list[str]:
    words: list[str] = []
    position, length = 0, len(text)
    while position < length:
        if text[position].isspace():
            position += 1
            continue
        start = position
        begins = position + (text[position] == "!")
        if begins < length and text[begins] == "/":
            end = _closing(text, begins + 1, "/", "a regular expression")
            words.append(text[start : end + 1])
            position = end + 1
            continue
        while position < length and not text[position].isspace():
            position = (
                _closing(text, position + 1, '"', "a quoted value") + 1 if text[position] == '"' else position + 1
            )
        words.append(text[start:position])
    return words


def _closing(text: str, start: int, mark: str, what: str) -> int:
    position = start
    while position < len(text):
        if text[position] == "\\" and mark == "/":
            position += 2
            continue
        if text[position] == mark:
            return position
        position += 1
    raise UsageError(f"{what} begins with {mark} in the filter but does not end", f"close it with {mark}")


def _parse_term(word: str) -> Term:
    negated = word.startswith("!")
    body = word[1:] if negated else word
    if not body:
        raise UsageError("'!' in the filter stands alone", "write what must not match right after it, as in !failed")
    if body.startswith("/"):
        pattern = body[1:-1]
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(
                f"/{pattern}/ is not a regular expression: {error}", "correct it, or search for words"
            ) from error
        return Term(TermKind.REGEX, pattern, negated)
    if body.startswith("~"):
        if len(body) == 1:
            raise UsageError("'~' in the filter stands alone", "write letters right after it, as in ~arma")
        return Term(TermKind.FUZZY, body[1:].lower(), negated)
    typed = _TYPED.fullmatch(body)
    if typed is not None:
        field, operator, value = typed.groups()
        value = value.replace('"', "")
        if not value:
            raise UsageError(f"{body!r} in the filter has no value", f"write one, as in {field}{operator}2")
        return Term(TermKind.TYPED, value, negated, field.lower(), operator)
    return Term(TermKind.WORD, body.replace('"', ""), negated)


def _find_column(field: str, columns: Sequence[Column]) -> Column:
    for column in (*COMMON_FIELDS, *columns):
        if column.id.lower() == field:
            return column
    known = [column.id for column in (*COMMON_FIELDS, *columns)]
    nearest = get_close_matches(field, known, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    raise UsageError(f"there is no field {field!r} to filter by", f"{hint}fields: {', '.join(known)}")


def _typed_value(term: Term, column: Column) -> float | str | bool:
    units = {
        ColumnType.BYTES: _BYTE_UNITS,
        ColumnType.DURATION: _DURATION_UNITS,
        ColumnType.INTEGER: _PLAIN_UNITS,
        ColumnType.NUMBER: _PLAIN_UNITS,
        ColumnType.FRACTION: {**_PLAIN_UNITS, "%": 0.01},
        ColumnType.TIMESTAMP: _DURATION_UNITS,
    }.get(column.type)
    if column.type is ColumnType.BOOLEAN:
        if term.text.lower() not in ("true", "false", "yes", "no"):
            raise UsageError(f"{term.field} is yes or no, not {term.text!r}", f"write {term.field}=yes")
        return term.text.lower() in ("true", "yes")
    if units is None:
        return term.text.lower()
    scaled = _SCALED.fullmatch(term.text)
    if scaled is None or scaled[2].lower() not in units:
        allowed = ", ".join(unit for unit in units if unit)
        raise UsageError(
            f"{term.field} is a number, not {term.text!r}", f"write a number, perhaps with a unit: {allowed}"
        )
    return float(scaled[1]) * units[scaled[2].lower()]


def _compare(left: float | str, operator: str, right: float | str) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        left, right = str(left), str(right)
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right  # type: ignore[operator]
        case "<=":
            return left <= right  # type: ignore[operator]
        case ">":
            return left > right  # type: ignore[operator]
        case _:
            return left >= right  # type: ignore[operator]


def _bind_term(term: Term, columns: tuple[Column, ...], now: float | None) -> Test:
    negated = term.negated
    match term.kind:
        case TermKind.WORD:
            word = term.text.lower()
            return lambda resource: (word in haystack(resource)) is not negated
        case TermKind.REGEX:
            search = re.compile(term.text, re.IGNORECASE).search
            return lambda resource: (search(haystack(resource)) is not None) is not negated
        case TermKind.FUZZY:
            return lambda resource: fuzzy_match(term.text, resource.name.lower()) is not negated
        case TermKind.TYPED:
            return _bind_typed(term, columns, now)


def _bind_typed(term: Term, columns: tuple[Column, ...], now: float | None) -> Test:
    index = next((number for number, column in enumerate(columns) if column.id.lower() == term.field), -1)
    common = next((column for column in COMMON_FIELDS if column.id == term.field), None)
    if common is None and index < 0:
        return lambda _: term.negated  # Another plugin has the column; `check` has refused what nobody has.
    column = common or columns[index]
    wanted = _typed_value(term, column)
    timestamp = column.type is ColumnType.TIMESTAMP

    def test(resource: Resource) -> bool:
        found: Cell
        if common is None:
            found = resource.cells[index] if index < len(resource.cells) else None
        elif common.id == "age":
            found = (time.time() if now is None else now) - resource.since if resource.since else None
        elif common.id == "health":
            found = resource.health.value
        else:
            found = getattr(resource, common.id)
        if found is None:
            return term.negated
        if timestamp and isinstance(found, int | float):
            found = (time.time() if now is None else now) - found  # A time is filtered by how long ago it was.
        left = found.lower() if isinstance(found, str) else found
        return _compare(left, term.operator, wanted) is not term.negated

    return test
