"""The kinds that a cluster has beside nodes and models."""

from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.declarations import Kind

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
    ),
    Kind(
        "query",
        "Running queries",
        columns=(
            Column("statement", "Statement"),
            Column("elapsed", "Elapsed", ColumnType.DURATION),
            Column("user", "User"),
            Column("client", "Client"),
            Column("data_node", "DataNode", ColumnType.INTEGER),
        ),
        parent_kind="node",
    ),
    Kind("database", "Databases", mirrored=False, parent_kind="node"),
    Kind("device", "Devices", mirrored=False, parent_kind="database"),
    Kind("table", "Tables", mirrored=False, parent_kind="database"),
    Kind("series", "Series", mirrored=False, parent_kind="device", also_below=("table",)),
)
