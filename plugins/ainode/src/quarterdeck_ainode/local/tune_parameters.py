"""What a search for the best settings of a model is asked for."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quarterdeck_ainode.local.forecast_parameters import LONGEST_HORIZON


class TuneParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `model.tune`."""

    dataset: Annotated[
        str, Meta(min_length=1, description="The dataset to tune on.", extra_json_schema={"format": "dataset"})
    ]
    column: Annotated[str, Meta(description="The column to forecast; empty is the dataset's target.")] = ""
    vary: Annotated[
        str,
        Meta(
            description="Values to try, as 'order=1,0,0|2,1,1; trend=c|ct'; empty is what is usual for the model.",
        ),
    ] = ""
    search: Annotated[
        Literal["random", "grid"], Meta(description="Draw combinations at random, or try all of them.")
    ] = "random"
    trials: Annotated[int, Meta(ge=1, le=500, description="The most combinations that are tried.")] = 20
    seed: Annotated[
        int, Meta(ge=0, le=4294967295, description="Seed of the random search; the same tries the same.")
    ] = 0
    horizon: Annotated[int, Meta(ge=1, le=LONGEST_HORIZON, description="Steps that each fold forecasts.")] = 12
    folds: Annotated[int, Meta(ge=1, le=100, description="How often each combination is fitted and judged.")] = 3
    step: Annotated[int, Meta(ge=0, description="Steps from one fold to the next; 0 is the horizon.")] = 0
    windows: Annotated[
        Literal["expanding", "sliding"],
        Meta(description="Fit to everything before a fold, or to equally many observations."),
    ] = "expanding"
    length: Annotated[
        int, Meta(ge=0, description="Observations of a sliding window; 0 is as many as the first fold has.")
    ] = 0
    window: Annotated[int, Meta(ge=0, description="Use only the last so many observations; 0 uses all.")] = 0
