"""IoTDB's two data models, each with an SQL of its own."""

from enum import Enum


class Dialect(Enum):
    """Which SQL a session speaks: `tree` knows devices and series below `root`, `table` knows databases, tables and columns."""

    TREE = "tree"
    TABLE = "table"
