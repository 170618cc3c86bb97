"""Which plugins differ from before, and which of them have to wait for jobs that run in their host: decided from facts alone."""

from collections.abc import Callable, Collection, Iterable

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.resources import CORE


class Turnover(Struct, frozen=True):
    """What is to be done: `statuses` hold from now on, `changed` says of each plugin that ends or begins why, `waiting` stay as they were."""

    statuses: tuple[PluginStatus, ...]
    changed: dict[str, str]
    waiting: tuple[str, ...]


def turnover(
    before: Iterable[PluginStatus],
    after: Iterable[PluginStatus],
    renewed: Collection[str],
    busy: Callable[[str], bool],
) -> Turnover:
    """Compares what is in use with what is installed; `renewed` count as changed, `busy` says whether a plugin's host runs jobs."""
    old = {status.id: status for status in before if status.id != CORE}
    new = {status.id: status for status in after}
    statuses: list[PluginStatus] = []
    changed: dict[str, str] = {}
    waiting: list[str] = []
    for plugin in sorted({*old, *new}):
        was, now = old.get(plugin), new.get(plugin)
        differs = was is None or now is None or _essence(was) != _essence(now) or plugin in renewed
        if differs and was is not None and was.catalogue is not None and busy(plugin):
            waiting.append(plugin)
            statuses.append(was)
            continue
        if differs:
            changed[plugin] = _sentence(was, now)
        if now is not None:
            statuses.append(now)
    return Turnover(tuple(statuses), changed, tuple(waiting))


def _essence(status: PluginStatus) -> PluginStatus:
    """The status without what differs from one look to the next."""
    return replace(status, declare_seconds=0.0, cached=False)


def _sentence(was: PluginStatus | None, now: PluginStatus | None) -> str:
    if was is None or now is None:
        return f"it was installed ({now.version})" if now is not None else "it was removed"
    if was.version != now.version:
        return f"it was changed from {was.version} to {now.version}"
    if was.phase is not now.phase:
        return f"it was {was.phase.value}, and is {now.phase.value}"
    return "it, or what it needs, was changed"
