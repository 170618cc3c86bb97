"""Settings of the exemplary backends."""

from typing import Annotated

from msgspec import Meta, Struct


class NodeSettings(Struct):
    """Settings of the backend with a few nodes."""

    nodes: Annotated[int, Meta(ge=0, description="How many nodes there are.")] = 3
    password: Annotated[str, Meta(description="Not used.", extra_json_schema={"format": "secret"})] = ""


class ManySettings(Struct):
    """Settings of the backend with many rows."""

    rows: Annotated[int, Meta(ge=1, description="How many items there are.")] = 100_000
    changes_per_second: Annotated[float, Meta(ge=0, description="How many cells change each second.")] = 0.0
