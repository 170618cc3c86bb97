"""Events that the hooks of notifiers are told, in their plugin's host."""

from msgspec import Struct

from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.findings import Finding
from quarterdeck_api.jobs import JobState
from quarterdeck_api.resources import Health


class HealthChanged(Struct, frozen=True, tag="health_changed"):
    """A mirrored resource of any backend has another health than before."""

    address: str
    before: Health
    health: Health
    state: str
    reason: str
    time: float


class JobFinished(Struct, frozen=True, tag="job_finished"):
    """A job of any plugin has come to its end; times are Unix times."""

    address: str
    job_type: str
    action: str
    target: str
    state: JobState
    started: float
    ended: float
    error: ErrorReport | None = None


class FindingChanged(Struct, frozen=True, tag="finding"):
    """A finding came up, or with `raised` false it is gone."""

    finding: Finding
    raised: bool


Event = HealthChanged | JobFinished | FindingChanged
