"""Names of tables as they stand in addresses: `DATABASE.TABLE`, with unusual parts in double quotes; devices of tables have their tags behind."""

import re

from msgspec import Struct

from quarterdeck_api.errors import UsageError

_PART = r'(?:[A-Za-z0-9_]+|"(?:[^"]|"")*")'
_TAG = rf'{_PART}="(?:[^"]|"")*"'
_NAME = re.compile(rf"({_PART})\.({_PART})")
_DEVICE = re.compile(rf"({_PART}\.{_PART})\[({_TAG}(?:,{_TAG})*)\]")
_TAGS = re.compile(rf'({_PART})=("(?:[^"]|"")*")')
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


class TableName(Struct, frozen=True):
    """A table of the table dialect."""

    database: str
    table: str

    @property
    def name(self) -> str:
        """How it stands in an address."""
        return f"{_written(self.database)}.{_written(self.table)}"


class TableDevice(Struct, frozen=True):
    """The rows of a table that bear certain tags."""

    table: TableName
    tags: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """How it stands in an address: `DATABASE.TABLE[TAG="value"]`."""
        tags = ",".join(f"{_written(tag)}={_quoted(value)}" for tag, value in self.tags)
        return f"{self.table.name}[{tags}]" if tags else self.table.name


def parse_table_device(name: str) -> TableDevice:
    """The device of a name; raises UsageError. A table without tags is its own one device."""
    found = _DEVICE.fullmatch(name)
    if found is None:
        return TableDevice(parse_table(name), ())
    return TableDevice(
        parse_table(found[1]), tuple((_read(tag), _read(value)) for tag, value in _TAGS.findall(found[2]))
    )


def parse_table(name: str) -> TableName:
    """The table of a name; raises UsageError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"{name!r} names no table", "write DATABASE.TABLE, unusual names in double quotes")
    return TableName(_read(found[1]), _read(found[2]))


def _written(part: str) -> str:
    return part if _PLAIN.fullmatch(part) and part != "root" else _quoted(part)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _read(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
