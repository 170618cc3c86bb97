"""What a forecast is asked for, whatever the model."""

from typing import Annotated

from msgspec import Meta, Struct

#: The longest horizon that AINode's own models take.
LONGEST_HORIZON = 5000


class ForecastParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `model.forecast`."""

    dataset: Annotated[
        str, Meta(min_length=1, description="The dataset to forecast.", extra_json_schema={"format": "dataset"})
    ]
    column: Annotated[str, Meta(description="The column to forecast; empty is the dataset's target.")] = ""
    horizon: Annotated[
        int, Meta(ge=1, le=LONGEST_HORIZON, description="How many steps after the last observation.")
    ] = 12
    level: Annotated[float, Meta(gt=0, lt=1, description="Coverage of the prediction interval.")] = 0.9
    window: Annotated[int, Meta(ge=0, description="Use only the last so many observations; 0 uses all.")] = 0
