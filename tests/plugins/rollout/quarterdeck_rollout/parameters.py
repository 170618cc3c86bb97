"""What the rollout plugin's actions take."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api.fields import Folder, Secret


class Settings(Struct):
    """The backend has none."""


class RollOut(Struct):
    """What is rolled out, and where it halts or fails."""

    folder: Annotated[Folder, Meta(description="Stands for the registry and the cluster.")]
    version: Annotated[str, Meta(description="The version to roll out.")] = "1"
    fail: Annotated[str, Meta(description="A step that fails until the folder has a file `fixed`.")] = ""
    hold: Annotated[str, Meta(description="A step that waits until the folder has a file `go`.")] = ""


class Score(Struct):
    """How much there is to score."""

    items: Annotated[int, Meta(ge=0, description="How many items.")] = 10
    seconds: Annotated[float, Meta(ge=0, description="How long each takes.")] = 0.0
    fail: Annotated[int, Meta(description="The item that fails; none below 0.")] = -1


class Release(Struct):
    """What a release scores before it is done."""

    folder: Annotated[Folder, Meta(description="Where attempts write down what they have done.")]
    scores: Annotated[int, Meta(ge=1, description="How many jobs it starts.")] = 2
    crash: Annotated[bool, Meta(description="Kill the first attempt's process after the first job.")] = False
    action: Annotated[str, Meta(description="What it starts.")] = "deployment.score"


class Login(Struct):
    """How to log in."""

    token: Annotated[Secret, Meta(description="Proves who asks.")]
