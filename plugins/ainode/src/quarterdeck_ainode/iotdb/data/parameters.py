"""What `series.save` and `database.ingest` are asked for."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api.fields import DatasetName, NewDatasetName

_Tags = Annotated[
    tuple[str, ...], Meta(description="Tags of a table's rows, as site=north; together they name one device.")
]


class SaveParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `series.save`."""

    name: Annotated[NewDatasetName, Meta(min_length=1, description="The dataset's name.")]
    columns: Annotated[
        tuple[str, ...], Meta(description="Of a device or table: which series; all that hold numbers when empty.")
    ] = ()
    tags: _Tags = ()
    start: Annotated[
        str, Meta(description="Read nothing before this time (ISO 8601, UTC unless it has an offset).")
    ] = ""
    end: Annotated[str, Meta(description="Read nothing after this time (ISO 8601, UTC unless it has an offset).")] = ""
    target: Annotated[str, Meta(description="The column to forecast when none is said; the first when empty.")] = ""
    time_zone: Annotated[str, Meta(description="The IANA zone whose calendar the series follows; UTC when empty.")] = ""
    round_times: Annotated[
        bool, Meta(description="Leave out what is finer than microseconds, which no dataset holds.")
    ] = False
    replace: Annotated[bool, Meta(description="Replace a dataset of that name.")] = False


class IngestParameters(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `database.ingest`."""

    dataset: Annotated[DatasetName, Meta(min_length=1, description="The dataset to write.")]
    into: Annotated[
        str,
        Meta(
            min_length=1, description="The device, as root.plant.press, or the table's name; made when there is none."
        ),
    ]
    columns: Annotated[tuple[str, ...], Meta(description="Which columns; all that hold numbers when empty.")] = ()
    tags: _Tags = ()
    aligned: Annotated[
        bool, Meta(description="A new device's series share their times; one that is there stays as it is.")
    ] = True
    overwrite: Annotated[
        bool, Meta(description="Replace points that are there already in the dataset's time range.")
    ] = False
