"""Series in statements of the workbench: device and measurement, table and column, and a statement inside another one; pure."""

import re

from msgspec import Struct

from quarterdeck_ainode.iotdb.quoting import bare, path_nodes
from quarterdeck_ainode.iotdb.series import TableSeries
from quarterdeck_ainode.iotdb.table_columns import table_sql
from quarterdeck_api.errors import UsageError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Words that stand for something else where a name of a path is expected.
_RESERVED = frozenset({"root", "time", "timestamp"})


class TreePath(Struct, frozen=True):
    """A series of the tree in its parts; `device` and `measurement` as they stand in SQL."""

    device: str
    measurement: str

    @property
    def text(self) -> str:
        """The whole path in SQL."""
        return f"{self.device}.{self.measurement}"

    @property
    def label(self) -> str:
        """What is measured, without quotes."""
        return bare(self.measurement)


def tree_path(path: str) -> TreePath:
    """Reads a path as the server prints it, and quotes what needs it; raises UsageError for what is no path of a series."""
    nodes = path_nodes(path)
    if len(nodes) < 3:
        raise UsageError(f"{path!r} is not the path of a series", "write it as root.plant.press.temperature")
    quoted = [_quoted(node) for node in nodes[1:]]
    return TreePath(".".join(("root", *quoted[:-1])), quoted[-1])


def table_name(series: TableSeries) -> str:
    """The table of a series in SQL."""
    return table_sql(series.database, series.table)


def quoted_statement(statement: str) -> str:
    """A statement inside CALL INFERENCE, whose quotes cannot be written twice (2.0.10 then finds nothing, and does not say so)."""
    for quote in ('"', "'"):
        if quote not in statement:
            return f"{quote}{statement}{quote}"
    raise UsageError("CALL INFERENCE takes no names with both kinds of quotes", "use series.forecast, or another name")


def _quoted(node: str) -> str:
    if node.startswith("`") or (_PLAIN.fullmatch(node) and node.lower() not in _RESERVED):
        return node
    return f"`{node}`"
