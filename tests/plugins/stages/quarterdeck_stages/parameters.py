"""What the process types take."""

from typing import Annotated

from msgspec import Meta, Struct


class StageParameters(Struct):
    """How a stage works."""

    threshold: Annotated[float, Meta(ge=0, le=1, description="Below it a message goes on to the next stage.")] = 0.5
    rate: Annotated[float, Meta(gt=0, le=1000, description="Reports a second; at most ten leave the process.")] = 10.0
    trail: Annotated[
        str, Meta(description="A folder in which instances write down that they begin, drain and end.")
    ] = ""
    token: Annotated[str, Meta(description="Not used.", extra_json_schema={"format": "secret"})] = ""


class FailingParameters(Struct):
    """How an instance that does not stay up ends."""

    seconds: Annotated[float, Meta(ge=0, description="How long it lives.")] = 0.0
    how: Annotated[str, Meta(description="exit, raise, return, or kill.")] = "raise"


class HungryParameters(Struct):
    """What a greedy instance takes."""

    megabytes: Annotated[int, Meta(ge=0, description="Memory to hold.")] = 200


class StuckParameters(Struct):
    """How an instance is stuck."""

    how: Annotated[str, Meta(description="silent (stopped by a signal), unready, or deaf (does not drain).")] = "deaf"
    daemon: Annotated[bool, Meta(description="Leave a process behind that has left its session.")] = False


class SleepParameters(Struct):
    """How long the program sleeps."""

    seconds: Annotated[int, Meta(ge=0, description="How long.")] = 1000
