"""Follows one job to its end by watching `core/job/N`, across the death of a runtime."""

from collections.abc import Callable
from typing import NamedTuple

from quarterdeck.cli.listing import columns_of_backends
from quarterdeck.cli.session import Session, open_session
from quarterdeck_api.errors import UnreachableError, UsageError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import (
    JOB_GET,
    WATCH_CLOSE,
    WATCH_DELTA,
    WATCH_OPEN,
    WATCH_SNAPSHOT,
    JobParams,
    JobRecord,
    WatchNumber,
    WatchParams,
)
from quarterdeck_api.resources import CORE, Address, Resource

#: How often a lost runtime is connected to again for one job before giving up.
RECONNECTIONS = 3

_WATCH = 1


class Advance(NamedTuple):
    """Where a job is: `fraction` from 0 to 1."""

    state: JobState
    fraction: float
    message: str


def job_number(address: str) -> int:
    """The number of a job from its address or a bare number; raises UsageError."""
    parsed = Address.parse(address, kind="job")
    if parsed.backend != CORE or parsed.kind != "job" or not parsed.name.isdigit():
        raise UsageError(f"{address!r} is not a job", "write its number, or core/job/NUMBER")
    return int(parsed.name)


def follow_job(session: Session, address: str, on_advance: Callable[[Advance], None]) -> JobRecord:
    """Waits for the end of a job and returns its record; `on_advance` hears of every change on the way.

    A lost connection is made again: jobs outlive the runtime. Raises UnreachableError when it cannot be.
    """
    used, lost = session, 0
    try:
        while True:
            try:
                return _follow_once(used, address, on_advance)
            except UnreachableError:
                lost += 1
                if lost > RECONNECTIONS:
                    raise
                if used is not session:
                    used.close()
                used = open_session("do")
    finally:
        if used is not session:
            used.close()


def _follow_once(session: Session, address: str, on_advance: Callable[[Advance], None]) -> JobRecord:
    number = job_number(address)
    columns = [column.id for column in columns_of_backends(session.catalogue(), "job").get(CORE, ())]
    session.call(WATCH_OPEN, WatchParams(_WATCH, kind="job", address=address))
    for notification in session.notifications():
        if notification.method == WATCH_SNAPSHOT.name:
            resources: tuple[Resource, ...] = notification.params.resources
        elif notification.method == WATCH_DELTA.name:
            resources = notification.params.upserts
        else:
            continue
        for resource in resources:
            advance = _advance(resource, columns)
            on_advance(advance)
            if advance.state.final:
                session.call(WATCH_CLOSE, WatchNumber(_WATCH))
                return session.call(JOB_GET, JobParams(number))
        if notification.method == WATCH_SNAPSHOT.name and notification.params.last and not resources:
            return session.call(JOB_GET, JobParams(number))  # Ended long ago and no longer mirrored, or unknown.
    raise UnreachableError(f"{address} was not heard of any more", "try again")


def _advance(resource: Resource, columns: list[str]) -> Advance:
    cells = dict(zip(columns, resource.cells, strict=False))
    progress = cells.get("progress")
    fraction = float(progress) if isinstance(progress, int | float) else 0.0
    return Advance(JobState(resource.state), fraction, str(cells.get("message") or ""))
