"""The timeline of a resource: how its health, state and reason have changed."""

from msgspec import Struct

from quarterdeck_api.resources import Health
from quarterdeck_api.wire import Method

#: The most entries of one answer.
TIMELINE_LIMIT = 1_000


class TimelineParams(Struct, frozen=True, omit_defaults=True):
    """The newest `limit` entries of one address."""

    address: str
    limit: int = 200


class TimelineEntry(Struct, frozen=True, array_like=True):
    """Since this Unix time the resource has been so, until the next entry."""

    time: float
    health: Health
    state: str
    reason: str = ""


class TimelineResult(Struct, frozen=True, omit_defaults=True):
    """Entries, newest first; the first one is how the resource is now, unless it is `gone`. With `more` there are older ones."""

    entries: tuple[TimelineEntry, ...]
    gone: bool = False
    more: bool = False


TIMELINE = Method("timeline", TimelineParams, TimelineResult)
