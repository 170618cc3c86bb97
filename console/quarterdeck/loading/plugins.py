"""All plugins of an instance with their catalogues: found, identified, taken from the cache or asked to declare."""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

from quarterdeck.config.paths import InstancePaths
from quarterdeck.loading.catalogue_cache import CatalogueCache
from quarterdeck.loading.declaring import DECLARE_SECONDS, declare_plugin, found_status
from quarterdeck.loading.discovery import FoundPlugin, find_plugins, plugin_path
from quarterdeck.loading.own_environments import OwnEnvironments
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.resources import CORE
from quarterdeck_api.visible import visible

_ID = re.compile(r"[a-z][a-z0-9-]*")
_AT_A_TIME = 2

#: Seconds for which a plugin that did not declare in time is left alone by who does not want to wait for it again.
TIMEOUT_REMEMBERED = 3600.0


class _Candidate(Struct, frozen=True):
    """A found plugin with its status so far."""

    found: FoundPlugin
    status: PluginStatus


def load_plugins(
    paths: InstancePaths,
    *,
    disabled: frozenset[str] = frozenset(),
    environment: Mapping[str, str] | None = None,
    limit: float = DECLARE_SECONDS,
    try_timeouts_again: bool = True,
    clock: Callable[[], float] = time.time,
) -> tuple[PluginStatus, ...]:
    """Every plugin that is installed or on QUARTERDECK_PLUGIN_PATH, sorted by id; ids are unique.

    A plugin that did not declare in time within the last hour is not tried again when `try_timeouts_again` is false. Code of a plugin runs only when no valid catalogue is cached, two plugins at a time, each at most `limit` seconds. Never raises for a
    fault of a plugin: such a plugin has a phase other than READY, a reason and a remedy.
    """
    variables = os.environ if environment is None else environment
    own = OwnEnvironments(paths.environments)
    found = find_plugins(paths.catalogues / "found.json", plugin_path(variables), environments=own)
    candidates = identify(found, disabled)
    undecided = [each for each in candidates if each.status.phase is PluginPhase.FOUND and not each.status.reason]
    settled = [each.status for each in candidates if each not in undecided]
    remembered_from = clock() if try_timeouts_again else clock() - TIMEOUT_REMEMBERED
    declared = _declared(undecided, CatalogueCache(paths.catalogues), variables, limit, remembered_from, clock)
    return tuple(sorted([*settled, *declared], key=lambda status: status.id))


def identify(plugins: Iterable[FoundPlugin], disabled: frozenset[str]) -> list[_Candidate]:
    """Gives each found plugin an id of its own and settles those whose code must not run.

    A plugin's id is the name of its entry point. The first that claims an id has it; a later one is listed under its distribution's name.
    """
    taken: dict[str, FoundPlugin] = {}
    candidates: list[_Candidate] = []
    for plugin in plugins:
        wanted = plugin.name
        if plugin.fault:
            status = _fault(plugin, PluginPhase.FOUND, plugin.fault, plugin.remedy)
        elif not _ID.fullmatch(wanted) or wanted == CORE:
            why = "is reserved for Quarterdeck itself" if wanted == CORE else "is no plugin id"
            remedy = "name the entry point in lower-case letters, digits and '-', a letter first"
            status = _fault(plugin, PluginPhase.VALIDATE, f"its entry point's name {wanted!r} {why}", remedy)
        elif wanted in taken:
            first = taken[wanted].distribution
            status = _fault(
                plugin,
                PluginPhase.VALIDATE,
                f"its id {wanted!r} is taken by the distribution {first}",
                f"uninstall {plugin.distribution} or {first}",
            )
        elif wanted in disabled:
            taken[wanted] = plugin
            remedy = f"run `quarterdeck plugin enable {wanted}`"
            status = msgspec.structs.replace(
                found_status(plugin), phase=PluginPhase.DISABLED, reason="the configuration disables it", remedy=remedy
            )
        else:
            taken[wanted] = plugin
            status = found_status(plugin)
        candidates.append(_Candidate(plugin, status))
    return _with_unique_ids(candidates, taken)


def _fault(plugin: FoundPlugin, phase: PluginPhase, reason: str, remedy: str) -> PluginStatus:
    """A status with an empty id, which is given when all rightful ids are known."""
    return msgspec.structs.replace(
        found_status(plugin), id="", phase=phase, reason=visible(reason), remedy=visible(remedy)
    )


def _with_unique_ids(candidates: list[_Candidate], taken: Mapping[str, FoundPlugin]) -> list[_Candidate]:
    used = {CORE, *taken}
    result: list[_Candidate] = []
    for candidate in candidates:
        status = candidate.status
        if not status.id:
            base = re.sub(r"[^a-z0-9]+", "-", status.distribution.lower()).strip("-") or "plugin"
            number, unique = 1, base
            while unique in used:
                number += 1
                unique = f"{base}-{number}"
            used.add(unique)
            status = msgspec.structs.replace(status, id=unique)
        result.append(_Candidate(candidate.found, status))
    return result


def _declared(
    candidates: list[_Candidate],
    cache: CatalogueCache,
    environment: Mapping[str, str],
    limit: float,
    remembered_from: float,
    clock: Callable[[], float],
) -> list[PluginStatus]:
    statuses: list[PluginStatus] = []
    missing: list[_Candidate] = []
    for candidate in candidates:
        known = cache.get(candidate.found)
        if known is None or (known.catalogue is None and known.failed < remembered_from):
            missing.append(candidate)
            continue
        if known.catalogue is None:
            statuses.append(
                msgspec.structs.replace(
                    candidate.status,
                    phase=PluginPhase.TIMEOUT,
                    declare_seconds=known.seconds,
                    cached=True,
                    reason=known.reason,
                    remedy="run `quarterdeck plugin list`, which tries it again, then `quarterdeck runtime restart`",
                )
            )
            continue
        statuses.append(
            msgspec.structs.replace(
                candidate.status,
                phase=PluginPhase.READY,
                declare_seconds=known.seconds,
                cached=True,
                catalogue=known.catalogue,
            )
        )
    if not missing:
        return statuses
    from concurrent.futures import ThreadPoolExecutor  # Imported here: with every catalogue cached nobody needs it.

    def declare(candidate: _Candidate) -> PluginStatus:
        key = cache.key(candidate.found)
        status = declare_plugin(candidate.status, limit=limit, environment=environment)
        if status.catalogue is not None:
            cache.put(candidate.found, key, status.declare_seconds, status.catalogue)
        elif status.phase is PluginPhase.TIMEOUT:
            cache.put_timeout(candidate.found, key, limit, clock(), status.reason)
        return status

    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="declare") as pool:
        return [*statuses, *pool.map(declare, missing)]
