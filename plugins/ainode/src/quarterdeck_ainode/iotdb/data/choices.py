"""Choices for the fields of a save or an ingest, from the live cluster."""

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.ingest_plan import is_tree
from quarterdeck_ainode.iotdb.data.sources import device_columns, device_tags, parse_table, table_columns
from quarterdeck_ainode.iotdb.data.statements import devices_statement
from quarterdeck_ainode.iotdb.declared_data import SAVE
from quarterdeck_ainode.iotdb.quoting import identifier, path
from quarterdeck_ainode.iotdb.series import TableSeries, parse_series
from quarterdeck_ainode.iotdb.table_columns import read_table_columns, table_sql
from quarterdeck_api.backend import Choice
from quarterdeck_api.resources import Address

#: Choices at most, so that a database with a million devices is asked for a few.
MOST = 100


def choices(client: IotdbClient, action: str, address: str, field: str, prefix: str) -> list[Choice]:
    """What can be written in a field, as far as it begins with the prefix."""
    _, kind, name = Address.parse(address)
    if action == SAVE:
        found = _of_source(client, kind, name, field)
    elif field == "into":
        found = _targets(client, name)
    else:
        found = []
    return [each for each in found if each.value.lower().startswith(prefix.lower())][:MOST]


def _of_source(client: IotdbClient, kind: str, name: str, field: str) -> list[Choice]:
    if kind == "device" and field in ("columns", "target"):
        return [Choice(column.name, column.type.name) for column in device_columns(client, name).values()]
    table = _table(kind, name)
    if table is None:
        return []
    if field == "tags":
        return _tags(client, *table)
    if field not in ("columns", "target"):
        return []
    columns = table_columns(client, *table) or {}
    return [
        Choice(column, described.type.name) for column, (described, category) in columns.items() if category == "FIELD"
    ]


def _table(kind: str, name: str) -> tuple[str, str] | None:
    if kind == "table":
        return parse_table(name)
    series = parse_series(name) if kind == "series" else None
    return (series.database, series.table) if isinstance(series, TableSeries) else None


def _tags(client: IotdbClient, database: str, table: str) -> list[Choice]:
    columns = read_table_columns(client, database, table)
    if columns is None:
        return []
    found = client.rows(devices_statement(table_sql(database, table), (), MOST), dialect=Dialect.TABLE)
    pairs = {pair for row in found.values for pair in device_tags(found.columns, row, columns.tags).items()}
    return [Choice(f"{name}={value}") for name, value in sorted(pairs)]


def _targets(client: IotdbClient, database: str) -> list[Choice]:
    if is_tree(database):
        rows = client.rows(f"SHOW DEVICES {path(database)}.** LIMIT {MOST}").texts()
        return [Choice(row["device"]) for row in rows]
    rows = client.rows(f"SHOW TABLES FROM {identifier(database)}", dialect=Dialect.TABLE).texts()
    return [Choice(row["tablename"]) for row in rows]
