"""What statements are for: what watches a cluster never waits behind what computes in it."""

from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.iotdb.settings import IotdbSettings


class Purpose(Enum):
    """What a session is for; each purpose has sessions of its own."""

    MONITORING = "monitoring"
    CHANGE = "change"
    INFERENCE = "inference"
    DATA = "data"


class Allowance(Struct, frozen=True):
    """What a purpose may use: sessions open at once, and seconds for each answer."""

    sessions: int
    timeout: float


def allowances(settings: IotdbSettings) -> dict[Purpose, Allowance]:
    """The allowance of each purpose."""
    return {
        Purpose.MONITORING: Allowance(4, settings.connect_timeout),
        Purpose.CHANGE: Allowance(4, settings.statement_timeout),
        # The server computes five at a time and lets the others wait.
        Purpose.INFERENCE: Allowance(24, settings.inference_timeout),
        Purpose.DATA: Allowance(8, settings.read_timeout),
    }
