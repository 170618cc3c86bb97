"""Logs of a job, a host or the runtime, followed until the user scrolls away; can be searched, wrapped and saved."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from quarterdeck.tui.keys import LOG_BINDINGS
from quarterdeck.tui.text_screen import TextScreen
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.logs import LOG_SOURCES, LogSourcesParams
from quarterdeck_api.protocol import GET, GetParams, LogLines, LogsParams
from quarterdeck_api.resources import CORE
from quarterdeck_api.visible import visible

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: Lines asked for at first.
_TAIL = 5_000


class SearchBar(Input):
    """The line in which a text to find is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(True)", "clear", id="search.clear"),
        Binding("enter,down", "leave(False)", "keep", id="search.keep"),
    ]

    class Left(Message):
        """The line was left; `clear` when nothing is to be found any more."""

        def __init__(self, clear: bool) -> None:
            super().__init__()
            self.clear = clear

    def __init__(self, text: str) -> None:
        super().__init__(text, placeholder="text to find", compact=True, id="search")
        self.cursor_blink = False

    def action_leave(self, clear: bool) -> None:
        """Leaves the line."""
        self.post_message(self.Left(clear))


class _Place(Struct, frozen=True):
    """One log that the screen can show: of which address, which of its logs, and what it is called."""

    address: str
    source: str
    title: str


class LogScreen(TextScreen[None]):
    """The last lines of a log, and what is written from now on."""

    DEFAULT_CSS = """
    LogScreen #search { height: 1; border: none; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*LOG_BINDINGS]

    def __init__(self, console: "ConsoleApp", address: str) -> None:
        super().__init__(console, f"logs {address}", follow=True)
        self.address = address
        self._stream = 0
        self._places: list[_Place] = []
        self._place = 0
        self._search: SearchBar | None = None

    def on_mount(self) -> None:
        """Opens the stream."""
        super().on_mount()
        if self.address.startswith(f"{CORE}/process/"):
            self.run_worker(self._open_first_instance(), exit_on_error=False)
        else:
            self._open(self.address)

    def on_unmount(self) -> None:
        """Closes the stream."""
        self.console.session.streams.close(self._stream)

    async def action_search(self) -> None:
        """Opens the line for a text to find."""
        if self._search is None:
            self._search = SearchBar(self.lines.needle)
            await self.mount(self._search, before=self.query_one("#hints"))
        self.set_focus(self._search)  # At once, so that what is typed meanwhile finds it.

    def on_input_changed(self, message: Input.Changed) -> None:
        """Finds while typing."""
        found = self.lines.search(message.value)
        self.note(f"{found:,} lines" if message.value else "")

    def on_search_bar_left(self, message: SearchBar.Left) -> None:
        """What was found stays shown, or not."""
        if message.clear:
            self.lines.search("")
            self.note("")
        self._close_search()

    def action_leave(self) -> None:
        """Shows what was found no more; without that goes back."""
        if self.lines.needle:
            self.lines.search("")
            self.note("")
        else:
            super().action_leave()

    def action_search_on(self, step: int) -> None:
        """Goes to the next place of the text, or the one before."""
        if not self.lines.search_on(step):
            self.note("nothing is found; / searches")

    def action_wrap(self) -> None:
        """Lets long lines go on in the next row, or cuts them."""
        self.lines.set_wrap(not self.lines.wrap)
        self.note("wrapped" if self.lines.wrap else "cut; left and right move")

    def action_follow(self) -> None:
        """Keeps the end in view, or stays here."""
        self.lines.set_follow(not self.lines.follow)
        self.note("following" if self.lines.follow else "standing still")

    def action_save(self) -> None:
        """Saves the lines that are here as a file in the folder in which the console was started."""
        from quarterdeck.tui.log_saving import save_lines

        try:
            file = save_lines(Path.cwd(), self.address, (text for text, _ in self.lines.lines))
        except QuarterdeckError as error:
            self.note(f"{error.message}; {error.remedy}")
        else:
            self.note(f"{len(self.lines.lines):,} lines saved as {file}")

    def _close_search(self) -> None:
        if self._search is not None:
            self._search.remove()
            self._search = None
            self.set_focus(self.lines)

    async def action_source(self) -> None:
        """Shows the next log of the resource, if it has several."""
        if not self._places:
            try:
                found = (await self.console.session.call(LOG_SOURCES, LogSourcesParams(self.address))).sources
            except QuarterdeckError as error:
                self.note(f"{error.message}; {error.remedy}" if error.remedy else error.message)
                return
            self._places = [_Place(self.address, each.name, each.title or each.name) for each in found]
        if len(self._places) < 2:
            self.note("it has one log only")
            return
        self._show_place((self._place + 1) % len(self._places))

    async def _open_first_instance(self) -> None:
        """Follows a process's instances, each of which has a log of its own: the first one's now."""
        try:
            rows = (await self.console.session.call(GET, GetParams("instance", CORE, wait=0.0))).resources
        except QuarterdeckError as error:
            self._failed(error)
            return
        self._places = [_Place(row.address, "", row.name) for row in rows if row.parent == self.address]
        if self._places:
            self._show_place(0)
        else:
            self._open(self.address)

    def _show_place(self, place: int) -> None:
        self._place, chosen = place, self._places[place]
        where = f"{chosen.title} ({place + 1}/{len(self._places)})" if len(self._places) > 1 else ""
        self.title_text(f"logs {self.address}  {where}".rstrip())
        self.console.session.streams.close(self._stream)
        self._forget()
        self._open(chosen.address, chosen.source)

    def _open(self, address: str, source: str = "") -> None:
        """Follows a log, the resource's first when none is named."""

        def params(number: int) -> LogsParams:
            return LogsParams(number, address, follow=True, tail=_TAIL, source=source)

        self._stream = self.console.session.streams.logs(self._take, params, self._failed, self._forget)

    def _forget(self) -> None:
        """The log is read from its last lines again: what is here would be there twice."""
        self.lines.set_lines([])

    def _failed(self, error: QuarterdeckError) -> None:
        self.show_text(["", f"  {error.message}", f"  {error.remedy}"])

    def _take(self, lines: LogLines) -> None:
        shown = self.plain(lines.lines)
        if lines.skipped:
            shown.insert(
                0,
                (f"— {lines.skipped:,} lines skipped: they came faster than they could be shown —", self.palette.muted),
            )
        if lines.error is not None:
            sentence = f"{lines.error.message}. {lines.error.remedy}".strip()
            shown.append((f"— {visible(sentence)} —", self.palette.error))
        if lines.ended:
            shown.append(("— end —", self.palette.muted))
        self.lines.append(shown)
