"""Names of series, in both data models, as they stand in addresses.

A series of the tree is its path as the server prints it: `root.plant.press.temperature`. One of a table is database, table and column, and
the tags that tell whose it is: `plant.telemetry.temperature[press="4",site="north"]`.
"""

import re

from msgspec import Struct

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.address_parts import PART, TAGS, read, read_tags, written, written_tags
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_api.errors import UsageError

_TABLE_SERIES = re.compile(rf"({PART})\.({PART})\.({PART})(?:\[({TAGS})\])?")


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
        path = ".".join(written(part) for part in (self.database, self.table, self.column))
        return path + written_tags(self.tags)


Series = TreeSeries | TableSeries


def parse_series(name: str) -> Series:
    """The series of a name; raises UsageError."""
    if name == "root" or quoting.in_tree(name):
        return TreeSeries(quoting.path(name))
    found = _TABLE_SERIES.fullmatch(name)
    if found is None:
        raise UsageError(
            f"{name!r} names no series",
            'write a path as root.plant.press.temperature, or DATABASE.TABLE.COLUMN[TAG="value"]',
        )
    return TableSeries(read(found[1]), read(found[2]), read(found[3]), read_tags(found[4] or ""))
