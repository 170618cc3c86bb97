"""From an address in a cluster to what can be read there: the columns that hold numbers, and the one device whose rows they are."""

import json
from collections.abc import Mapping, Sequence

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.statements import Source, SourceColumn, devices_statement
from quarterdeck_ainode.iotdb.quoting import bare, identifier, node, path, path_nodes
from quarterdeck_ainode.iotdb.series import TableSeries, TreeSeries, parse_series
from quarterdeck_ainode.iotdb.table_columns import read_table_columns, table_sql
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.resources import Address, Cell

#: Columns of one dataset at most.
MOST_COLUMNS = 1000

_NUMBERS = frozenset({ValueType.INT32, ValueType.INT64, ValueType.FLOAT, ValueType.DOUBLE})
#: These are read when they are named: true as 1, false as 0.
_READABLE = _NUMBERS | {ValueType.BOOLEAN}
_DEVICES_SHOWN = 3


def source_at(client: IotdbClient, address: str, columns: Sequence[str] = (), tags: Sequence[str] = ()) -> Source:
    """What is at the address of a series, a device or a table; raises UsageError and NotFoundError with what there is instead."""
    _, kind, name = Address.parse(address)
    given = parse_tags(tags)
    if kind == "table":
        database, table = parse_table(name)
        return _table_source(client, database, table, tuple(columns), given, address)
    if kind == "device":
        _refuse_tags(given, address)
        return _device_source(client, name, tuple(columns), address)
    series = parse_series(name)
    if columns:
        raise UsageError(f"{address} is one series and has no columns", "leave --columns out", address)
    if isinstance(series, TableSeries):
        of_series = {**dict(series.tags), **given}
        return _table_source(client, series.database, series.table, (series.column,), of_series, address)
    _refuse_tags(given, address)
    return _series_source(client, series, address)


def parse_tags(written: Sequence[str]) -> dict[str, str]:
    """Tags by name, from texts as `site=north`; raises UsageError."""
    found: dict[str, str] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{each!r} is no tag with a value", "write NAME=VALUE, as in site=north")
        if name.strip() in found:
            raise UsageError(f"the tag {name.strip()} is given twice", "give it once")
        found[name.strip()] = value
    return found


def parse_table(name: str) -> tuple[str, str]:
    """Database and table of a name as `plant.telemetry`; raises UsageError."""
    try:
        # A series of the table, whose name follows the same rules.
        series = parse_series(f"{name}.x")
    except UsageError:
        series = None
    if not isinstance(series, TableSeries):
        raise UsageError(f"{name!r} names no table", "write DATABASE.TABLE, as in plant.telemetry")
    return series.database, series.table


def device_columns(client: IotdbClient, device: str) -> dict[str, SourceColumn]:
    """The series of a device by their bare names, in the server's order."""
    found: dict[str, SourceColumn] = {}
    for row in client.rows(f"SHOW TIMESERIES {path(device)}.*").texts():
        last = path_nodes(row["timeseries"])[-1]
        found[bare(last)] = SourceColumn(bare(last), node(bare(last)), ValueType[row["datatype"].upper()])
    return found


def table_columns(client: IotdbClient, database: str, table: str) -> dict[str, tuple[SourceColumn, str]] | None:
    """The columns of a table with their categories (`TIME`, `TAG`, `FIELD`, `ATTRIBUTE`); None when there is no such table."""
    found = read_table_columns(client, database, table)
    if found is None:
        return None
    return {
        each.name: (SourceColumn(each.name, identifier(each.name), ValueType[each.type]), each.category)
        for each in found.columns
    }


def _series_source(client: IotdbClient, series: TreeSeries, address: str) -> Source:
    nodes = path_nodes(series.path)
    if len(nodes) < 3:
        raise UsageError(f"{series.path} is not the path of a series", "write root.DATABASE.DEVICE.SERIES", address)
    device, name = ".".join(nodes[:-1]), bare(nodes[-1])
    rows = list(client.rows(f"SHOW TIMESERIES {path(series.path)}").texts())
    if not rows:
        known = device_columns(client, device)
        raise NotFoundError(
            f"there is no series {series.path}", nearest(name, known, "see `quarterdeck get series`"), address
        )
    column = SourceColumn(name, node(name), ValueType[rows[0]["datatype"].upper()])
    return Source(Dialect.TREE, device, (_readable(column, address),))


