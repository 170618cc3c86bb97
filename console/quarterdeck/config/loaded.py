"""What came of reading the configuration: settings, where each value comes from, and what is wrong."""

from enum import Enum

from msgspec import Struct

from quarterdeck.config.settings import Settings


class Origin(Enum):
    """What kind of place a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


class Source(Struct, frozen=True):
    """Where a value comes from: `place` is `FILE:LINE`, or the variable's name."""

    origin: Origin
    place: str = ""

    def __str__(self) -> str:
        return self.place if self.origin is Origin.FILE else f"{self.origin.value} {self.place}".rstrip()


class Problem(Struct, frozen=True):
    """Something wrong in the configuration; `line` counts from 1, 0 means the whole. `file` is empty for an environment variable."""

    file: str
    line: int
    key: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.sentence}" + (f"; {self.remedy}" if self.remedy else "")


class LoadedSettings(Struct, frozen=True):
    """Settings that can be used, whatever was wrong.

    `sources` has an entry for each key that is not a default, by its dotted key (`backends.plant.nodes`, `guardrails[0].require`);
    `secret_keys` are the dotted keys whose values must not be shown unless they are references.
    """

    settings: Settings
    sources: dict[str, Source] = {}
    problems: tuple[Problem, ...] = ()
    secret_keys: frozenset[str] = frozenset()
