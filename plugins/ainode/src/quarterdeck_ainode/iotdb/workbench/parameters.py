"""What the actions of the workbench are asked for."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quarterdeck_api.fields import NameTemplate, NewDatasetName, address_of

#: As many rows as the server's functions take, and as many as its AINode gives.
LONGEST_INPUT = 2880
LONGEST_OUTPUT = 2880

#: Before the name of a model of the local engine.
LOCAL = "local/"

#: In `models`: every model of the cluster that forecasts; with `local/` before it, every one of the local engine.
ALL = "all"

#: The model whose forecast is written when none is named.
BEST = "best"

_Start = Annotated[str, Meta(description="Use nothing before this time (ISO 8601, UTC unless it has an offset).")]
_End = Annotated[str, Meta(description="Use nothing after this time (ISO 8601, UTC unless it has an offset).")]
_Nulls = Annotated[
    Literal["refuse", "drop"],
    Meta(description="What is done about rows without a value, which the server would take for 0.0."),
]
_Horizon = Annotated[int, Meta(ge=1, le=LONGEST_OUTPUT, description="How many steps after the last observation.")]
_Window = Annotated[
    int,
    Meta(ge=2, le=100_000, description=f"The last so many rows; the cluster's models take {LONGEST_INPUT} at most."),
]
_Overwrite = Annotated[bool, Meta(description="Replace points of the target, and datasets, that are there already.")]
_SaveAs = Annotated[NewDatasetName, Meta(description="Keep the result as a dataset of this name.")]


class SeriesForecastParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `series.forecast`."""

    models: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Models of the cluster, local/NAME for the local engine's; all and local/all for every one.",
        ),
    ]
    horizon: _Horizon = 12
    window: _Window = 1000
    start: _Start = ""
    end: _End = ""
    folds: Annotated[
        int, Meta(ge=0, le=20, description="How often the tail is held out to rank the models; 0 does not rank.")
    ] = 3
    level: Annotated[float, Meta(gt=0, lt=1, description="Coverage of the local engine's prediction intervals.")] = 0.9
    nulls: _Nulls = "refuse"
    shift: Annotated[
        Literal["auto", "keep"],
        Meta(description="Whether the step by which the official AINode's sktime models are late is corrected."),
    ] = "auto"
    save_as: _SaveAs = ""
    save_history: Annotated[
        NewDatasetName, Meta(description="Keep the rows that were used as a dataset of this name.")
    ] = ""
    write_to: Annotated[
        NameTemplate,
        Meta(
            description="A series that the forecast is written to, made when there is none; {series}_forecast is one beside it."
        ),
    ] = ""
    write_model: Annotated[str, Meta(description="Whose forecast is written; best is that of the ranking.")] = BEST
    overwrite: _Overwrite = False


class WriteForecastParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `forecast.write`."""

    job: Annotated[
        str, address_of("job"), Meta(min_length=1, description="The job that forecast this series, as core/job/12.")
    ]
    target: Annotated[
        str,
        Meta(
            min_length=1,
            description="The series to write to, made when there is none; {series}_forecast is one beside it.",
        ),
    ]
    model: Annotated[str, Meta(description="Whose forecast is written; best is that of the ranking.")] = BEST
    overwrite: _Overwrite = False
    preview: Annotated[bool, Meta(description="Only show what would be written, and what it would replace.")] = False


class ClassifyParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `series.classify`."""

    model: Annotated[str, Meta(min_length=1, description="A model that labels points, as stray or gaussian_hmm.")]
    window: _Window = 1000
    start: _Start = ""
    end: _End = ""
    nulls: _Nulls = "refuse"
    save_as: _SaveAs = ""
    overwrite: _Overwrite = False


class InferParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `series.infer`."""

    model: Annotated[str, Meta(min_length=1, description="A model of the cluster.")]
    length: Annotated[int, Meta(ge=1, le=LONGEST_OUTPUT, description="How many values are asked for.")] = 96
    window: _Window = 1000
    start: _Start = ""
    end: _End = ""