def _device_source(client: IotdbClient, device: str, wanted: tuple[str, ...], address: str) -> Source:
    known = device_columns(client, device)
    if not known:
        raise NotFoundError(f"there is no device {device} with series", "see `quarterdeck get device`", address)
    return Source(Dialect.TREE, path(device), _choose(known, wanted, address))


def _table_source(
    client: IotdbClient, database: str, table: str, wanted: tuple[str, ...], tags: Mapping[str, str], address: str
) -> Source:
    columns = table_columns(client, database, table)
    if columns is None:
        raise NotFoundError(f"there is no table {database}.{table}", "see `quarterdeck get table`", address)
    of_tags = [name for name, (_, category) in columns.items() if category == "TAG"]
    by_case = {name.lower(): name for name in of_tags}
    for tag in tags:
        if tag.lower() not in by_case:
            raise UsageError(f"{database}.{table} has no tag {tag!r}", nearest(tag, of_tags, "it has no tags"), address)
    given = tuple((by_case[tag.lower()], value) for tag, value in tags.items())
    fields = {name: column for name, (column, category) in columns.items() if category == "FIELD"}
    chosen = _choose(fields, wanted, address)
    time = next(column.sql for column, category in columns.values() if category == "TIME")
    sql = table_sql(database, table)
    _require_one_device(client, sql, given, of_tags, address)
    return Source(Dialect.TABLE, sql, chosen, time, given)


def _require_one_device(
    client: IotdbClient, table: str, tags: tuple[tuple[str, str], ...], of_tags: Sequence[str], address: str
) -> None:
    """Rows of two devices may have equal times, and a dataset has each time once."""
    found = client.rows(devices_statement(table, tags, _DEVICES_SHOWN + 1), dialect=Dialect.TABLE)
    if len(found.values) < 2:
        return
    named = [device_tags(found.columns, row, of_tags) for row in found.values[:_DEVICES_SHOWN]]
    shown = "; ".join(tags_text(each) or "no tags" for each in named)
    more = " and others" if len(found.values) > _DEVICES_SHOWN else ""
    raise UsageError(
        f"{table} has rows of several devices here ({shown}{more})",
        f"name one of them: --tags {tags_text(max(named, key=len))}",
        address,
    )


def device_tags(columns: Sequence[str], row: Sequence[Cell], of_tags: Sequence[str]) -> dict[str, str]:
    """The tags of a row of SHOW DEVICES, which has the attributes of the device as well."""
    tags = {tag.lower() for tag in of_tags}
    return {
        name: str(cell) for name, cell in zip(columns, row, strict=True) if cell is not None and name.lower() in tags
    }


def tags_text(tags: Mapping[str, str]) -> str:
    """Tags as an option takes them: with commas between them, as a JSON list where one holds a comma itself."""
    written = [f"{name}={value}" for name, value in tags.items()]
    return json.dumps(written) if any("," in each for each in written) else ",".join(written)


def _choose(known: Mapping[str, SourceColumn], wanted: tuple[str, ...], address: str) -> tuple[SourceColumn, ...]:
    if not wanted:
        chosen = tuple(column for column in known.values() if column.type in _NUMBERS)
        if not chosen:
            raise UsageError(
                f"{address} has no series of numbers", "name others: booleans are read as 0 and 1", address
            )
    else:
        by_case = {name.lower(): name for name in known}
        found: list[SourceColumn] = []
        for name in wanted:
            exact = name if name in known else by_case.get(name.lower(), "")
            if not exact:
                raise NotFoundError(f"{address} has no series {name!r}", nearest(name, known, "it has none"), address)
            if known[exact] in found:
                raise UsageError(f"{name} is named twice", "name it once", address)
            found.append(_readable(known[exact], address))
        chosen = tuple(found)
    if len(chosen) > MOST_COLUMNS:
        raise UsageError(
            f"{address} has {len(chosen)} series of numbers, and a dataset takes {MOST_COLUMNS}",
            "name some with --columns",
            address,
        )
    return chosen


def _readable(column: SourceColumn, address: str) -> SourceColumn:
    if column.type not in _READABLE:
        raise UsageError(f"{column.name} holds {column.type.name}, not numbers", "name a series of numbers", address)
    return column


def _refuse_tags(tags: Mapping[str, str], address: str) -> None:
    if tags:
        raise UsageError(f"{address} is in the tree, which has no tags", "leave --tags out", address)
