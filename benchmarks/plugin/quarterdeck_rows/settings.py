"""Settings of the two backends."""

from typing import Annotated

from msgspec import Meta, Struct


class RowsSettings(Struct):
    """Settings of the backend with many models."""

    rows: Annotated[int, Meta(ge=1, description="How many models there are.")] = 100_000
    changes_per_second: Annotated[float, Meta(ge=0, description="How many cells change each second.")] = 0.0


class StuckSettings(Struct):
    """The backend that hangs needs none."""
