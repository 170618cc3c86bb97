"""The documents of databases, devices, tables, regions and settings."""

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.browsed.cluster_lists import read_regions
from quarterdeck_ainode.iotdb.browsed.counting import counted
from quarterdeck_ainode.iotdb.browsed.series_statistics import column_extents, tree_extents
from quarterdeck_ainode.iotdb.browsed.table_lists import columns_of
from quarterdeck_ainode.iotdb.browsed.table_names import TableName, parse_table, parse_table_device
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_text
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.described.time_text import time_text
from quarterdeck_ainode.iotdb.operations.configuration_entries import read_entries
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError
from quarterdeck_api.resources import Cell

_SERIES_SHOWN = 50
_COUNTING_SECONDS = 3.0


def describe_database(client: IotdbClient, address: str, name: str) -> Document:
    """A database of either data model with its regions."""
    dialect = Dialect.TREE if name == "root" or name.startswith("root.") else Dialect.TABLE
    rows = [row for row in client.rows("SHOW DATABASES DETAILS", dialect=dialect).texts() if row["database"] == name]
    if not rows:
        raise NotFoundError(f"there is no database {name}", "see `quarterdeck get database`", address)
    row = rows[0]
    facts = [
        Fact("Data model", dialect.value),
        Fact("Time to live", ttl_text(row.get("ttl(ms)", "")) or "no limit"),
        Fact("Copies of data", row.get("datareplicationfactor")),
        Fact("Copies of schema", row.get("schemareplicationfactor")),
        Fact("Time partition", ttl_text(row.get("timepartitioninterval", ""))),
    ]
    if dialect is Dialect.TREE:
        below = f"{quoting.path(name)}.**"
        facts.append(Fact("Devices", _count(client, schema_statements.count_devices(below))))
        facts.append(Fact("Series", _count(client, schema_statements.count_series(below, ""))))
    else:
        tables = client.rows(schema_statements.show_tables(name, "", _SERIES_SHOWN, 0), dialect=dialect)
        facts.append(Fact("Tables", ", ".join(str(each) for each in tables.column("table_name")) or "none"))
    return Document(address, (FactsBlock(tuple(facts)), *_regions(client, name)))


def describe_device(client: IotdbClient, address: str, name: str) -> Document:
    """A device of the tree, or the rows of a table with certain tags."""
    if not name.startswith("root."):
        device = parse_table_device(name)
        facts = [Fact("Table", device.table.name), *(Fact(f"Tag {tag}", value) for tag, value in device.tags)]
        return Document(address, (FactsBlock(tuple(facts)), _columns(client, device.table, device.tags)))
    path = quoting.path(name)
    rows = list(client.rows(schema_statements.show_devices(path, "", 1, 0)).texts())
    if not rows:
        raise NotFoundError(f"there is no device {name}", "browse them: `quarterdeck get device`", address)
    series = list(client.rows(schema_statements.show_series(f"{path}.*", "", _SERIES_SHOWN, 0)).texts())
    extents = tree_extents(client, [row["timeseries"] for row in series])
    shown: list[tuple[Cell, ...]] = []
    for row in series:
        extent = extents.get(row["timeseries"])
        last = (extent.points, time_text(extent.last), extent.value) if extent is not None else (None, None, None)
        shown.append((quoting.path_nodes(row["timeseries"])[-1], row.get("datatype"), *last))
    facts = [
        Fact("Aligned", rows[0].get("isaligned", "").lower() == "true"),
        Fact("Time to live", ttl_text(rows[0].get("ttl(ms)", "")) or "no limit"),
        Fact("Template", rows[0].get("template") or "none"),
        Fact("Series", _count(client, schema_statements.count_series(f"{path}.*", ""))),
    ]
    table = TableBlock(("series", "type", "points", "last", "value"), tuple(shown), "Series")
    return Document(address, (FactsBlock(tuple(facts)), table))


def describe_table(client: IotdbClient, address: str, name: str) -> Document:
    """A table with its columns."""
    table = parse_table(name)
    columns = columns_of(client, table)
    kinds = {each.category for each in columns}
    facts = [Fact("Database", table.database)]
    if "TAG" in kinds:
        facts.append(
            Fact(
                "Devices",
                _count(client, schema_statements.count_table_devices(table.database, table.table), Dialect.TABLE),
            )
        )
    facts.append(Fact("Tags", ", ".join(each.name for each in columns if each.category == "TAG") or "none"))
    return Document(address, (FactsBlock(tuple(facts)), _columns(client, table, ())))


def describe_region(client: IotdbClient, address: str, name: str) -> Document:
    """A region with its copies."""
    region = next((each for each in read_regions(client) if str(each.region_id) == name), None)
    if region is None:
        raise NotFoundError(f"there is no region {name}", "see `quarterdeck get region`", address)
    facts = (
        Fact("Database", region.database),
        Fact("Type", region.type),
        Fact("Series slots", region.series_slots),
        Fact("Time slots", region.time_slots),
        Fact("Created", region.created),
        Fact("Compression", region.compression),
    )
    copies = TableBlock(
        ("DataNode", "role", "status", "size, bytes"),
        tuple((each.node, each.role, each.status, each.size) for each in region.replicas),
        "Copies",
    )
    return Document(address, (FactsBlock(facts), copies))


def describe_setting(client: IotdbClient, address: str, name: str) -> Document:
    """A setting with its default, and what the server's own list says of it."""
    found = next((each for each in read_entries(client) if each.key == name), None)
    if found is None:
        raise NotFoundError(
            f"the cluster shows no setting {name}",
            "see `quarterdeck get configuration`, which needs an administrator",
            address,
        )
    facts = [Fact("Value", found.value), Fact("Default", found.default), Fact("Changed", found.changed)]
    if found.data_type:
        facts.append(Fact("Type", found.data_type))
    if found.effect.told:
        facts.append(Fact("A new value holds", found.effect.told))
    blocks: list[Block] = [FactsBlock(tuple(facts))]
    if found.meaning:
        blocks.append(TextBlock(found.meaning, title="What the server says of it"))
    return Document(address, tuple(blocks))


def _columns(client: IotdbClient, table: TableName, tags: tuple[tuple[str, str], ...]) -> TableBlock:
    columns = columns_of(client, table)
    measured = [each.name for each in columns if each.category == "FIELD"][:_SERIES_SHOWN]
    extents = column_extents(client, table.database, table.table, measured, tags)
    rows: list[tuple[Cell, ...]] = []
    for each in columns:
        extent = extents.get(each.name)
        last = (extent.points, time_text(extent.last), extent.value) if extent is not None else (None, None, None)
        rows.append((each.name, each.category.lower(), each.type, *last))
    return TableBlock(("column", "category", "type", "points", "last", "value"), tuple(rows), "Columns")


def _regions(client: IotdbClient, database: str) -> tuple[Block, ...]:
    try:
        regions = [each for each in read_regions(client) if each.database == database]
    except IotdbError:
        return ()  # Only administrators see regions; the rest of the document stands.
    rows = tuple(
        (each.region_id, each.type, each.leader.node, each.leader.status, each.leader.size, len(each.replicas))
        for each in regions
    )
    return (TableBlock(("region", "type", "leader", "status", "size, bytes", "copies"), rows, "Regions"),)


def _count(client: IotdbClient, statement: str, dialect: Dialect = Dialect.TREE) -> Cell:
    try:
        return counted(client, statement, dialect, _COUNTING_SECONDS)
    except QuarterdeckError as error:
        return f"not counted: {error.message}"
