"""The documents of databases, devices, tables, regions and settings."""

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed import schema_statements
from quarterdeck_ainode.iotdb.browsed.cluster_lists import read_databases, read_regions
from quarterdeck_ainode.iotdb.browsed.counting import counted
from quarterdeck_ainode.iotdb.browsed.series_statistics import column_extents, tree_extents
from quarterdeck_ainode.iotdb.browsed.table_lists import columns_of, require_tags
from quarterdeck_ainode.iotdb.browsed.table_names import TableDevice, TableName, parse_table, parse_table_device
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_fact, ttl_text
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.described.time_text import time_text
from quarterdeck_ainode.iotdb.operations.configuration_entries import read_entries
from quarterdeck_ainode.iotdb.quoting import in_tree
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError
from quarterdeck_api.resources import Cell

#: Series, tables and columns with values that a page shows.
_MOST_SHOWN = 50
_COUNTING_SECONDS = 3.0
_UNSEEN = ", or its user may not see it"


def describe_database(client: IotdbClient, address: str, name: str) -> Document:
    """A database of either data model with its regions."""
    dialect = Dialect.TREE if in_tree(name) else Dialect.TABLE
    row = next((each for each in read_databases(client, dialect) if each["database"] == name), None)
    if row is None:
        raise NotFoundError(f"there is no database {name}{_UNSEEN}", "see `quarterdeck get database`", address)
    facts = [
        Fact("Data model", dialect.value),
        Fact("Time to live", ttl_fact(row.get("ttl(ms)", ""))),
        Fact("Copies of data", row.get("datareplicationfactor")),
        Fact("Copies of schema", row.get("schemareplicationfactor")),
        Fact("Time partition", ttl_text(row.get("timepartitioninterval", ""))),
    ]
    tables: list[Block] = []
    if dialect is Dialect.TREE:
        below = f"{quoting.path(name)}.**"
        facts.append(Fact("Devices", _count(client, schema_statements.count_devices(below))))
        facts.append(Fact("Series", _count(client, schema_statements.count_series(below, ""))))
    else:
        facts.append(Fact("Tables", _count(client, schema_statements.count_tables(name, ""), dialect)))
        tables.append(_tables(client, name))
    return Document(address, (FactsBlock(tuple(facts)), *tables, _regions(client, name)))


def describe_device(client: IotdbClient, address: str, name: str) -> Document:
    """A device of the tree, or the rows of a table with certain tags."""
    if not in_tree(name):
        device = parse_table_device(name)
        _require_device(client, device, address)
        facts = [Fact("Table", device.table.name), *(Fact(f"Tag {tag}", value) for tag, value in device.tags)]
        return Document(address, (FactsBlock(tuple(facts)), _columns(client, device.table, device.tags)))
    path = quoting.path(name)
    rows = list(client.rows(schema_statements.show_devices(path, "", 1, 0)).texts())
    if not rows:
        raise NotFoundError(f"there is no device {name}{_UNSEEN}", "browse them: `quarterdeck get device`", address)
    series = list(client.rows(schema_statements.show_series(f"{path}.*", "", _MOST_SHOWN, 0)).texts())
    extents = tree_extents(client, [row["timeseries"] for row in series])
    shown: list[tuple[Cell, ...]] = []
    for row in series:
        extent = extents.get(row["timeseries"])
        last = (extent.points, time_text(extent.last), extent.value) if extent is not None else (None, None, None)
        shown.append((quoting.path_nodes(row["timeseries"])[-1], row.get("datatype"), *last))
    facts = [
        Fact("Aligned", rows[0].get("isaligned", "").lower() == "true"),
        Fact("Time to live", ttl_fact(rows[0].get("ttl(ms)", ""))),
        Fact("Template", rows[0].get("template") or "none"),
        Fact("Series", _count(client, schema_statements.count_series(f"{path}.*", ""))),
    ]
    table = TableBlock(("series", "type", "points", "last", "value"), tuple(shown), _title("series", len(shown)))
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
    measured = [each.name for each in columns if each.category == "FIELD"][:_MOST_SHOWN]
    extents = column_extents(client, table.database, table.table, measured, tags)
    rows: list[tuple[Cell, ...]] = []
    for each in columns:
        extent = extents.get(each.name)
        last = (extent.points, time_text(extent.last), extent.value) if extent is not None else (None, None, None)
        rows.append((each.name, each.category.lower(), each.type, *last))
    return TableBlock(("column", "category", "type", "points", "last", "value"), tuple(rows), "Columns")


def _require_device(client: IotdbClient, device: TableDevice, address: str) -> None:
    """Raises NotFoundError when the table has no such tags, or no device that bears them."""
    table = device.table
    require_tags(columns_of(client, table), table, [tag for tag, _ in device.tags], address)
    statement = schema_statements.table_devices(table.database, table.table, 1, 0, device.tags)
    if device.tags and not client.rows(statement, dialect=Dialect.TABLE).values:
        raise NotFoundError(
            f"there is no device {device.name}{_UNSEEN}", f"browse those of the table {table.name}", address
        )


def _tables(client: IotdbClient, database: str) -> TableBlock:
    statement = schema_statements.show_tables(database, "", _MOST_SHOWN, 0)
    rows = tuple(
        (row["table_name"], ttl_fact(row.get("ttl(ms)", "")), row.get("comment") or None)
        for row in client.rows(statement, dialect=Dialect.TABLE).texts()
    )
    return TableBlock(("table", "time to live", "comment"), rows, _title("tables", len(rows)))


def _title(what: str, shown: int) -> str:
    return f"The first {shown} {what}" if shown == _MOST_SHOWN else what.capitalize()


def _regions(client: IotdbClient, database: str) -> Block:
    try:
        regions = [each for each in read_regions(client) if each.database == database]
    except QuarterdeckError as error:  # Only administrators see regions; the rest of the document stands.
        return TextBlock(f"not to be seen: {error.message}", title="Regions")
    rows = tuple(
        (each.region_id, each.type, each.leader.node, each.leader.status, each.leader.size, len(each.replicas))
        for each in regions
    )
    return TableBlock(("region", "type", "leader", "status", "size, bytes", "copies"), rows, "Regions")


def _count(client: IotdbClient, statement: str, dialect: Dialect = Dialect.TREE) -> Cell:
    try:
        return counted(client, statement, dialect, _COUNTING_SECONDS)
    except QuarterdeckError as error:
        return f"not counted: {error.message}"
