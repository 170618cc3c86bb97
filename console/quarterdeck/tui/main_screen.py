"""The one screen of panes: tabs, the pane that is shown, a status line, and one line for hints, filter or command."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen

from quarterdeck.tui.deck_rows import finding_target
from quarterdeck.tui.keys import SHELL_BINDINGS, TAB_BINDINGS
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.pane_deck import DeckPane
from quarterdeck.tui.pane_table import TablePane
from quarterdeck.tui.panes import PANES, PaneInfo, pane_named, trail
from quarterdeck.tui.prompt_line import PROMPT, PromptLine
from quarterdeck.tui.row_keys import RowKeys
from quarterdeck.tui.status_bar import Status, status_parts, tab_parts
from quarterdeck.tui.style import Palette
from quarterdeck.tui.visits import Visits
from quarterdeck_api.catalogue import Column, PluginStatus
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.filters import Filter, parse_filter
from quarterdeck_api.protocol import BackendState

if TYPE_CHECKING:
    from quarterdeck.tui.command_line import CommandLine
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.filter_bar import FilterBar

Pane = DeckPane | TablePane

#: Panes without a key that are kept beside those that the user can still go back to.
_KEPT_PANES = 12


def screen_lines(screen: Screen[Any]) -> list[str]:
    """What a screen shows, as plain text, one string a line."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in screen._compositor.render_strips()]


