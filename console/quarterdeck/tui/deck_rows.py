"""What the deck shows beside backends: the jobs that matter now, and what needs attention. Decisions only."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Any

from quarterdeck.tui.columns import ColumnView, Source
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.status_bar import backend_health
from quarterdeck_api.catalogue import Column, PluginPhase, PluginStatus
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE, Health, Resource

#: Ended jobs that the deck shows, and running ones; all of them are in the jobs' own pane.
MOST_ENDED = 8
MOST_RUNNING = 20

_WAITING = ("running", "queued")
_REMEDY = Column("remedy", "What to do", width=64)

#: The columns of findings; a finding bears the address of what it is about.
FINDING_SCHEMA = KindSchema(
    "finding",
    (
        ColumnView(Source.NAME, Column("name", "Finding")),
        ColumnView(Source.STATE, Column("state", "State")),
        ColumnView(Source.REASON, Column("reason", "What happened", width=36)),
        ColumnView(Source.CELL, _REMEDY),
    ),
    {CORE: (_REMEDY,)},
    {CORE: {_REMEDY.id: 0}},
)


def recent_first(job: Resource) -> Any:
    """The order of the deck's jobs: running ones first, the newest at the top, then the one that ended last."""
    number = int(job.name) if job.name.isascii() and job.name.isdigit() else 0
    return (0, 0.0, -number, job.name) if job.state == "running" else (1, -job.since, -number, job.name)


def recent_jobs(jobs: Iterable[Resource]) -> dict[str, Resource]:
    """The jobs that the deck shows, by address."""
    running: list[Resource] = []
    ended: list[Resource] = []
    for job in jobs:
        if job.state not in _WAITING:
            ended.append(job)
        elif job.state == "running":
            running.append(job)
    shown = (*nsmallest(MOST_RUNNING, running, recent_first), *nsmallest(MOST_ENDED, ended, recent_first))
    return {job.address: job for job in shown}


def findings(plugins: Iterable[PluginStatus], backends: Iterable[BackendState]) -> dict[str, Resource]:
    """Plugins and backends that do not work, by address, each with what to do."""
    found: list[Resource] = []
    for plugin in plugins:
        if plugin.phase not in (PluginPhase.READY, PluginPhase.DISABLED):
            found.append(_finding("plugin", plugin.id, f"plugin {plugin.phase.value}", plugin.reason, plugin.remedy))
    for backend in backends:
        if backend_health(backend) is Health.FAILED:
            found.append(_finding("backend", backend.name, backend.state, backend.reason, backend.remedy))
    return {row.address: row for row in found}


def _finding(kind: str, name: str, state: str, reason: str, remedy: str) -> Resource:
    return Resource(f"{CORE}/{kind}/{name}", name, Health.FAILED, state, reason, cells=(remedy,))
