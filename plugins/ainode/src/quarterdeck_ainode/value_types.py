"""Types of values in IoTDB, by the names that its answers bear and the numbers that its wire bears."""

from enum import IntEnum


class ValueType(IntEnum):
    """Type of a column."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    FLOAT = 3
    DOUBLE = 4
    TEXT = 5
    TIMESTAMP = 8
    DATE = 9
    BLOB = 10
    STRING = 11


class TimePrecision(IntEnum):
    """The unit in which a server counts time since 1970: how many of them are a second."""

    ms = 1_000
    us = 1_000_000
    ns = 1_000_000_000
