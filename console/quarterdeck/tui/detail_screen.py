"""One resource as a document that follows its changes: a model with its parameters, a job with progress, result, chart and history."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from quarterdeck.tui.cell_text import format_number
from quarterdeck.tui.document_view import DocumentView
from quarterdeck.tui.one_line import OneLine, Part
from quarterdeck.tui.session import Session
from quarterdeck.tui.style import GLYPHS, Palette
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import DESCRIBE, AddressParams
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.visible import visible

#: Seconds between two looks at a resource that keeps changing.
_PAUSE = 0.1
#: Seconds that a backend may take to describe a resource, with what the runtime needs itself.
_TIMEOUT = 15.0
#: Columns of a progress bar.
_BAR = 30


class DetailScreen(Screen[None]):
    """Shows one address until it is left; asks again whenever the resource changes."""

    DEFAULT_CSS = """
    DetailScreen { layout: vertical; }
    DetailScreen DocumentView { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "leave", "back", id="detail.leave"),
        Binding("a", "act", "actions", id="detail.actions"),
        Binding("l", "logs", "log", id="detail.logs"),
        Binding("c", "copy", "copy", id="detail.copy"),
        Binding("j,down", "scroll(1)", "down", show=False, id="detail.down"),
        Binding("k,up", "scroll(-1)", "up", show=False, id="detail.up"),
        Binding("pagedown,space", "page(1)", "page down", show=False, id="detail.page-down"),
        Binding("pageup", "page(-1)", "page up", show=False, id="detail.page-up"),
    ]

    def __init__(
        self,
        session: Session,
        palette: Palette,
        address: str,
        act: Callable[[str], None],
        logs: Callable[[str], None],
        copied: Callable[[str, str], str],
    ) -> None:
        super().__init__()
        self.address = address
        self._session = session
        self._palette = palette
        self._act = act
        self._logs = logs
        self._copied = copied
        self._changed = asyncio.Event()
        self._settled = False
        self._title = OneLine(palette.base, id="detail-title")
        self._progress = OneLine(palette.base, id="detail-progress")
        self._view = DocumentView(palette, id="detail-document")
        self._help = OneLine(palette.bar, id="detail-help")

    def compose(self) -> ComposeResult:
        """Title, progress, document, keys."""
        yield self._title
        yield self._progress
        yield self._view
        yield self._help

    async def on_mount(self) -> None:
        """Begins to follow the resource."""
        palette = self._palette
        self.styles.background = palette.screen_background
        self._title.show(((f" {visible(self.address)}", palette.accent),))
        keys = ((" esc", " back"), ("  a", " actions"), ("  l", " log"), ("  c", " copy"), ("  j k", " scroll"))
        self._help.show(tuple(part for key, what in keys for part in ((key, palette.bar_key), (what, palette.bar))))
        self._view.focus()
        self._changed.set()
        self.run_worker(self._follow(), exit_on_error=False)

    async def on_unmount(self) -> None:
        """Stops following."""
        await self._session.unwatch(self)

    def rows_loaded(self, resources: tuple[Resource, ...], *, first: bool, last: bool, total: int) -> None:
        """The resource as it was when the watch began."""
        self.rows_changed(resources, ())

    def rows_changed(self, upserts: tuple[Resource, ...], removes: tuple[str, ...]) -> None:
        """The resource changed, or is gone."""
        if any(resource.address == self.address for resource in upserts):
            self._changed.set()
        if self.address in removes:
            self._progress.show(((" this is gone", self._palette.health[Health.STOPPED]),))

    @property
    def settled(self) -> bool:
        """Whether the resource, or what is wrong with it, is shown."""
        return self._settled

    def action_leave(self) -> None:
        """Goes back to where the user came from."""
        self.dismiss(None)

    def action_act(self) -> None:
        """Offers what can be done with the resource."""
        self._act(self.address)

    def action_logs(self) -> None:
        """Shows the resource's log."""
        self._logs(self.address)

    def action_copy(self) -> None:
        """Copies the document as text."""
        said = self._copied(self._view.text, self.address)
        self._title.show(((f" {visible(self.address)}", self._palette.accent),), ((f"{said} ", self._palette.muted),))

    def action_scroll(self, lines: int) -> None:
        """Moves the document by lines."""
        self._view.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Moves the document by pages."""
        self._view.scroll_relative(y=pages * max(self._view.size.height - 1, 1), animate=False)

    async def _follow(self) -> None:
        backend, kind, _ = self.address.split("/", 2)
        try:
            await self._session.watch(self, kind, backend, self.address)
        except QuarterdeckError as error:
            self._complain(error)
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                found = await self._session.call(DESCRIBE, AddressParams(self.address), _TIMEOUT)
            except QuarterdeckError as error:
                self._complain(error)
            else:
                self._show_state(found.resource, dict(zip(found.columns, found.resource.cells, strict=False)))
                self._view.show(found.document)
            self._settled = True
            await asyncio.sleep(_PAUSE)

    def _show_state(self, resource: Resource, cells: dict[str, str | int | float | bool | None]) -> None:
        palette = self._palette
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
