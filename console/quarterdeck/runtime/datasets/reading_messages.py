"""What the runtime asks of the process that reads datasets' rows, and what that answers: one JSON line each, on its standard input and output."""

import msgspec
from msgspec import Struct


class ReadRows(Struct, frozen=True, tag="rows"):
    """Some rows, from the position `start` on, at most `count`; `columns` are numeric ones."""

    path: str
    time_column: str
    columns: tuple[str, ...]
    start: int
    count: int


class ReadOutline(Struct, frozen=True, tag="outline"):
    """One column's shape with at most so many `points`, and how many values each of `columns` lacks."""

    path: str
    time_column: str
    column: str
    columns: tuple[str, ...]
    points: int


class Rows(Struct, frozen=True, tag="rows"):
    """`times` in microseconds since 1970; `values` has one tuple for each row."""

    times: tuple[int, ...]
    values: tuple[tuple[float | None, ...], ...]


class Outline(Struct, frozen=True, tag="outline"):
    """Neighbouring rows, `each` so many, drawn together: the first one's time, their mean, smallest and largest value, None without any."""

    each: int
    times: tuple[int, ...]
    means: tuple[float | None, ...]
    smallest: tuple[float | None, ...]
    largest: tuple[float | None, ...]
    missing: dict[str, int]


class Failed(Struct, frozen=True, tag="failed"):
    """It could not be read; a sentence."""

    message: str


Question = ReadRows | ReadOutline
Answer = Rows | Outline | Failed

encoder = msgspec.json.Encoder()
questions = msgspec.json.Decoder(Question)
answers = msgspec.json.Decoder(Answer)
