"""What a backtest is asked for: which models, on what data, and over which folds."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quarterdeck_ainode.local.forecast_parameters import LONGEST_HORIZON

#: In `models`: every model that forecasts.
ALL = "all"


class BacktestParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `model.backtest`."""

    dataset: Annotated[
        str, Meta(min_length=1, description="The dataset to test on.", extra_json_schema={"format": "dataset"})
    ]
    column: Annotated[str, Meta(description="The column to forecast; empty is the dataset's target.")] = ""
    models: Annotated[
        tuple[str, ...],
        Meta(
            description="Models to compare with this one, with their defaults; all for every forecaster that is installed."
        ),
    ] = ()
    horizon: Annotated[int, Meta(ge=1, le=LONGEST_HORIZON, description="Steps that each fold forecasts.")] = 12
    folds: Annotated[int, Meta(ge=1, le=100, description="How often the models are fitted and judged.")] = 5
    step: Annotated[int, Meta(ge=0, description="Steps from one fold to the next; 0 is the horizon.")] = 0
    windows: Annotated[
        Literal["expanding", "sliding"],
        Meta(description="Fit to everything before a fold, or to equally many observations."),
    ] = "expanding"
    length: Annotated[
        int, Meta(ge=0, description="Observations of a sliding window; 0 is as many as the first fold has.")
    ] = 0
    level: Annotated[float, Meta(gt=0, lt=1, description="Coverage that the prediction intervals promise.")] = 0.9
    window: Annotated[int, Meta(ge=0, description="Use only the last so many observations; 0 uses all.")] = 0
