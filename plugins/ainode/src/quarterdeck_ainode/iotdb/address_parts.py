"""Parts of a table's name, and tags with their values, as they stand in addresses. Pure.

Parts that are no plain names stand in double quotes, in which a double quote is written twice; so do the values of tags, always. `root` is
quoted, too: what begins with it is a path of the tree.
"""

import re
from collections.abc import Sequence

#: One part, and tags with commas between them, in regular expressions.
PART = r'(?:[A-Za-z0-9_]+|"(?:[^"]|"")*")'
TAGS = rf'{PART}="(?:[^"]|"")*"(?:,{PART}="(?:[^"]|"")*")*'

_TAG = re.compile(rf'({PART})=("(?:[^"]|"")*")')
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


def written(part: str) -> str:
    """A part as it stands in an address."""
    return part if _PLAIN.fullmatch(part) and part != "root" else _quoted(part)


def read(part: str) -> str:
    """The name that a part of an address stands for."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def written_tags(tags: Sequence[tuple[str, str]]) -> str:
    """Tags in brackets; nothing when there are none."""
    found = ",".join(f"{written(tag)}={_quoted(value)}" for tag, value in tags)
    return f"[{found}]" if found else ""


def read_tags(tags: str) -> tuple[tuple[str, str], ...]:
    """The tags of what stands between the brackets."""
    return tuple((read(tag), read(value)) for tag, value in _TAG.findall(tags))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
