"""Why a resource is as it is: everything that is known of its state, as sentences."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from quarterdeck.drawing.quantities import format_duration
from quarterdeck_api.catalogue import Column
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE, Health, Resource

_HEALTH = {
    Health.OK: "is well",
    Health.BUSY: "is busy",
    Health.DEGRADED: "is degraded",
    Health.FAILED: "has failed",
    Health.STOPPED: "is stopped",
    Health.UNKNOWN: "is in a state that is not known",
}

#: Cells that say something of the state beside the reason, with the words before them.
_TELLING = {"remedy": "What to do: ", "message": "It says: ", "error": "Its error: "}

Lookup = Callable[[str], Resource | None]


def explain_resource(
    resource: Resource,
    columns: Sequence[Column],
    backend: BackendState | None,
    jobs: Iterable[tuple[Resource, str]],
    lookup: Lookup,
    now: float,
) -> list[str]:
    """The sentences for one resource. `jobs` come with the address that each is for; `lookup` finds other resources, as far as they are known."""
    sentences = [f"{resource.address} {_HEALTH[resource.health]}{_own_word(resource)}{_since(resource.since, now)}."]
    if resource.reason:
        sentences.append(f"The reason: {resource.reason}")
    elif resource.health not in (Health.OK, Health.BUSY):
        sentences.append(f"{resource.backend} gives no reason.")
    cells = {column.id: cell for column, cell in zip(columns, resource.cells, strict=False)}
    sentences += [f"{words}{cells[name]}" for name, words in _TELLING.items() if cells.get(name)]
    if backend is not None and backend.name != CORE:
        sentences += explain_backend(backend, now) if backend.state != "ready" else []
        if backend.read_only:
            sentences.append(f"{backend.name} is read-only: nothing can be changed there.")
    if resource.parent:
        sentences.append(f"It is part of {_known(resource.parent, lookup)}.")
    target = cells.get("target") if resource.kind == "job" else None
    if isinstance(target, str) and target:
        sentences.append(f"It is for {_known(target, lookup)}.")
    sentences += [
        f"Its {link.relation} is {_known(link.address, lookup)}." for link in resource.links if link.address != target
    ]
    sentences += _about_jobs(resource.address, jobs)
    sentences += [f"{action} cannot be done: {reason}" for action, reason in sorted(resource.actions_off.items())]
    return sentences


def explain_backend(backend: BackendState, now: float) -> list[str]:
    """The sentences for a backend."""
    sentences = [f"The backend {backend.name} ({backend.type}) is {backend.state}{_since(backend.since, now)}."]
    if backend.reason:
        sentences.append(f"The reason: {backend.reason}")
    if backend.remedy:
        sentences.append(f"What to do: {backend.remedy}")
    if backend.state == "ready" and not backend.synced:
        sentences.append("It has not yet said everything that it has.")
    return sentences


def _about_jobs(address: str, jobs: Iterable[tuple[Resource, str]]) -> list[str]:
    own = sorted((job for job, target in jobs if target == address), key=lambda job: -_number(job))
    sentences = [f"{job.address} is {job.state} for it." for job in own if job.state in ("running", "queued")]
    ended = next((job for job in own if job.state not in ("running", "queued")), None)
    if ended is not None:
        why = f": {ended.reason}" if ended.reason else ""
        sentences.append(f"Its last job that ended, {ended.address}, {_ended(ended.state)}{why}.")
    return sentences


def _ended(state: str) -> str:
    return f"was {state}" if state == "cancelled" else f"is {state}" if state == "dead" else state


def _number(job: Resource) -> int:
    return int(job.name) if job.name.isascii() and job.name.isdigit() else 0


def _own_word(resource: Resource) -> str:
    return f" ({resource.state})" if resource.state and resource.state != resource.health.value else ""


def _since(moment: float, now: float) -> str:
    if not moment or moment > now:
        return ""
    try:
        said = datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return ""
    return f", since {said}, which is {format_duration(now - moment)}"


def _known(address: str, lookup: Lookup) -> str:
    found = lookup(address)
    if found is None:
        return address
    reason = f": {found.reason}" if found.reason else ""
    return f"{address}, which {_HEALTH[found.health]}{_own_word(found)}{reason}"
