"""One resource as a document that lives while it is shown: a model with its parameters, a job with progress, result, chart and history."""

from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from quarterdeck.tui.cell_text import format_number
from quarterdeck.tui.document_view import DocumentView
from quarterdeck.tui.hints import NOTE_SECONDS, live_hints, show_note
from quarterdeck.tui.metric_block import MetricLines
from quarterdeck.tui.one_line import OneLine, Part
from quarterdeck.tui.status_bar import hint_parts
from quarterdeck.tui.style import GLYPHS, Palette
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import QuarterdeckError, error_from_report
from quarterdeck_api.live_documents import DocumentShown
from quarterdeck_api.metrics import METRICS, MetricsChanged, MetricsParams
from quarterdeck_api.protocol import GET, GetParams
from quarterdeck_api.resources import CORE, Cell, Health, Resource
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: Columns of a progress bar.
_BAR = 30
#: Seconds of metrics that are asked for at first.
_PAST = 60.0


class DetailScreen(Screen[None]):
    """Shows one address while it is in front: its document, how it is, and its metrics."""

    DEFAULT_CSS = """
    DetailScreen { layout: vertical; }
    DetailScreen DocumentView { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace,q", "leave", "back", id="detail.leave"),
        Binding("colon", "command", "command", key_display=":", id="detail.command"),
        Binding("a", "act", "actions", id="detail.actions"),
        Binding("l", "logs", "logs", id="detail.logs"),
        Binding("e", "edit", "edit", id="detail.edit"),
        Binding("s", "shell", "shell", id="detail.shell"),
        Binding("c", "copy", "copy", id="detail.copy"),
        Binding("question_mark", "help", "help", key_display="?", id="detail.help"),
        Binding("j,down", "scroll(1)", "down", show=False, id="detail.down"),
        Binding("k,up", "scroll(-1)", "up", show=False, id="detail.up"),
        Binding("pagedown,space,ctrl+f", "page(1)", "page down", show=False, id="detail.page-down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="detail.page-up"),
        Binding("g,home", "start", "start", show=False, id="detail.start"),
        Binding("G,end", "end", "end", show=False, id="detail.end"),
    ]

    def __init__(self, console: "ConsoleApp", address: str) -> None:
        super().__init__()
        self.address = address
        self.resource: Resource | None = None
        self._cells: dict[str, Cell] = {}
        self.console = console
        self._palette: Palette = console.palette
        self._settled = False
        self._noted = False
        self._document: Document | None = None
        self._document_stream = 0
        self._metrics_stream = 0
        self._metrics = MetricLines(address)
        self._title = OneLine(self._palette.base, id="detail-title")
        self._progress = OneLine(self._palette.base, id="detail-progress")
        self._view = DocumentView(self._palette, id="detail-document")
        self._help = OneLine(self._palette.bar, id="detail-help")

    def compose(self) -> ComposeResult:
        """Title, progress, document, keys."""
        yield self._title
        yield self._progress
        yield self._view
        yield self._help

    def on_mount(self) -> None:
        """Says what is shown."""
        self.styles.background = self._palette.screen_background
        self._title.show(((f" {visible(self.address)}", self._palette.accent),))
        self.bindings_updated_signal.subscribe(self, lambda _: self._show_hints())
        self.console.backends_changed.subscribe(self, lambda _: self._show_anew())
        self._view.focus()
        self.app.cursor_position = self._view.region.offset

    def on_resize(self) -> None:
        """Fits the hints into the new width."""
        self._show_hints()

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        """Follows the resource from now on; what is shown stays until something newer comes."""
        streams = self.console.session.streams
        if not self._document_stream:
            self._document_stream = streams.document(self.address, self._take_document, self._complain)
            of_instances = self.address.startswith(f"{CORE}/process/")
            self._metrics_stream = streams.metrics(
                self._take_metrics,
                lambda _: None,  # Most resources have no metrics; the document says what is wrong.
                address="" if of_instances else self.address,
                kind="instance" if of_instances else "",
            )
            self.run_worker(self._load_metrics(of_instances), exit_on_error=False)

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        """What nobody sees is not followed."""
        self._stop()

    def on_unmount(self) -> None:
        """Stops following."""
        self._stop()

    @property
    def settled(self) -> bool:
        """Whether the resource, or what is wrong with it, is shown."""
        return self._settled

    def action_leave(self) -> None:
        """Goes back to where the user came from."""
        self.dismiss(None)

    def action_command(self) -> None:
        """Goes back to the panes and opens the line for a command there."""
        self.console.hold_keys()
        self.console.call_next(self.console.open_command_line)

    def action_act(self) -> None:
        """Offers what can be done with the resource."""
        if self.resource is not None:
            self.console.open_actions(self.resource.kind, (self.resource,))

    def action_logs(self) -> None:
        """Shows the resource's log."""
        self.console.open_logs_of(self.address)

    def action_edit(self) -> None:
        """Opens the resource's text in the user's editor."""
        self.console.open_editor(self.address)

    def action_shell(self) -> None:
        """Opens a shell on the resource, where its backend has one."""
        if self.resource is not None:
            self.console.open_shell(self.resource)

    def action_help(self) -> None:
        """Shows the keys of this screen."""
        self.console.open_help()

    def action_copy(self) -> None:
        """Copies the document as text."""
        self.note(self.console.copied(self._view.text, self.address))

    def action_scroll(self, lines: int) -> None:
        """Moves the document by lines."""
        self._view.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Moves the document by pages."""
        self._view.scroll_relative(y=pages * max(self._view.size.height - 1, 1), animate=False)

    def action_start(self) -> None:
        """Shows the start."""
        self._view.scroll_to(y=0, animate=False)

    def action_end(self) -> None:
        """Shows the end."""
        self._view.scroll_to(y=self._view.virtual_size.height, animate=False)

    def note(self, sentence: str, *, error: bool = False) -> None:
        """Says something at the right of the title; where there is no room, in place of the keys for a while."""
        style = self._palette.error if error else self._palette.muted
        title = (f" {visible(self.address)}", self._palette.accent)
        self._noted = show_note(self._title, self._help, title, sentence, style)
        if self._noted:
            self.set_timer(NOTE_SECONDS, self._end_note)
        else:
            self._show_hints()

    def _stop(self) -> None:
        streams = self.console.session.streams
        for number in (self._document_stream, self._metrics_stream):
            if number:
                streams.close(number)
        self._document_stream = self._metrics_stream = 0

    def _take_document(self, shown: DocumentShown) -> None:
        if shown.resource is not None:
            self.resource = shown.resource
            self._cells = dict(zip(shown.columns, shown.resource.cells, strict=False))
            self._show_state(shown.resource, self._cells)
        if shown.document is not None:
            self._document = shown.document
            self._draw()
        if shown.error is not None:
            self._complain(error_from_report(shown.error))
        self._settled = True

    def _take_metrics(self, changed: MetricsChanged) -> None:
        if self._metrics.take(changed.samples):
            self._draw()

    async def _load_metrics(self, of_instances: bool) -> None:
        """What the metrics were before this screen was opened."""
        session = self.console.session
        try:
            addresses = [self.address]
            if of_instances:
                found = await session.call(GET, GetParams("instance", CORE, wait=0.0))
                addresses = [row.address for row in found.resources if self._metrics.wants(row.address)]
            for address in addresses:
                known = await session.call(METRICS, MetricsParams(address, since=-_PAST))
                self._metrics.load(address, known.series)
        except QuarterdeckError:
            return  # The past is a courtesy: new samples come by the stream, and the document says what is wrong.
        self._draw()

    def _draw(self) -> None:
        if self._document is None:
            return
        block = self._metrics.block()
        known = self._document.blocks
        blocks = known if block is None else (*known[:1], block, *known[1:])  # What moves stands where it is seen.
        self._view.show(replace(self._document, blocks=blocks))

    def _show_anew(self) -> None:
        if self.resource is not None:
            self._show_state(self.resource, self._cells)

    def _show_state(self, resource: Resource, cells: dict[str, Cell]) -> None:
        palette = self._palette
        if resource.health is Health.UNKNOWN and not resource.state and not resource.reason:
            self._progress.show(())  # Not kept by the runtime: only its document tells about it.
            return
        backend = next((each for each in self.console.backends if each.name == resource.backend), None)
        if backend is not None and backend.state != "ready":
            state = f" {GLYPHS[Health.UNKNOWN]} {visible(resource.state or resource.health.value)}"
            why = f"  as it was seen last: {visible(backend.name)} is {backend.state}"
            self._progress.show(((state, palette.health[Health.UNKNOWN]), (why, palette.base)))
            return
        style = palette.health[resource.health]
        parts: list[Part] = [(f" {GLYPHS[resource.health]} {visible(resource.state or resource.health.value)}", style)]
        fraction = cells.get("progress")
        if resource.kind == "job" and resource.health is Health.BUSY and isinstance(fraction, int | float):
            done = round(min(max(fraction, 0.0), 1.0) * _BAR)
            parts.append(
                (f"  {'█' * done}{'░' * (_BAR - done)} {format_number(round(fraction * 100))} %", palette.accent)
            )
        said = resource.reason or (cells.get("message") if resource.health is Health.BUSY else "")
        if said:
            parts.append((f"  {visible(str(said))}", palette.base))
        self._progress.show(tuple(parts))

    def _complain(self, error: QuarterdeckError) -> None:
        sentence = f" {error.message}. {error.remedy}".rstrip()
        self._progress.show(((visible(sentence), self._palette.health[Health.FAILED]),))
        self._settled = True

    def _end_note(self) -> None:
        self._noted = False
        self._show_hints()

    def _show_hints(self) -> None:
        if self._noted:
            return  # The sentence stands until its time is over, whatever is drawn anew meanwhile.
        self._help.show(hint_parts(live_hints(self), self.size.width, self._palette))
