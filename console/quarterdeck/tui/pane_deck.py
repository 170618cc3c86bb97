"""The deck: what needs attention, every backend with its health and counts, jobs that run or have just ended, and what goes on by itself."""

from collections.abc import Callable, Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from quarterdeck.tui.columns import ColumnView, Source
from quarterdeck.tui.deck_layout import shared_lines
from quarterdeck.tui.deck_rows import (
    AHEAD_SCHEMA,
    FINDING_SCHEMA,
    Named,
    ProcessRates,
    ahead,
    ahead_first,
    findings,
    recent_first,
    recent_jobs,
    worst_first,
)
from quarterdeck.tui.feeds import Feed
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.status_bar import backend_health
from quarterdeck.tui.streams import Streams
from quarterdeck.tui.style import Palette
from quarterdeck.tui.table_model import TableModel, by_address
from quarterdeck_api.catalogue import Column, ColumnType, PluginStatus
from quarterdeck_api.metrics import MetricsChanged
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE, Health, Resource

_BACKEND_COLUMNS = (
    Column("models", "Models", ColumnType.INTEGER, 9),
    Column("running", "Running jobs", ColumnType.INTEGER),
    Column("type", "Type"),
    Column("since", "Since", ColumnType.TIMESTAMP, 11),
    Column("mode", "Mode"),
)

#: The columns of the deck's own table; its rows are not resources of the runtime.
BACKEND_SCHEMA = KindSchema(
    "backend",
    (
        ColumnView(Source.NAME, Column("name", "Backend")),
        ColumnView(Source.STATE, Column("state", "State")),
        *(ColumnView(Source.CELL, column) for column in _BACKEND_COLUMNS),
        ColumnView(Source.REASON, Column("reason", "Reason")),
    ),
    {CORE: _BACKEND_COLUMNS},
    {CORE: {column.id: index for index, column in enumerate(_BACKEND_COLUMNS)}},
)


def backend_row(backend: BackendState, models: int | None, running: int | None) -> Resource:
    """A backend as a row of the deck; counts are None while they are not known."""
    health = backend_health(backend)
    state = "syncing" if health is Health.OK and not backend.synced else backend.state
    reason = "; ".join(part for part in (backend.reason, backend.remedy) if part)
    mode = ", ".join(
        word for word, there in (("embedded", backend.embedded), ("read-only", backend.read_only)) if there
    )
    return Resource(
        f"{CORE}/backend/{backend.name}",
        backend.name,
        Health.BUSY if state == "syncing" else health,
        state,
        reason,
        backend.since,
        (models, running, backend.type, backend.since or None, mode),
    )


def running_by_backend(jobs: Feed) -> dict[str, int]:
    """How many jobs run for each backend; a job's target is a cell of the runtime's own kind `job`."""
    counts: dict[str, int] = {}
    for resource, target in jobs.targets():
        if resource.state == "running":
            backend = target.split("/", 1)[0]
            counts[backend] = counts.get(backend, 0) + 1
    return counts


