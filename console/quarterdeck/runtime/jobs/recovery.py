"""Recovery: what a runtime that starts does about every attempt that an earlier one recorded as running."""

import logging
from collections.abc import Callable, Collection
from enum import Enum
from typing import Protocol

from msgspec import Struct

from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.jobs.artefacts import attempt_of, lease_path, remove_spool, spool_folder
from quarterdeck.runtime.jobs.leases import lease_is_held
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.recording import interruption
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck_api.catalogue import RunsIn
from quarterdeck_api.spool import RESULT_FILE

_log = logging.getLogger(__name__)


class Adopter(Protocol):
    """A runner whose attempts outlive the runtime."""

    async def adopt(self) -> set[tuple[int, int]]:
        """The attempts (job, token) that live and are followed from now on."""
        ...


class Whereabouts(Enum):
    """What has become of an attempt that is recorded as running."""

    SPOOLED = "spooled"
    ADOPTED = "adopted"
    HELD = "held"
    GONE = "gone"


class Recovery(Struct, frozen=True):
    """How many attempts were found in each place, and how many leftovers were removed."""

    spooled: int
    adopted: int
    held: int
    gone: int
    removed: int


def whereabouts(spooled: Callable[[], bool], held: Callable[[], bool], adopted: bool) -> Whereabouts:
    """Where an attempt is. The spool is asked again after the lease: a process may end between the two looks."""
    if spooled():
        return Whereabouts.SPOOLED
    if adopted:
        return Whereabouts.ADOPTED
    if held():
        return Whereabouts.HELD
    return Whereabouts.SPOOLED if spooled() else Whereabouts.GONE


async def recover(paths: InstancePaths, queue: JobQueue, jobs: JobService, workers: Adopter) -> Recovery:
    """Follows what lives, records what ended, gives back to the queue what was lost, and removes what is left of old attempts.

    An attempt in a host ended with the runtime that had started the host, and does not count.
    """
    for running in queue.running():
        jobs.follow(running)  # Before guards are found: what they say at once is about these.
    adopted = await workers.adopt()
    found = dict.fromkeys(Whereabouts, 0)
    for running in queue.running():
        job, token = running.job, running.token
        result = spool_folder(paths, job, token) / RESULT_FILE
        lease = lease_path(paths, job, token)
        place = whereabouts(result.exists, lambda lease=lease: lease_is_held(lease), (job, token) in adopted)
        found[place] += 1
        blameless = running.runs_in is RunsIn.HOST
        if place is Whereabouts.ADOPTED:
            jobs.cancel_again(job, token)
        elif place is Whereabouts.HELD:
            jobs.wait_for_lease(job, token, blameless=blameless)
        else:
            jobs.conclude(job, token, interruption(job), blameless=blameless)
    removed = remove_leftovers(paths, {(each.job, each.token) for each in queue.running()})
    recovery = Recovery(
        found[Whereabouts.SPOOLED],
        found[Whereabouts.ADOPTED],
        found[Whereabouts.HELD],
        found[Whereabouts.GONE],
        removed,
    )
    _log.info("recovery: %s", recovery)
    jobs.pump()
    return recovery


def remove_leftovers(paths: InstancePaths, running: Collection[tuple[int, int]]) -> int:
    """Removes leases and spool folders of attempts that neither run nor hold their lease; the number removed."""
    removed = 0
    for folder in (paths.spool, paths.leases):
        for path in folder.iterdir() if folder.is_dir() else ():
            attempt = attempt_of(path.name)
            if attempt is None or attempt in running or lease_is_held(lease_path(paths, *attempt)):
                continue
            if folder is paths.leases or path.is_file():
                path.unlink(missing_ok=True)
            else:
                remove_spool(paths, *attempt)
            removed += 1
    return removed
