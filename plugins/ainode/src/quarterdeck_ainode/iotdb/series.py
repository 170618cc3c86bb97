"""Names of series, in both data models, as they stand in addresses.

A series of the tree is its path as the server prints it: `root.plant.press.temperature`. One of a table is database, table and column, and
the tags that tell whose it is: `plant.telemetry.temperature[press="4",site="north"]`. Parts that are no plain names stand in
double quotes, in which a double quote is written twice.
"""

import re

from msgspec import Struct

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_api.errors import UsageError

_PART = r'(?:[A-Za-z0-9_]+|"(?:[^"]|"")*")'
_TAG = rf'{_PART}="(?:[^"]|"")*"'
_TABLE_SERIES = re.compile(rf"^({_PART})\.({_PART})\.({_PART})(?:\[({_TAG}(?:,{_TAG})*)\])?$")
_TAGS = re.compile(rf'({_PART})=("(?:[^"]|"")*")')
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


class TreeSeries(Struct, frozen=True):
    """A series of the tree: its full path, quoted with backquotes where the server quotes it."""

    path: str

    dialect = Dialect.TREE

    @property
    def name(self) -> str:
        """How it stands in an address."""
        return self.path


class TableSeries(Struct, frozen=True):
    """A column of a table, of the rows with these tags; without tags of all rows."""

    database: str
    table: str
    column: str
    tags: tuple[tuple[str, str], ...] = ()

    dialect = Dialect.TABLE

    @property
    def name(self) -> str:
        """How it stands in an address."""
        path = ".".join(_written(part) for part in (self.database, self.table, self.column))
        tags = ",".join(f"{_written(tag)}={_quoted(value)}" for tag, value in self.tags)
        return f"{path}[{tags}]" if tags else path


Series = TreeSeries | TableSeries


def parse_series(name: str) -> Series:
    """The series of a name; raises UsageError."""
    if name == "root" or name.startswith("root."):
        return TreeSeries(quoting.path(name))
    found = _TABLE_SERIES.match(name)
    if found is None:
        raise UsageError(
            f"{name!r} names no series",
            'write a path as root.plant.press.temperature, or DATABASE.TABLE.COLUMN[TAG="value"]',
        )
    tags = tuple((_read(tag), _read(value)) for tag, value in _TAGS.findall(found[4] or ""))
    return TableSeries(_read(found[1]), _read(found[2]), _read(found[3]), tags)


def _written(part: str) -> str:
    return part if _PLAIN.fullmatch(part) and part != "root" else _quoted(part)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _read(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
