"""The statements that ask for databases, devices, series, tables and their contents: pure, with everything quoted."""

from collections.abc import Sequence

from quarterdeck_ainode.iotdb import quoting

#: The database of the server's own tables, which is no user's.
SYSTEM_DATABASE = "information_schema"

#: What words are looked for in: the names as they are mostly written.
_FULL_TABLE = "concat(database, '.', table_name)"
_FULL_COLUMN = "concat(database, '.', table_name, '.', column_name)"


def show_devices(pattern: str, word: str, limit: int, offset: int) -> str:
    """Devices below a pattern whose path has a word in it."""
    return f"SHOW DEVICES {pattern}{_where('DEVICE', word)} LIMIT {limit} OFFSET {offset}"


def count_devices(pattern: str) -> str:
    """How many devices there are; the server cannot count those with a word in their path."""
    return f"COUNT DEVICES {pattern}"


def show_series(pattern: str, word: str, limit: int, offset: int) -> str:
    """Series below a pattern whose path has a word in it."""
    return f"SHOW TIMESERIES {pattern}{_where('TIMESERIES', word)} LIMIT {limit} OFFSET {offset}"


def count_series(pattern: str, word: str) -> str:
    """How many series there are."""
    return f"COUNT TIMESERIES {pattern}{_where('TIMESERIES', word)}"


def last_values(paths: Sequence[str]) -> str:
    """The latest value of each series, from the server's cache where it has them."""
    return f"SELECT LAST {', '.join(_below_root(each) for each in paths)} FROM root"


def extents(paths: Sequence[str]) -> str:
    """How many values each series has and when the first one is, as `count(PATH)` and `min_time(PATH)`."""
    wanted = (f"count({name}), min_time({name})" for name in map(_below_root, paths))
    return f"SELECT {', '.join(wanted)} FROM root"


def latest_rows(path: str, limit: int) -> str:
    """The latest values of a series of the tree, newest first."""
    device, name = quoting.device_of(path), quoting.path_nodes(path)[-1]
    return f"SELECT {name} FROM {device} ORDER BY TIME DESC LIMIT {limit}"


def device_rows(device: str, since: int) -> str:
    """How many rows a device has from a time on, whichever of its series have values there."""
    return f"SELECT count_time(*) FROM {quoting.path(device)} WHERE time >= {since:d}"


def show_tables(database: str, word: str, limit: int, offset: int) -> str:
    """Tables; of all users' databases when none is named."""
    return f"SELECT * FROM {_tables(database, word)} ORDER BY database, table_name LIMIT {limit} OFFSET {offset}"


def count_tables(database: str, word: str) -> str:
    """How many tables there are."""
    return f"SELECT count(*) FROM {_tables(database, word)}"


def show_columns(database: str, word: str, limit: int, offset: int) -> str:
    """The columns that hold measurements; of all users' tables when no database is named."""
    return (
        f"SELECT database, table_name, column_name, datatype FROM {_columns(database, word)} "
        f"ORDER BY database, table_name, column_name LIMIT {limit} OFFSET {offset}"
    )


def count_columns(database: str, word: str) -> str:
    """How many such columns there are."""
    return f"SELECT count(*) FROM {_columns(database, word)}"


def column_extents(database: str, table: str, columns: Sequence[str], tags: Sequence[tuple[str, str]]) -> str:
    """Of each column in this order: count, first time, last time and last value, of the rows with these tags."""
    wanted = ", ".join(
        f"count({name}), first_by(time, {name}), last_by(time, {name}), last({name})"
        for name in map(quoting.identifier, columns)
    )
    return f"SELECT {wanted} FROM {_table(database, table)}{_tagged(tags)}"


def latest_column_rows(database: str, table: str, column: str, tags: Sequence[tuple[str, str]], limit: int) -> str:
    """The latest values of a column, newest first."""
    name = quoting.identifier(column)
    return f"SELECT time, {name} FROM {_table(database, table)}{_tagged(tags)} ORDER BY time DESC LIMIT {limit}"


def table_devices(database: str, table: str, limit: int, offset: int, tags: Sequence[tuple[str, str]] = ()) -> str:
    """The tags (and attributes) of each device of a table, or of those with these tags."""
    return f"SHOW DEVICES FROM {_table(database, table)}{_tagged(tags)} LIMIT {limit} OFFSET {offset}"


def count_table_devices(database: str, table: str) -> str:
    """How many devices a table has."""
    return f"COUNT DEVICES FROM {_table(database, table)}"


def _tables(database: str, word: str) -> str:
    return f"information_schema.tables WHERE {_of_users(database)}{_named(_FULL_TABLE, word)}"


def _columns(database: str, word: str) -> str:
    return f"information_schema.columns WHERE category = 'FIELD' AND {_of_users(database)}{_named(_FULL_COLUMN, word)}"


def _of_users(database: str) -> str:
    if database:
        return f"database = {quoting.text(database)}"
    return f"database <> {quoting.text(SYSTEM_DATABASE)}"


def _named(name: str, word: str) -> str:
    return f" AND {name} LIKE {quoting.text('%' + _like(word) + '%')} ESCAPE '!'" if word else ""


def _table(database: str, table: str) -> str:
    return f"{quoting.identifier(database)}.{quoting.identifier(table)}"


def _tagged(tags: Sequence[tuple[str, str]]) -> str:
    terms = [f"{quoting.identifier(tag)} = {quoting.text(value)}" for tag, value in tags]
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def _where(what: str, word: str) -> str:
    return f" WHERE {what} CONTAINS {quoting.text(word)}" if word else ""


def _like(word: str) -> str:
    """A word inside a pattern of LIKE, in which it means itself."""
    return word.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _below_root(path: str) -> str:
    return ".".join(quoting.path_nodes(path)[1:])
