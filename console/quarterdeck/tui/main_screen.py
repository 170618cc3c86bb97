"""The one screen of panes: tabs, the pane that is shown, a status line, and one line for hints, filter or command."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import Screen

from quarterdeck.tui.keys import SHELL_BINDINGS
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.one_line import OneLine
from quarterdeck.tui.pane_deck import DeckPane
from quarterdeck.tui.pane_table import TablePane
from quarterdeck.tui.panes import JOBS, MODELS, PANES, PaneInfo, pane_named
from quarterdeck.tui.status_bar import Status, hint_parts, status_parts, tab_parts
from quarterdeck.tui.style import Palette
from quarterdeck_api.catalogue import Column, PluginStatus
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.filters import Filter, parse_filter
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Resource

if TYPE_CHECKING:
    from quarterdeck.tui.command_line import CommandLine
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.filter_bar import FilterBar

Pane = DeckPane | TablePane


def screen_lines(screen: Screen[Any]) -> list[str]:
    """What a screen shows, as plain text, one string a line."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in screen._compositor.render_strips()]


class MainScreen(Screen[None]):
    """Shows one pane at a time; panes are made when they are first shown and kept."""

    DEFAULT_CSS = """
    MainScreen { layout: vertical; }
    MainScreen #panes { height: 1fr; }
    MainScreen #bottom { height: 1; }
    MainScreen #mark { width: 2; display: none; }
    MainScreen Input { height: 1; border: none; padding: 0; width: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*SHELL_BINDINGS, Binding("tab", "app.focus_next", show=False, id="x.tab")]

    def __init__(self, console: "ConsoleApp", pane: str, palette: Palette, clock: Callable[[], float]) -> None:
        super().__init__()
        self.console = console
        self.current = pane_named(pane) or PANES[0]
        self._palette = palette
        self._clock = clock
        self._panes: dict[str, Pane] = {}
        self._tabs = OneLine(palette.bar, id="tabs")
        self._status = OneLine(palette.bar, id="status")
        self._hints = OneLine(palette.bar, id="hints")
        self._mark = OneLine(palette.bar, id="mark")
        self._prompt: FilterBar | CommandLine | None = None
        self._message = ""
        self._error = False
        self._connection = "connecting…"
        self._visited: list[str] = [self.current.name]
        self._place = 0

    def compose(self) -> ComposeResult:
        """The lines around the panes, and the first pane."""
        yield self._tabs
        with Container(id="panes"):
            yield self._make_pane(self.current)
        yield self._status
        with Horizontal(id="bottom"):
            yield self._mark
            yield self._hints

    def on_mount(self) -> None:
        """Says what is known before anything is connected."""
        self.bindings_updated_signal.subscribe(self, lambda _: self._show_hints())
        self.pane.focus_table.focus()
        self._show_lines()

    def on_resize(self) -> None:
        """Fits the hints into the new width."""
        self._show_hints()

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self._panes[self.current.name]

    @property
    def prompt(self) -> "FilterBar | CommandLine | None":
        """The line that is being typed into."""
        return self._prompt

    @property
    def table(self) -> LiveTable:
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
            return pane.feed.ready
        ready = [each for each in self.console.backends if each.synced or each.state in ("unreachable", "failed")]
        return bool(ready) and len(ready) == len(self.console.backends) and pane.models.ready and pane.jobs.ready

    def frame_lines(self) -> list[str]:
        """What the screen shows, as plain text, one string a line."""
        return screen_lines(self)

    async def show_pane(self, name: str, filter_text: str | None = None, *, remember: bool = True) -> None:
        """Shows a pane; `filter_text` None keeps the filter that it has."""
        info = pane_named(name)
        if info is None:
            return
        self._close_prompt()
        if remember and self._visited[self._place] != name:
            del self._visited[self._place + 1 :]
            self._visited.append(name)
            self._place = len(self._visited) - 1
        if info is not self.current:
            self.pane.display = False
            self.current = info
            if name in self._panes:
                self.pane.display = True
            else:
                # Waited for, so that keys typed right after this one find the new table.
                await self.query_one("#panes").mount(self._make_pane(info))
            self.set_focus(self.table)
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
        deck = self._panes.get("deck")
        if isinstance(deck, DeckPane):
            deck.set_backends(backends)
        self.show_status()

    def set_plugins(self, plugins: tuple[PluginStatus, ...]) -> None:
        """Other states of plugins."""
        deck = self._panes.get("deck")
        if isinstance(deck, DeckPane):
            deck.set_plugins(plugins)

    def set_palette(self, palette: Palette) -> None:
        """Shows everything in other colours."""
        self._palette = palette
        for pane in self._panes.values():
            pane.set_palette(palette)
        self._show_lines()

    def refresh_deck(self) -> None:
        """Counts of the deck may have changed."""
        deck = self._panes.get("deck")
        if isinstance(deck, DeckPane) and deck.is_mounted:
            deck.refresh_rows()

    def show_status(self) -> None:
        """Writes the status line anew; nothing is sent to the terminal when it stays the same."""
        pane = self._panes.get(self.current.name)
        if pane is None:
            return
        model = pane.focus_table.model
        status = Status(
            self.current.name,
            len(model),
            len(model.shown),
            pane.filter_text,
            self._message,
            self._error,
            self._connection,
            self.console.backends,
            model.filtering,
            len(pane.focus_table.marked),
        )
        self._status.show(status_parts(status, self._palette), fill=self._palette.bar)

    async def action_pane(self, name: str) -> None:
        """Shows a pane."""
        await self.show_pane(name)

    async def action_history(self, steps: int) -> None:
        """Goes back or forward among the panes that were shown."""
        place = self._place + steps
        if 0 <= place < len(self._visited):
            self._place = place
            await self.show_pane(self._visited[place], remember=False)

    async def action_last_pane(self) -> None:
        """Goes to the pane shown before, and back again."""
        if self._place > 0:
            await self.show_pane(self._visited[self._place - 1])

    async def action_filter(self) -> None:
        """Opens the line for a filter."""
        from quarterdeck.tui.filter_bar import FilterBar

        await self._open_prompt("/", FilterBar(self.pane.filter_text))

    async def action_command(self) -> None:
        """Opens the line for a command."""
        from quarterdeck.tui.command_line import CommandLine

        await self._open_prompt(":", CommandLine(self.console.world))

    def action_help(self) -> None:
        """Shows the keys."""
        self.console.open_help()

    def action_describe(self) -> None:
        """Shows what is known of the selected row."""
        self._with_selected(self.console.open_detail)

    def action_logs(self) -> None:
        """Shows the logs of the selected row."""
        self._with_selected(self.console.open_logs)

    def action_raw(self) -> None:
        """Shows the selected row as data."""
        self._with_selected(lambda row: self.console.open_raw(row, self._columns_of(row)))

    def action_edit(self) -> None:
        """Opens the selected row's text in the user's editor."""
        self._with_selected(lambda row: self.console.open_editor(row.address))

    def action_shell(self) -> None:
        """Opens a shell on the selected row, where its backend has one."""
        self._with_selected(self.console.open_shell)

    def action_actions(self) -> None:
        """Shows what can be done with the marked rows, or with the selected one when none is marked."""
        selected = self._resource()
        resources = self.table.marked or ([] if selected is None else [selected])
        self.console.open_actions(resources[0].kind if resources else self.current.kind, resources)

    def action_copy(self) -> None:
        """Copies the addresses of the marked rows, what the picked column says, or the selected row's address."""
        table = self.table
        selected, cell = table.selected, table.picked_text
        if table.marked:
            text = "\n".join(resource.address for resource in table.marked)
            what = f"{len(table.marked)} addresses"
        elif cell is not None:
            text = what = cell.strip()
        elif selected is not None:
            text = what = selected.name if selected.kind == "backend" else selected.address
        else:
            text = what = ""
        self.say(self.console.copied(text, what))

    def action_explain(self) -> None:
        """Shows why the selected row is as it is."""
        selected = self.table.selected
        if selected is None:
            self.say("no row is selected")
        elif selected.kind == "backend":
            self.console.open_backend_explanation(selected.name)
        else:
            self.console.open_explanation(selected, self._columns_of(selected))

    def action_retry(self) -> None:
        """Connects to the selected backend again."""
        selected = self.table.selected
        if selected is not None:
            self.console.retry_backend(selected.name if selected.kind == "backend" else selected.backend)

    async def action_out(self) -> None:
        """Lets go of the picked column, else clears the filter; without one goes back to the pane shown before."""
        if self.table.unpick():
            return
        if self.pane.filter_text:
            self.apply_filter("")
        elif self._place > 0:
            await self.action_history(-1)

    def action_quit(self) -> None:
        """Closes the console; nothing else ends."""
        self.console.exit()

    async def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Goes into a row: a backend shows its models, anything else itself."""
        resource = message.resource
        if resource.kind == "backend":
            await self.show_pane("models", f"backend={resource.name}")
        else:
            self.console.open_detail(resource)

    def on_live_table_moved(self, _: LiveTable.Moved) -> None:
        """Counts may have changed."""
        self.show_status()

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

    async def on_command_line_given(self, message: "CommandLine.Given") -> None:
        """Does what was typed."""
        self._close_prompt()
        await self.console.do_command(message.text)

    def on_command_line_left(self, _: "CommandLine.Left") -> None:
        """Nothing was wanted."""
        self._close_prompt()
        self.say("")

    def on_command_line_choices(self, message: "CommandLine.Choices") -> None:
        """Shows what the command could become."""
        self.say("  ".join(line.rpartition(" ")[2] for line in message.lines[:12]))

    def _resource(self) -> Resource | None:
        selected = self.table.selected
        return None if selected is None or selected.kind == "backend" else selected

    def _columns_of(self, resource: Resource) -> Sequence[Column]:
        schema = self.table.schema
        return schema.columns_of(resource) if schema is not None else ()

    def _with_selected(self, show: Callable[[Resource], None]) -> None:
        selected = self.table.selected
        if selected is None:
            self.say("no row is selected")
        elif selected.kind == "backend":
            self.console.open_backend(selected)
        else:
            show(selected)

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
        if info.kind:
            feed = console.feed(info)
            pane = TablePane(feed, self._palette, self._clock, id=f"pane-{info.name}")
        else:
            models, jobs = console.feed(MODELS), console.feed(JOBS)
            pane = DeckPane(models, jobs, self._palette, self._clock, id=f"pane-{info.name}")
            self.call_after_refresh(pane.set_backends, console.backends)
            self.call_after_refresh(pane.set_plugins, console.known.plugins)
        self._panes[info.name] = pane
        return pane

    async def _open_prompt(self, mark: str, prompt: "FilterBar | CommandLine") -> None:
        self._close_prompt()
        self._prompt = prompt
        self._mark.show(((f" {mark}", self._palette.bar_key),), fill=self._palette.bar)
        self._mark.display = True
        self._hints.display = False
        await self.query_one("#bottom").mount(prompt)
        self.set_focus(prompt)

    def _close_prompt(self) -> None:
        if self._prompt is not None:
            self._prompt.remove()
            self._prompt = None
            self._mark.display = False
            self._hints.display = True
            self.set_focus(self.table)

    def _show_lines(self) -> None:
        tabs = [(pane.key, pane.name) for pane in PANES]
        self._tabs.show(tab_parts(tabs, self.current.name, self._palette), fill=self._palette.bar)
        self.show_status()
        self._show_hints()

    def _show_hints(self) -> None:
        hints = [
            (self.app.get_key_display(active.binding), active.binding.description)
            for active in self.active_bindings.values()
            if active.binding.show and active.enabled
        ]
        self._hints.show(hint_parts(hints, self.size.width, self._palette), fill=self._palette.bar)
