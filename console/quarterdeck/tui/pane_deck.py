"""The deck: every backend with its health and counts, what needs attention, and the jobs that run or have just ended."""

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Container

from quarterdeck.tui.columns import ColumnView, Source
from quarterdeck.tui.deck_rows import FINDING_SCHEMA, findings, recent_first, recent_jobs
from quarterdeck.tui.feeds import Feed
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.status_bar import backend_health
from quarterdeck.tui.style import Palette
from quarterdeck.tui.table_model import TableModel, by_address
from quarterdeck_api.catalogue import Column, ColumnType, PluginStatus
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
    """Backends above; findings and recent jobs below when there are any."""

    DEFAULT_CSS = """
    DeckPane { height: 1fr; }
    DeckPane #deck-findings { height: auto; max-height: 30%; display: none; }
    DeckPane #deck-jobs { height: auto; max-height: 50%; display: none; }
    """

    def __init__(self, models: Feed, jobs: Feed, palette: Palette, clock: Callable[[], float], *, id: str) -> None:
        super().__init__(id=id)
        self.models = models
        self.jobs = jobs
        self.table = LiveTable(TableModel(BACKEND_SCHEMA.columns_of, by_address), palette, clock, id="deck-backends")
        self.findings = LiveTable(TableModel(FINDING_SCHEMA.columns_of, by_address), palette, clock, id="deck-findings")
        self.recent = LiveTable(TableModel(self._job_columns, recent_first), palette, clock, id="deck-jobs")
        self._below = (self.findings, self.recent)
        for table in self._below:
            table.set_active(False)
        self.table.set_empty_text("connecting…")
        self.filter_text = ""
        self._backends: tuple[BackendState, ...] = ()
        self._plugins: tuple[PluginStatus, ...] = ()

    def compose(self) -> ComposeResult:
        """The tables."""
        yield self.table
        yield from self._below

    def on_mount(self) -> None:
        """The columns of backends and findings are always the same."""
        self.table.set_schema(BACKEND_SCHEMA)
        self.findings.set_schema(FINDING_SCHEMA)

    def set_palette(self, palette: Palette) -> None:
        """Shows the same in other colours."""
        for table in (self.table, *self._below):
            table.set_palette(palette)

    @property
    def focus_table(self) -> LiveTable[TableModel]:
        """The table that keys go to."""
        return next((table for table in self._below if table.has_focus), self.table)

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
        self._take(self.findings, findings(self._plugins, self._backends))
        if self.jobs.schema is not None:
            self.recent.set_schema(self.jobs.schema)
        self._take(self.recent, recent_jobs(self.jobs.model.rows.values()))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Only the table that keys go to shows its selection."""
        for table in (self.table, *self._below):
            table.set_active(event.widget is table)

    def _take(self, table: LiveTable[TableModel], rows: dict[str, Resource]) -> None:
        model = table.model
        for address in [address for address in model.rows if address not in rows]:
            model.remove(address)
        for row in rows.values():
            if model.rows.get(row.address) != row:
                model.upsert(row)
        if table.has_focus and not rows:
            self.table.focus()
        table.styles.height = len(rows) + 1
        table.display = bool(rows)
        table.changed()

    def _job_columns(self, resource: Resource) -> tuple[Column, ...]:
        return tuple(self.jobs.schema.columns_of(resource)) if self.jobs.schema is not None else ()
