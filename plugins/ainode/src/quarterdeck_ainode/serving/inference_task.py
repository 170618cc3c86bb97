"""What one request of an AINode becomes for the worker that computes it, and what comes back; nothing here needs a model's library."""

from enum import Enum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quarterdeck_ainode.models.detector_parameters import DetectorParameters
from quarterdeck_ainode.models.forecaster_parameters import ForecasterParameters
from quarterdeck_ainode.serving.engine import AinodeStatus
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.errors import QuarterdeckError

#: Characters of an error that the database is given.
_LONGEST_SENTENCE = 1000


class Horizon(Enum):
    """Which steps a forecast is for.

    NEXT is 1 to n after the last observation, in double precision, as the local engine gives them. AINODE is what the official AINode gives:
    its steps are 0 to n - 1, so that the first value stands for the last observation, in single precision and with its own defaults.
    """

    NEXT = "next"
    AINODE = "ainode"


class InferenceTask(Struct, frozen=True):
    """One series for one model. `model` is an id of the catalogue, `times` (in `time_unit`) and `values` have equal length."""

    model: str
    parameters: ForecasterParameters | DetectorParameters
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    steps: int
    horizon: Horizon = Horizon.NEXT
    time_unit: TimeUnit = TimeUnit.MILLISECOND


class Computed(Struct, frozen=True):
    """Values as asked, and sentences about what was decided or warned of on the way."""

    values: NDArray[np.float64]
    notices: tuple[str, ...] = ()


class Refused(Struct, frozen=True):
    """Why there are no values: the code for the wire, and a sentence with a remedy."""

    status: AinodeStatus
    sentence: str


def sentence_of(error: QuarterdeckError) -> str:
    """An error as the one line that the database shows, of bounded length: it may repeat what somebody wrote."""
    message = error.message if len(error.message) <= _LONGEST_SENTENCE else error.message[:_LONGEST_SENTENCE] + "…"
    return f"{message}; {error.remedy}" if error.remedy else message