class MainScreen(RowKeys, Screen[None]):
    """Shows one pane at a time; panes are made when they are first shown and kept."""

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #panes { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*SHELL_BINDINGS, *TAB_BINDINGS]

    def __init__(self, console: "ConsoleApp", pane: str, palette: Palette, clock: Callable[[], float]) -> None:
        super().__init__()
        self.console = console
        self.visits = Visits(pane_named(pane) or PANES[0])
        self.current = self.visits.current
        self._palette = palette
        self._clock = clock
        self._panes: dict[PaneInfo, Pane] = {}
        self._made = 0
        self._tabs = OneLine(palette.bar, id="tabs")
        self._status = OneLine(palette.bar, id="status")
        self._bottom = PromptLine(palette, id="bottom")
        self._message = ""
        self._error = False
        self._connection = "connecting…"

    def compose(self) -> ComposeResult:
        """The lines around the panes, and the first pane."""
        yield self._tabs
        with Container(id="panes"):
            yield self._make_pane(self.current)
        yield self._status
        yield self._bottom

    def on_mount(self) -> None:
        """Says what is known before anything is connected."""
        self.bindings_updated_signal.subscribe(self, lambda _: self._show_hints())
        self.pane.focus_table.focus()
        self._follow()
        self._show_lines()

    def on_resize(self) -> None:
        """Fits tabs and hints into the new width."""
        self._show_lines()

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self._panes[self.current]

    @property
    def prompt(self) -> "FilterBar | CommandLine | None":
        """The line that is being typed into."""
        return self._bottom.prompt

    @property
    def table(self) -> LiveTable[Any]:
        """The table that keys go to."""
        return self.pane.focus_table

    @property
    def status_text(self) -> str:
        """What the status line says."""
        return self._status.text

    @property
    def settled(self) -> bool:
        """Whether what the current pane shows has arrived."""
        pane = self.pane
        if isinstance(pane, TablePane):
            return pane.ready
        ready = [each for each in self.console.backends if each.synced or each.state in ("unreachable", "failed")]
        return bool(ready) and len(ready) == len(self.console.backends) and pane.models.ready and pane.jobs.ready

    def frame_lines(self) -> list[str]:
        """What the screen shows, as plain text, one string a line."""
        return screen_lines(self)

    async def show_pane(self, name: str, filter_text: str | None = None, *, kind: str = "") -> None:
        """Shows the pane of that name, and in it the table of a kind; `filter_text` None keeps the filter that it has."""
        info = pane_named(name)
        if info is not None:
            await self.show(info, filter_text, kind=kind)

    async def show(
        self, info: PaneInfo, filter_text: str | None = None, *, kind: str = "", remember: bool = True
    ) -> None:
        """Shows a pane; `remember` makes it a new step of the history."""
        self._close_prompt()
        if remember:
            self.visits.go(info)
        if info != self.current:
            self._leave()
            self.current = info
            if info in self._panes:
                self.pane.display = True
            else:
                # Waited for, so that keys typed right after this one find the new table.
                await self.query_one("#panes").mount(self._make_pane(info))
                await self._drop_panes()
            self._follow()
            self.set_focus(self.table)
        pane = self.pane
        wanted = pane.table_of_kind(kind) if kind and isinstance(pane, TablePane) else None
        if wanted is not None and wanted is not self.table:
            for table in pane.tables if isinstance(pane, TablePane) else ():
                table.set_active(table is wanted)
            self.set_focus(wanted)
        if filter_text is not None:
            self.apply_filter(filter_text)
        self._show_lines()

    def apply_filter(self, text: str) -> None:
        """Filters the current pane; a bad filter is said and changes nothing."""
        try:
            wanted = self._checked(text)
        except QuarterdeckError as error:
            self.say(f"{error.message}: {error.remedy}" if error.remedy else error.message, error=True)
            return
        self.pane.filter_text = text.strip()
        self.table.set_filter(wanted)
        self.say("")

    def say(self, message: str, *, error: bool = False) -> None:
        """Shows a message in the status line."""
        self._message, self._error = message, error
        self.show_status()

    def set_connection(self, sentence: str) -> None:
        """How the connection is; empty when it is there."""
        self._connection = sentence
        self.show_status()

    def set_backends(self, backends: tuple[BackendState, ...]) -> None:
        """Other states of backends."""
        for pane in self._panes.values():
            pane.set_backends(backends)
        self.show_status()

    def set_plugins(self, plugins: tuple[PluginStatus, ...]) -> None:
        """Other states of plugins."""
        if (deck := self._deck) is not None:
            deck.set_plugins(plugins)

    def set_palette(self, palette: Palette) -> None:
        """Shows everything in other colours."""
        self._palette = palette
        for pane in self._panes.values():
            pane.set_palette(palette)
        self._show_lines()

    def refresh_deck(self) -> None:
        """Counts of the deck may have changed."""
        if (deck := self._deck) is not None and deck.is_mounted:
            deck.refresh_rows()

    def show_status(self) -> None:
        """Writes the status line anew; nothing is sent to the terminal when it stays the same."""
        pane = self._panes.get(self.current)
        if pane is None:
            return
        table = pane.focus_table
        model = table.model
        status = Status(
            " › ".join(trail(self.current)[-2:]),
            model.total,
            len(model.shown),
            pane.filter_text,
            self._message,
            self._error,
            self._connection,
            self.console.backends,
            model.filtering,
            len(table.marked),
            table.place,
            pane.notes if isinstance(pane, TablePane) else "",
        )
        self._status.show(status_parts(status, self._palette), fill=self._palette.bar)

    async def action_pane(self, name: str) -> None:
        """Shows a pane."""
        await self.show_pane(name)

    async def action_history(self, steps: int) -> None:
        """Goes back or forward among the panes that were shown."""
        found = self.visits.step(steps)
        if found is not None:
            await self.show(found, remember=False)

    async def action_last_pane(self) -> None:
        """Goes to the pane shown before, and back again."""
        if self.visits.before is not None:
            await self.show(self.visits.before)

    async def action_filter(self) -> None:
        """Opens the line for a filter."""
        from quarterdeck.tui.filter_bar import FilterBar

        await self._bottom.open("/", FilterBar(self.pane.filter_text, self._hold), self._palette)

    async def action_command(self) -> None:
        """Opens the line for a command."""
        from quarterdeck.tui.command_line import CommandLine

        await self._bottom.open(":", CommandLine(self.console.world, self._hold), self._palette)

    def action_help(self) -> None:
        """Shows the keys."""
        self.console.open_help()

    def action_retry(self) -> None:
        """Asks for the rows of a browsed kind again, or connects to the selected backend again."""
        pane = self.pane
        if not (isinstance(pane, TablePane) and pane.ask_again()):
            super().action_retry()

    async def action_out(self) -> None:
        """Lets go of the picked column, else clears the filter; without one goes up, or back to the pane shown before."""
        if self.table.unpick():
            return
        if self.pane.filter_text:
            self.apply_filter("")
        elif self.current.above is not None and self.visits.before != self.current.above:
            await self.show(self.current.above)
        elif self.visits.before is not None:
            await self.action_history(-1)

    def action_quit(self) -> None:
        """Closes the console; nothing else ends."""
        self.console.exit()

    async def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Goes into a row: a backend shows its models, a resource the kinds below it, or itself when there are none."""
        resource = message.resource
        if resource.kind == "finding":
            target = finding_target(resource)
            if target.count("/") < 2:
                self.console.open_backend_explanation(target)
                return
            self.console.open_detail_of(target)
            return
        if resource.kind == "backend":
            await self.show_pane("models", f"backend={resource.name}")
            return
        kinds = self.console.kinds_below(resource)
        if kinds:
            await self.show(PaneInfo("", resource.name, kinds, resource.address, resource.backend, self.current))
        else:
            self.console.open_detail(resource)

    def on_live_table_moved(self, _: LiveTable.Moved) -> None:
        """Counts may have changed."""
        self.show_status()

    def on_live_table_refused(self, message: LiveTable.Refused) -> None:
        """Something is not done in this table."""
        self.say(message.reason)

    def on_filter_bar_wanted(self, message: "FilterBar.Wanted") -> None:
        """Filters while typing."""
        self.apply_filter(message.text)

    def on_filter_bar_left(self, message: "FilterBar.Left") -> None:
        """The filter is kept or cleared."""
        self._close_prompt()
        if message.clear:
            self.apply_filter("")
        elif self._error:
            self.say("")
        self.console.release_keys(PROMPT)

    async def on_command_line_given(self, message: "CommandLine.Given") -> None:
        """Does what was typed."""
        self._close_prompt()
        await self.console.do_command(message.text)
        self.console.release_keys(PROMPT)

    def on_command_line_left(self, _: "CommandLine.Left") -> None:
        """Nothing was wanted."""
        self._close_prompt()
        self.say("")
        self.console.release_keys(PROMPT)

    def on_command_line_choices(self, message: "CommandLine.Choices") -> None:
        """Shows what the command could become."""
        self.say("  ".join(line.rpartition(" ")[2] for line in message.lines[:12]))

    @property
    def _deck(self) -> DeckPane | None:
        deck = self._panes.get(PANES[0])
        return deck if isinstance(deck, DeckPane) else None

    def _checked(self, text: str) -> Filter:
        wanted = parse_filter(text)
        schema = self.table.schema
        columns: tuple[Column, ...] = schema.all_columns() if schema is not None else ()
        if schema is not None:
            wanted.check(columns)
        return wanted

    def _make_pane(self, info: PaneInfo) -> Pane:
        console = self.console
        pane: Pane
        self._made += 1
        if info.kinds:
            titled = len(info.kinds) > 1 or bool(info.parent)
            sources = console.feeds.of_pane(info)
            pane = TablePane(
                sources, console.kind_title, self._palette, self._clock, titled=titled, id=f"pane-{self._made}"
            )
        else:
            streams = console.session.streams
            pane = DeckPane(console.feeds.of_kind, streams, self._palette, self._clock, id=f"pane-{self._made}")
            self.call_after_refresh(pane.set_plugins, console.known.plugins)
        self.call_after_refresh(pane.set_backends, console.backends)
        self._panes[info] = pane
        return pane

    def _follow(self) -> None:
        """The current pane is shown from now on."""
        pane = self.pane
        if isinstance(pane, TablePane):
            pane.follow(self.console.session.streams)

    def _leave(self) -> None:
        """Hides the current pane."""
        pane = self.pane
        pane.display = False
        if isinstance(pane, TablePane):
            pane.leave(self.console.session.streams)

    async def _drop_panes(self) -> None:
        """Lets go of panes that nobody can go back to, the oldest first."""
        kept = self.visits.kept()
        passing = [info for info in self._panes if not info.key and info not in kept]
        for info in passing[: max(0, len(passing) - _KEPT_PANES)]:
            pane = self._panes.pop(info)
            if isinstance(pane, TablePane):
                self.console.feeds.let_go(pane.sources)
            await pane.remove()

    def _hold(self) -> None:
        """The line was left: keys wait for what comes of it."""
        self.console.hold_keys(PROMPT)

    def _close_prompt(self) -> None:
        if self._bottom.close():
            self.set_focus(self.table)

    def _show_lines(self) -> None:
        tabs = [(pane.key, pane.name) for pane in PANES]
        parts = tab_parts(tabs, self.current.name, self._palette, self.size.width, trail(self.current))
        self._tabs.show(parts, fill=self._palette.bar)
        self.show_status()
        self._show_hints()

    def _show_hints(self) -> None:
        self._bottom.show_hints(self.size.width, self._palette)
