"""What the plugin with a million rows declares."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Column, ColumnType, PluginInfo
from quarterdeck_api.declarations import BackendType, Kind
from quarterdeck_api.hooks import hookimpl


class StoreSettings(Struct):
    """How much there is, and how slow it is."""

    rows: Annotated[int, Meta(ge=0, description="Series, and samples of each.")] = 1_000_000
    page_seconds: Annotated[float, Meta(ge=0, description="How long a page takes, in seconds.")] = 0.0
    filters: Annotated[bool, Meta(description="Whether the store can filter.")] = True


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("million", "A million rows", "1.0", API_VERSION, "Browsed kinds of a million rows")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [
        BackendType("million", "A store", "quarterdeck_million.store:open_store", StoreSettings, embedded=True),
        BackendType("million.store", "A store as configured", "quarterdeck_million.store:open_store", StoreSettings),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [
        Kind("store", "Stores", (Column("series", "Series", ColumnType.INTEGER),)),
        Kind(
            "series",
            "Series",
            (Column("number", "Number", ColumnType.INTEGER), Column("unit", "Unit")),
            mirrored=False,
            parent_kind="store",
        ),
        Kind(
            "sample",
            "Samples",
            (Column("time", "Time", ColumnType.TIMESTAMP), Column("value", "Value", ColumnType.NUMBER)),
            mirrored=False,
            parent_kind="series",
        ),
    ]
