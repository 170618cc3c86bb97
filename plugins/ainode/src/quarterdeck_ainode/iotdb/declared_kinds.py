"""The kinds that a cluster has beside nodes and models."""

from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.declarations import Kind

_CLUSTERS = ("ainode.iotdb",)

KINDS: tuple[Kind, ...] = (
    Kind(
        "ai-device",
        "AI devices",
        columns=(
            Column("type", "Type"),
            Column("instances", "Instances", ColumnType.INTEGER),
            Column("models", "Models"),
        ),
        parent_kind="node",
        backend_types=_CLUSTERS,
    ),
    Kind(
        "query",
        "Queries",
        columns=(
            Column("statement", "Statement"),
            Column("elapsed", "Elapsed", ColumnType.DURATION),
            Column("user", "User"),
            Column("client", "Client"),
            Column("data_node", "DataNode", ColumnType.INTEGER),
        ),
        parent_kind="node",
        backend_types=_CLUSTERS,
    ),
    Kind(
        "database",
        "Databases",
        columns=(
            Column("model", "Data model"),
            Column("ttl", "TTL"),
            Column("data_replicas", "Data replicas", ColumnType.INTEGER),
            Column("schema_replicas", "Schema replicas", ColumnType.INTEGER),
            Column("data_regions", "Data regions", ColumnType.INTEGER),
            Column("schema_regions", "Schema regions", ColumnType.INTEGER),
            Column("partition", "Partition"),
        ),
        mirrored=False,
        parent_kind="node",
        backend_types=_CLUSTERS,
    ),
    Kind(
        "device",
        "Devices",
        columns=(
            Column("aligned", "Aligned", ColumnType.BOOLEAN),
            Column("ttl", "TTL"),
            Column("template", "Template"),
        ),
        mirrored=False,
        parent_kind="database",
        also_below=("table",),
        backend_types=_CLUSTERS,
    ),
    Kind(
        "table",
        "Tables",
        columns=(
            Column("database", "Database"),
            Column("type", "Type"),
            Column("ttl", "TTL"),
            Column("comment", "Comment"),
        ),
        mirrored=False,
        parent_kind="database",
        backend_types=_CLUSTERS,
    ),
    Kind(
        "series",
        "Series",
        columns=(
            Column("type", "Type"),
            Column("points", "Points", ColumnType.INTEGER),
            Column("first", "First", ColumnType.TIMESTAMP),
            Column("last", "Last", ColumnType.TIMESTAMP),
            Column("value", "Last value"),
            Column("encoding", "Encoding"),
            Column("compression", "Compression"),
            Column("alias", "Alias"),
            Column("tags", "Tags"),
        ),
        mirrored=False,
        parent_kind="device",
        also_below=("table", "database"),
        backend_types=_CLUSTERS,
    ),
    Kind(
        "region",
        "Regions",
        columns=(
            Column("database", "Database"),
            Column("type", "Type"),
            Column("role", "Role"),
            Column("node", "DataNode", ColumnType.INTEGER),
            Column("replicas", "Replicas"),
            Column("size", "Size", ColumnType.BYTES),
            Column("series_slots", "Series slots", ColumnType.INTEGER),
            Column("time_slots", "Time slots", ColumnType.INTEGER),
            Column("compression", "Compression", ColumnType.NUMBER),
        ),
        mirrored=False,
        parent_kind="node",
        also_below=("database",),
        backend_types=_CLUSTERS,
    ),
    Kind(
        "configuration",
        "Configuration",
        columns=(
            Column("value", "Value"),
            Column("default", "Default"),
            Column("changed", "Changed", ColumnType.BOOLEAN),
            Column("holds", "A new value holds"),
            Column("type", "Type"),
        ),
        mirrored=False,
        parent_kind="node",
        backend_types=_CLUSTERS,
    ),
)
