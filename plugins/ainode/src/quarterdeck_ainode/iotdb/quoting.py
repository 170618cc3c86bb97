"""Text, names and paths inside SQL: whatever users and servers write becomes one literal, one name or one path, never more SQL.

Both dialects take text in single quotes, in which a quote is written twice and a backslash is a plain letter (checked on 2.0.10).
"""

import re
from collections.abc import Iterable

from quarterdeck_api.errors import UsageError

#: One name of a path: plain letters, or anything in backquotes, in which a backquote is written twice.
_NODE = r"(?:[\w:@#$&{}]+|`(?:[^`]|``)+`)"
_PATH = re.compile(rf"root(?:\.{_NODE})*")
_NODES = re.compile(_NODE)
_PLAIN_NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Names that no node of a path may have. They must never be sent: 2.0.10 answers that it refuses them, but has written the statement down
#: before, cannot carry it out when the DataNode starts again, and then reads none of the series of that region any more.
_FORBIDDEN = frozenset({"time", "timestamp"})


def text(value: str) -> str:
    """A text literal of both dialects."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name of the table dialect: a database, a table or a column."""
    return '"' + name.replace('"', '""') + '"'


def node(name: str) -> str:
    """A name of the tree as it stands in a path; it is quoted unless it is plain."""
    return name if _PLAIN_NODE.fullmatch(name) and name != "root" else "`" + name.replace("`", "``") + "`"


def path(written: str) -> str:
    """A path of the tree, as it was written; raises UsageError for what is no path without wildcards."""
    if not _PATH.fullmatch(written):
        raise UsageError(
            f"{written!r} is no path of the tree",
            "write names with dots between them, unusual ones in backquotes, as in root.plant.`press 4`.temperature",
        )
    return written


def path_nodes(written: str) -> tuple[str, ...]:
    """The names of a path, each as it is written in it; raises UsageError for what is no path."""
    return tuple(_NODES.findall(path(written)))


def in_tree(name: str) -> bool:
    """Whether a database, a device or a series of that name is one of the tree: below `root`, which itself is none."""
    return name.startswith("root.")


def bare(name: str) -> str:
    """A name of the tree without its backquotes."""
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def require_allowed(names: Iterable[str]) -> None:
    """Raises UsageError for a name that no series or device of the tree may have; `names` may stand in backquotes."""
    for name in names:
        if bare(name).strip().lower() in _FORBIDDEN:
            raise UsageError(
                f"{bare(name)!r} cannot be a name in the tree, where it stands for the time itself",
                "give it another name",
            )


def device_of(series: str) -> str:
    """The path above a series' last name."""
    return ".".join(path_nodes(series)[:-1])
