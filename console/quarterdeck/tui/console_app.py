"""The console: an application that shows its first frame before it knows anything, and connects after it."""

import os
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.signal import Signal
from textual.theme import Theme

from quarterdeck.tui.feed_shelf import FeedShelf
from quarterdeck.tui.hints import Noting
from quarterdeck.tui.key_relay import KeyedApp
from quarterdeck.tui.kind_choices import child_kinds, kind_title
from quarterdeck.tui.main_screen import MainScreen
from quarterdeck.tui.session import Connected, Session
from quarterdeck.tui.style import Palette, make_palette, monochrome_palette
from quarterdeck.tui.theme_files import DEFAULT_THEME
from quarterdeck_api.catalogue import Column, ThemeInfo
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import BACKEND_RETRY, AddressParams, BackendState, CatalogueResult
from quarterdeck_api.resources import Resource

if TYPE_CHECKING:
    from quarterdeck.tui.commands import World

_NOTHING_KNOWN = CatalogueResult((), ())

#: Seconds within which several changes become one look at the deck.
_DECK_SECONDS = 0.1


class ConsoleApp(KeyedApp):
    """The console. `connect` makes a connection to the runtime and is first called after the first frame."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: $background; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "quit", show=False, system=True, id="app.quit", priority=True),
        Binding("ctrl+l", "redraw", "redraw the screen", show=False, id="app.redraw"),
        Binding("ctrl+p", "palette", "palette", show=False, id="app.palette"),
    ]

    def __init__(
        self,
        connect: Connected,
        *,
        theme: ThemeInfo = DEFAULT_THEME,
        keys: dict[str, str] | None = None,
        keymap: str = "",
        clock: Callable[[], float] = time.time,
        pane: str = "deck",
        notice: str = "",
        keep_theme: Callable[[str], None] | None = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.animation_level = "none"
        # The status line says it all; Textual's own boxes would cost every screen two widgets, a layout and a repaint.
        self._disable_notifications = self._disable_tooltips = True
        self.title = "quarterdeck"
        self.clock = clock
        self.known = _NOTHING_KNOWN
        self.session = Session(connect, self)
        self.palette = self._palette_of(theme)
        self.feeds = FeedShelf(
            self.session, self._spawn_asking, self._deck_changed, lambda sentence: self.say(sentence, error=True)
        )
        self._first_pane = pane
        self._keys = keys or {}
        self._keymap_name = keymap
        self._keep_theme = keep_theme
        self._notices = [notice] if notice else []
        self._deck_waits = False
        #: The state of a backend changed.
        self.backends_changed: Signal[tuple[BackendState, ...]] = Signal(self, "backends")
        self._main: MainScreen | None = None
        self._use_theme(theme)

    @property
    def main(self) -> MainScreen:
        """The screen of panes."""
        assert self._main is not None
        return self._main

    @property
    def backends(self) -> tuple[BackendState, ...]:
        """Every backend as last heard."""
        return self.session.backends

    @property
    def typed_into(self) -> object:
        """The line that is being typed into."""
        return self.main.prompt

    def get_default_screen(self) -> MainScreen:
        """The screen of panes."""
        self._main = MainScreen(self, self._first_pane, self.palette, self.clock)
        return self._main

    def on_mount(self) -> None:
        """Connects once the first frame is on its way to the terminal."""
        if self._keys:
            self.set_keys(self._keys)
            self._notices += [self.key_problems] if self.key_problems else []
        self.main.call_after_refresh(self._begin)

    def on_resize(self) -> None:
        """A terminal of another size may have moved or cut what it shows."""
        from quarterdeck.tui.driver import QuickDriver

        if isinstance(self._driver, QuickDriver):
            self._driver.forget_screen()

    def _begin(self) -> None:
        if self._notices:
            self.say("; ".join(self._notices))
        self.session.start()

    async def on_unmount(self) -> None:
        """Ends the connection."""
        await self.session.close()

    def say(self, message: str, *, error: bool = False) -> None:
        """Shows a message in the status line, and on the screen in front of it."""
        self.main.say(message, error=error)
        if isinstance(front := self.screen, Noting):
            front.note(message, error=error)

    def _use_keymap(self) -> None:
        """Uses the set of keys of a plugin that the configuration names, below the user's own wishes; once it is known."""
        name = self._keymap_name
        if not name:
            return
        catalogues = [status.catalogue for status in self.known.plugins if status.catalogue is not None]
        found = next((each for known in catalogues for each in known.keymaps if each.name == name), None)
        self._keymap_name = ""
        if found is None:
            self.say(f"keys: no plugin has the keymap {name!r}", error=True)
            return
        self.set_keys({**found.keys, **self._keys})
        if self.key_problems:
            self.say(self.key_problems, error=True)

    # What the session says.

    def catalogue_known(self, known: CatalogueResult) -> None:
        """Plugins and backends are known (again)."""
        self.known = known
        self.feeds.catalogue_known(known)
        self._use_keymap()
        self.main.set_backends(known.backends)
        self.main.set_plugins(known.plugins)

    def backends_known(self, backends: tuple[BackendState, ...]) -> None:
        """The state of a backend changed."""
        self.main.set_backends(backends)
        self.backends_changed.publish(backends)

    def connection_said(self, sentence: str) -> None:
        """How the connection is; empty when it is there."""
        self.main.set_connection(sentence)

    # What panes ask for.

    def kinds_below(self, resource: Resource) -> tuple[str, ...]:
        """The kinds that lie below a resource."""
        return child_kinds(self.known, resource).ids

    def kind_title(self, kind: str) -> str:
        """What many of the kind are called."""
        return kind_title(self.known, kind).lower()

    def world(self) -> "World":
        """What commands can name now."""
        from quarterdeck.tui.doing_commands import world_of

        return world_of(self)

    async def do_command(self, text: str) -> None:
        """Does what was typed after `:`."""
        from quarterdeck.tui.doing_commands import do_command

        await do_command(self, text)

    def use_theme_named(self, name: str) -> None:
        """Shows everything in another theme, from now on and after the next start."""
        from quarterdeck.tui.theme_files import builtin_theme

        choice = builtin_theme(name)
        self.palette = self._palette_of(choice.theme)
        self._use_theme(choice.theme)
        self.main.set_palette(self.palette)
        self.say(choice.message)
        if self._keep_theme is None or choice.message:
            return
        try:
            self._keep_theme(name)
        except QuarterdeckError as error:
            self.say(f"{error.message}; {error.remedy}", error=True)

    # Screens over the panes.

    def action_palette(self) -> None:
        """Offers everything that can be done or gone to, found by some letters."""
        from quarterdeck.tui.palette_choices import choose_from_palette

        self.hold_keys()
        self.run_worker(choose_from_palette(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key works now: the palette is about what the panes show."""
        return self.screen is self._main if action == "palette" else super().check_action(action, parameters)

    def action_redraw(self) -> None:
        """Paints the whole terminal anew."""
        from quarterdeck.tui.redrawing import redraw

        redraw(self)

    def open_help(self) -> None:
        """Shows the keys of the screen in front."""
        from quarterdeck.tui.help_screen import HelpScreen

        self.push_screen(HelpScreen(self, dict(self.screen.active_bindings)))

    async def open_command_line(self) -> None:
        """Goes back to the panes from whatever is in front, and opens the line for a command."""
        while self.screen is not self.main:
            await self.pop_screen()
        await self.main.action_command()
        self.release_keys()

    def open_detail(self, resource: Resource) -> None:
        """Shows what is known of a resource."""
        self.open_detail_of(resource.address)

    def open_detail_of(self, address: str) -> None:
        """Shows what is known of the resource at an address."""
        from quarterdeck.tui.detail_screen import DetailScreen

        self.push_screen(DetailScreen(self, address))

    def open_logs(self, resource: Resource) -> None:
        """Shows the logs of a resource."""
        self.open_logs_of(resource.address)

    def open_logs_of(self, address: str) -> None:
        """Shows the logs at an address."""
        from quarterdeck.tui.log_screen import LogScreen

        self.push_screen(LogScreen(self, address))

    def open_timeline(self, address: str) -> None:
        """Shows how the resource at an address has been over time."""
        from quarterdeck.tui.timeline_screen import TimelineScreen

        self.push_screen(TimelineScreen(self, address))

    def open_editor(self, address: str) -> None:
        """Has the user edit the text of the resource at an address."""
        from quarterdeck.tui.editing import edit_resource

        self.run_worker(edit_resource(self, address))

    def open_shell(self, resource: Resource) -> None:
        """Opens a shell on a resource."""
        from quarterdeck.tui.actions import begin_shell

        self.run_worker(begin_shell(self, resource))

    def open_raw(self, resource: Resource, columns: Sequence[Column]) -> None:
        """Shows a resource as the data that it is; its cells stand in these columns."""
        from quarterdeck.tui.raw_screen import RawScreen

        self.push_screen(RawScreen(self, resource, tuple(column.id for column in columns)))

    def open_backend(self, row: Resource) -> None:
        """Shows a backend's own state as data."""
        from quarterdeck.tui.raw_screen import RawScreen

        self.push_screen(RawScreen(self, row, ("models", "running", "type", "since", "mode")))

    def open_actions(self, kind: str, resources: Sequence[Resource]) -> None:
        """Shows what can be done with resources, all of them at once, or in a pane."""
        from quarterdeck.tui.actions import choose_action, offered_actions

        offer = offered_actions(self.known, kind, resources)
        if not offer.actions:
            self.say("nothing can be done here")
            return
        subject = resources[0].address if len(resources) == 1 else f"{len(resources)} marked" if resources else kind
        self.hold_keys()
        self.run_worker(choose_action(self, offer, subject, tuple(resource.address for resource in resources)))

    def copied(self, text: str, what: str) -> str:
        """Has the terminal copy a text; says what happened."""
        from quarterdeck.tui.clipboard import clipboard_sequence

        try:
            sequence = clipboard_sequence(text, in_tmux="TMUX" in os.environ)
        except QuarterdeckError as error:
            return f"{error.message}; {error.remedy}"
        if self._driver is None:
            return "nothing was copied: there is no terminal"
        self._driver.write(sequence)
        # A terminal does not say whether it has done so; some do it only when they are told to in their settings.
        return f"given to the terminal to copy: {what} ({len(text):,} characters)"

    def open_explanation(self, resource: Resource, columns: Sequence[Column]) -> None:
        """Shows why a resource, whose cells stand in these columns, is as it is."""
        from quarterdeck.tui.explaining import explain_resource

        jobs = self.feeds.get("job")
        backend = next((each for each in self.backends if each.name == resource.backend), None)
        targets = jobs.targets() if jobs is not None else ()
        self._explain(
            resource.address, explain_resource(resource, columns, backend, targets, self.feeds.row, self.clock())
        )

    def open_finding_explanation(self, finding: Resource) -> None:
        """Shows a finding in full, with what to do about it."""
        from quarterdeck.tui.deck_rows import finding_remedy, finding_target

        self._explain(finding_target(finding), (finding.reason, f"What to do: {finding_remedy(finding)}"))

    def open_backend_explanation(self, name: str) -> None:
        """Shows why a backend is as it is."""
        from quarterdeck.tui.explaining import explain_backend

        backend = next((each for each in self.backends if each.name == name), None)
        if backend is not None:
            self._explain(name, explain_backend(backend, self.clock()))

    def _explain(self, subject: str, sentences: Sequence[str]) -> None:
        from textwrap import wrap

        from quarterdeck.tui.text_screen import TextScreen

        width = max(self.size.width - 2, 20)
        screen = TextScreen(self, f"why {subject}", wrap=True)
        screen.show_text([f" {line}" for sentence in sentences for line in ("", *wrap(sentence, width))])
        self.push_screen(screen)

    def retry_backend(self, name: str) -> None:
        """Connects to a backend again now."""
        self.run_worker(self._retry(name))

    async def _retry(self, name: str) -> None:
        try:
            await self.session.call(BACKEND_RETRY, AddressParams(name))
            self.say(f"{name} is asked again")
        except QuarterdeckError as error:
            self.say(error.message, error=True)

    def _spawn_asking(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, group="asking", exit_on_error=False)

    def _deck_changed(self) -> None:
        if not self._deck_waits:
            self._deck_waits = True
            self.set_timer(_DECK_SECONDS, self._refresh_deck)

    def _refresh_deck(self) -> None:
        self._deck_waits = False
        self.main.refresh_deck()

    def _palette_of(self, theme: ThemeInfo) -> Palette:
        return monochrome_palette(theme) if self.no_color else make_palette(theme)

    def _use_theme(self, theme: ThemeInfo) -> None:
        colours = theme.colours
        if self.palette.screen_background is None:
            self.theme = "ansi-dark" if theme.dark else "ansi-light"
            return
        self.register_theme(
            Theme(
                f"quarterdeck-{theme.name}",
                primary=colours["accent"],
                accent=colours["accent"],
                foreground=colours["foreground"],
                background=colours["background"],
                surface=colours["background"],
                panel=colours["selection"],
                success=colours["ok"],
                warning=colours["degraded"],
                error=colours["failed"],
                dark=theme.dark,
            )
        )
        self.theme = f"quarterdeck-{theme.name}"
