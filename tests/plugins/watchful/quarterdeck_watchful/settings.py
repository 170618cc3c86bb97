"""Settings and parameters of the watchful plugin."""

from typing import Annotated

from msgspec import Meta, Struct

Secret = Annotated[str, Meta(description="Not used.", extra_json_schema={"format": "secret"})]


class GaugeSettings(Struct):
    """Settings of the backend."""

    gauges: Annotated[int, Meta(ge=1, description="How many gauges there are.")] = 2
    password: Secret = ""


class SetLevel(Struct):
    """A level to set."""

    level: Annotated[float, Meta(ge=0, le=100, description="Percent.")] = 100.0
    token: Secret = ""


class Refill(Struct):
    """What the controller watches for."""

    below: Annotated[float, Meta(ge=0, le=100, description="A gauge below this is refilled.")] = 20.0
    target: Annotated[float, Meta(ge=0, le=100, description="The level that it is refilled to.")] = 100.0
    action: Annotated[str, Meta(description="The action that refills.")] = "gauge.set"
    token: Secret = ""


class Fill(Struct):
    """What the command fills."""

    gauge: Annotated[str, Meta(description="The gauge's name.")]
    level: Annotated[float, Meta(description="Percent.")] = 100.0
    token: Secret = ""
    wait: Annotated[bool, Meta(description="Say when it is done.")] = False


class Levels(Struct):
    """What the command lists."""

    below: Annotated[float, Meta(description="Only gauges below this.")] = 101.0
    fault: Annotated[str, Meta(description="How to go wrong: raise, refuse, exit, kill or 7; or environment.")] = ""
