"""Names of tables as they stand in addresses: `DATABASE.TABLE`; devices of tables have their tags behind."""

import re

from msgspec import Struct

from quarterdeck_ainode.iotdb.address_parts import PART, TAGS, read, read_tags, written, written_tags
from quarterdeck_api.errors import UsageError

_NAME = re.compile(rf"({PART})\.({PART})")
_DEVICE = re.compile(rf"({PART}\.{PART})\[({TAGS})\]")


class TableName(Struct, frozen=True):
    """A table of the table dialect."""

    database: str
    table: str

    @property
    def name(self) -> str:
        """How it stands in an address."""
        return f"{written(self.database)}.{written(self.table)}"


class TableDevice(Struct, frozen=True):
    """The rows of a table that bear certain tags."""

    table: TableName
    tags: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """How it stands in an address: `DATABASE.TABLE[TAG="value"]`."""
        return self.table.name + written_tags(self.tags)


def parse_table_device(name: str) -> TableDevice:
    """The device of a name; raises UsageError. A table without tags is its own one device."""
    found = _DEVICE.fullmatch(name)
    if found is None:
        return TableDevice(parse_table(name), ())
    return TableDevice(parse_table(found[1]), read_tags(found[2]))


def parse_table(name: str) -> TableName:
    """The table of a name; raises UsageError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"{name!r} names no table", "write DATABASE.TABLE, unusual names in double quotes")
    return TableName(read(found[1]), read(found[2]))
