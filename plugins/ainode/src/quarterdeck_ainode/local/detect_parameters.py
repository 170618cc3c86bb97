"""What a detection is asked for, whatever the model."""

from typing import Annotated

from msgspec import Meta, Struct


class DetectParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `model.detect`."""

    dataset: Annotated[
        str, Meta(min_length=1, description="The dataset to label.", extra_json_schema={"format": "dataset"})
    ]
    column: Annotated[str, Meta(description="The column to label; empty is the dataset's target.")] = ""
    window: Annotated[int, Meta(ge=0, description="Use only the last so many observations; 0 uses all.")] = 0
