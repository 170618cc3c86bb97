"""What the plugin declares: models with eight columns, name and state among them."""

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Column, ColumnType, PluginInfo
from quarterdeck_api.declarations import BackendType, Kind
from quarterdeck_api.hooks import hookimpl
from quarterdeck_rows.settings import RowsSettings, StuckSettings


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("rows", "Rows", "1.0", API_VERSION, "Many models, for benchmarks")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [
        BackendType("rows.many", "Many models", "quarterdeck_rows.backends:open_many", RowsSettings),
        BackendType(
            "rows.ticking", "Tells when it was pushed", "quarterdeck_rows.backends:open_ticking", StuckSettings
        ),
        BackendType("rows.stuck", "Never answers", "quarterdeck_rows.backends:open_stuck", StuckSettings),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [
        Kind(
            "model",
            "Models",
            (
                Column("number", "Number", ColumnType.INTEGER),
                Column("mae", "MAE", ColumnType.NUMBER),
                Column("share", "Share", ColumnType.FRACTION),
                Column("size", "Size", ColumnType.BYTES),
                Column("lasts", "Lasts", ColumnType.DURATION),
                Column("good", "Good", ColumnType.BOOLEAN),
            ),
        )
    ]