class DeckPane(Container):
    """Findings on top when there are any, then backends; below them jobs, and processes, schedules and controllers."""

    DEFAULT_CSS = """
    DeckPane { height: 1fr; }
    DeckPane #deck-findings, DeckPane #deck-jobs, DeckPane #deck-ahead { display: none; }
    """

    def __init__(
        self,
        feed: Callable[[str], Feed],
        streams: Streams,
        palette: Palette,
        clock: Callable[[], float],
        *,
        id: str,
    ) -> None:
        super().__init__(id=id)
        self.models = feed("model")
        self.jobs = feed("job")
        self._found = feed("finding")
        self._processes, self._schedules, self._controllers = feed("process"), feed("schedule"), feed("controller")
        self._streams = streams
        self._rates = ProcessRates()
        self._rates_stream = 0
        self.table = LiveTable(TableModel(BACKEND_SCHEMA.columns_of, by_address), palette, clock, id="deck-backends")
        self.findings = LiveTable(
            TableModel(FINDING_SCHEMA.columns_of, worst_first), palette, clock, id="deck-findings"
        )
        self.ahead = LiveTable(TableModel(AHEAD_SCHEMA.columns_of, ahead_first), palette, clock, id="deck-ahead")
        self.recent = LiveTable(TableModel(self._job_columns, recent_first), palette, clock, id="deck-jobs")
        self._others = (self.findings, self.recent, self.ahead)
        for table in self._others:
            table.set_active(False)
        self.table.set_empty_text("connecting…")
        self.filter_text = ""
        self._backends: tuple[BackendState, ...] = ()
        self._plugins: tuple[PluginStatus, ...] = ()

    def compose(self) -> ComposeResult:
        """The tables."""
        yield self.findings
        yield self.table
        yield self.recent
        yield self.ahead

    def on_mount(self) -> None:
        """The columns of backends and findings are always the same."""
        self.table.set_schema(BACKEND_SCHEMA)
        self.findings.set_schema(FINDING_SCHEMA)
        self.ahead.set_schema(AHEAD_SCHEMA)

    def on_resize(self) -> None:
        """Shares the lines anew."""
        self._share_lines()

    def on_show(self) -> None:
        """Rates are followed while the deck is seen."""
        self.refresh_rows()

    def on_hide(self) -> None:
        """What nobody sees is not followed."""
        self._follow_rates(False)

    def on_unmount(self) -> None:
        """Stops following."""
        self._follow_rates(False)

    def set_palette(self, palette: Palette) -> None:
        """Shows the same in other colours."""
        for table in (self.table, *self._others):
            table.set_palette(palette)

    @property
    def focus_table(self) -> LiveTable[TableModel]:
        """The table that keys go to."""
        return next((table for table in self._others if table.has_focus), self.table)

    def set_backends(self, backends: tuple[BackendState, ...]) -> None:
        """Other backends, or other states of them."""
        self._backends = backends
        self.refresh_rows()

    def set_plugins(self, plugins: tuple[PluginStatus, ...]) -> None:
        """Other plugins, or other states of them."""
        self._plugins = plugins
        self.refresh_rows()

    def refresh_rows(self) -> None:
        """Takes over what is known of backends, models and jobs."""
        model = self.table.model
        running = running_by_backend(self.jobs) if self.jobs.ready else None
        wanted: set[str] = set()
        for backend in self._backends:
            if backend.name == CORE:
                continue
            row = backend_row(
                backend,
                self.models.counts.get(backend.name, 0) if self.models.ready else None,
                running.get(backend.name, 0) if running is not None else None,
            )
            wanted.add(row.address)
            if model.rows.get(row.address) != row:
                model.upsert(row)
        for address in [address for address in model.rows if address not in wanted]:
            model.remove(address)
        self.table.set_empty_text("" if self._backends else "connecting…")
        self.table.changed()
        told = self._found.ready and not self._found.missing
        known = self._found.model.rows if told else findings(self._plugins, self._backends)
        self._take(self.findings, known)
        if self.jobs.schema is not None:
            self.recent.set_schema(self.jobs.schema)
        self._take(self.recent, recent_jobs(self.jobs.model.rows.values()))
        self._follow_rates(self.display and bool(self._processes.model.rows))
        processes, schedules, controllers = map(_named, (self._processes, self._schedules, self._controllers))
        self._take(self.ahead, ahead(processes, schedules, controllers, self._rates.texts()))
        self._share_lines()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Only the table that keys go to shows its selection."""
        for table in (self.table, *self._others):
            table.set_active(event.widget is table)

    def _share_lines(self) -> None:
        """Gives each table its lines; what is left when all fit is the backends'."""
        tables = (self.findings, self.table, self.recent, self.ahead)
        rows = [len(table.model.rows) for table in tables]
        rows[1] = max(rows[1], 1)
        lines = shared_lines(self.size.height, rows)
        fits = sum(lines) == sum(count + 1 for count in rows if count)
        for table, count in zip(tables, lines, strict=True):
            table.display = count > 0 or table is self.table
            table.styles.height = "1fr" if table is self.table and fits else count
        if not self.focus_table.display:
            self.table.focus()

    def _follow_rates(self, wanted: bool) -> None:
        if wanted and not self._rates_stream:
            # A runtime without metrics costs the deck its rates only.
            self._rates_stream = self._streams.metrics(self._take_rates, lambda _: None, kind="instance")
        elif not wanted and self._rates_stream:
            self._streams.close(self._rates_stream)
            self._rates_stream = 0

    def _take_rates(self, changed: MetricsChanged) -> None:
        self._rates.take(changed.samples)
        self.refresh_rows()

    def _take(self, table: LiveTable[TableModel], rows: Mapping[str, Resource]) -> None:
        model = table.model
        for address in [address for address in model.rows if address not in rows]:
            model.remove(address)
        for row in rows.values():
            if model.rows.get(row.address) != row:
                model.upsert(row)
        if table.has_focus and not rows:
            self.table.focus()
        table.changed()

    def _job_columns(self, resource: Resource) -> tuple[Column, ...]:
        return tuple(self.jobs.schema.columns_of(resource)) if self.jobs.schema is not None else ()


def _named(feed: Feed) -> list[tuple[Resource, Named]]:
    """A kind's rows with their cells by name."""
    schema = feed.schema
    if schema is None:
        return []
    return [
        (row, {column.id: cell for column, cell in zip(schema.columns_of(row), row.cells, strict=False)})
        for row in feed.model.rows.values()
    ]
