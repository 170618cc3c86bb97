"""What the deck shows beside backends: the jobs that matter now, and what needs attention. Decisions only."""

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from typing import Any

from msgspec.structs import replace

from quarterdeck.tui.columns import ColumnView, Source
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.status_bar import backend_health
from quarterdeck_api.catalogue import Column, ColumnType, PluginPhase, PluginStatus
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE, Cell, Health, Resource

#: Ended jobs that the deck shows, and running ones; all of them are in the jobs' own pane.
MOST_ENDED = 8
MOST_RUNNING = 20
#: Processes, schedules and controllers that the deck shows together.
MOST_AHEAD = 30

#: A resource's cells by the names of their columns.
Named = Mapping[str, Cell]

_WAITING = ("running", "queued")
_FINDING_COLUMNS = (
    Column("code", "Code"),
    Column("address", "On", width=20),
    Column("severity", "Severity"),
    Column("remedy", "What to do", width=64),
)

#: The columns of findings on the deck; the cells are those of the runtime's own kind.
FINDING_SCHEMA = KindSchema(
    "finding",
    (
        ColumnView(Source.STATE, Column("state", "Finding")),
        ColumnView(Source.REASON, Column("reason", "What happened", width=44)),
        ColumnView(Source.CELL, _FINDING_COLUMNS[1]),
        ColumnView(Source.CELL, _FINDING_COLUMNS[3]),
    ),
    {CORE: _FINDING_COLUMNS},
    {CORE: {column.id: index for index, column in enumerate(_FINDING_COLUMNS)}},
)

_AHEAD_COLUMNS = (
    Column("kind", "Kind"),
    Column("detail", "What", width=36),
    Column("next", "Next", ColumnType.TIMESTAMP, 11),
)

#: The columns of what goes on by itself: processes, schedules and controllers.
AHEAD_SCHEMA = KindSchema(
    "ahead",
    (
        ColumnView(Source.NAME, Column("name", "Runs by itself")),
        ColumnView(Source.STATE, Column("state", "State")),
        *(ColumnView(Source.CELL, column) for column in _AHEAD_COLUMNS),
        ColumnView(Source.REASON, Column("reason", "Reason")),
    ),
    {CORE: _AHEAD_COLUMNS},
    {CORE: {column.id: index for index, column in enumerate(_AHEAD_COLUMNS)}},
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
    """Plugins and backends that do not work, as findings by address: what is known before the runtime's own findings are."""
    found: list[Resource] = []
    for plugin in plugins:
        if plugin.phase not in (PluginPhase.READY, PluginPhase.DISABLED):
            code = f"plugin {plugin.phase.value}"
            found.append(_finding(code, f"{CORE}/plugin/{plugin.id}", plugin.reason, plugin.remedy))
    for backend in backends:
        if backend_health(backend) is Health.FAILED:
            found.append(_finding(f"backend {backend.state}", backend.name, backend.reason, backend.remedy))
    return {row.address: row for row in found}


def worst_first(finding: Resource) -> Any:
    """The order of findings: critical ones first, of equal ones the newest."""
    return (finding.health is not Health.FAILED, -finding.since, finding.address)


def finding_target(finding: Resource) -> str:
    """What a finding is about: an address, or a backend's name."""
    return str(finding.cells[1]) if len(finding.cells) > 1 else ""


def finding_remedy(finding: Resource) -> str:
    """What to do about a finding."""
    return str(finding.cells[3]) if len(finding.cells) > 3 else ""


def ahead(
    processes: Iterable[tuple[Resource, Named]],
    schedules: Iterable[tuple[Resource, Named]],
    controllers: Iterable[tuple[Resource, Named]],
    rates: Mapping[str, str],
) -> dict[str, Resource]:
    """What goes on by itself, by address; each resource comes with its cells by name. `rates` says how much a process does."""
    rows: list[Resource] = []
    for row, cells in processes:
        count = f"{cells.get('running')} of {cells.get('wanted')} run" if "wanted" in cells else ""
        rows.append(_ahead(row, "process", "  ".join(part for part in (count, rates.get(row.name, "")) if part), None))
    for row, cells in schedules:
        if cells.get("next"):
            what = f"{cells.get('action') or ''} {cells.get('target') or ''}".strip()
            rows.append(_ahead(row, "schedule", what, cells["next"]))
    for row, cells in controllers:
        if cells.get("on"):
            rows.append(_ahead(row, "controller", str(cells.get("sentence") or ""), cells.get("next")))
    return {row.address: row for row in nsmallest(MOST_AHEAD, rows, ahead_first)}


def ahead_first(row: Resource) -> Any:
    """The order of what goes on by itself: what is not well, processes, then what comes next."""
    due = row.cells[2]
    well = row.health not in (Health.FAILED, Health.DEGRADED)
    return (well, due is not None, due if isinstance(due, int | float) else 0.0, row.address)


class ProcessRates:
    """How much each process does: of the first rate by name, the sum over its instances."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, dict[str, tuple[float, str]]]] = {}

    def take(self, samples: Iterable[MetricSample]) -> None:
        """Takes the newest samples of instances."""
        for sample in samples:
            if sample.unit.endswith("/s"):
                instance = sample.address.split("/", 2)[2]
                stem, _, number = instance.rpartition(".")
                process = stem if stem and number.isdigit() else instance
                names = self._values.setdefault(process, {})
                names.setdefault(sample.name, {})[instance] = (sample.value, sample.unit)

    def texts(self) -> dict[str, str]:
        """The rate of each process by its name."""
        return {
            process: f"{name} {_summed(names[name])}"
            for process, names in self._values.items()
            for name in [min(names)]
        }


def _summed(instances: Mapping[str, tuple[float, str]]) -> str:
    from quarterdeck.drawing.sparkline import metric_text

    return metric_text(sum(value for value, _ in instances.values()), next(iter(instances.values()))[1])


def _ahead(row: Resource, kind: str, detail: str, due: Cell) -> Resource:
    return replace(row, cells=(kind, detail, due))


def _finding(code: str, target: str, reason: str, remedy: str) -> Resource:
    return Resource(
        f"{CORE}/finding/{code}/{target}",
        code,
        Health.FAILED,
        "critical",
        reason,
        cells=(code, target, "critical", remedy),
    )
