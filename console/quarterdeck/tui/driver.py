"""The terminal driver: Textual's, but ESC is answered at once, an idle console does not wake up, and only what changes is sent."""

import os
import selectors
from codecs import getincrementaldecoder

from textual import constants
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from quarterdeck.tui.frame_memory import FrameMemory
from quarterdeck.tui.terse_sgr import colourless, terse


class QuickDriver(LinuxDriver):
    """Waits for a key without a tick, except while a lone ESC may still become a longer key."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._wake_reader, self._wake_writer = os.pipe()
        self._memory = FrameMemory()
        self._frame_begins = False
        self._away = False

    def write(self, data: str) -> None:
        """Sends to the terminal what it does not show yet; a frame without news is not sent at all."""
        if self._away:
            return  # The terminal belongs to another program; all of it is sent again afterwards.
        if data == SYNC_START:
            self._frame_begins = True
            return
        if data == SYNC_END and self._frame_begins:
            self._frame_begins = False
            return
        news = self._memory.news(data)
        if not news:
            return
        if self._frame_begins:
            self._frame_begins = False
            super().write(SYNC_START)
        # Textual's own widgets and blank regions have colours even where the palette has none.
        super().write(terse(colourless(news) if self._app.no_color else news))

    def suspend_application_mode(self) -> None:
        """Leaves the terminal to another program, as it was before the console began."""
        self.stop_application_mode()
        self._away = True
        super().close()  # Ends the writing thread only: what wakes the reading one is needed again.

    def resume_application_mode(self) -> None:
        """Takes the terminal back; the next frame is sent whole."""
        self._away = False
        self.forget_screen()
        self.start_application_mode()

    def forget_screen(self) -> None:
        """Sends the next frame whole: what the terminal shows is not known any more."""
        self._memory.clear()

    def run_input_thread(self) -> None:
        """Reads keys and hands them to the application until it ends."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            pending = False
            while not self.exit_event.is_set():
                for key, _ in selector.select(constants.ESCAPE_DELAY if pending else None):
                    if key.fd == self._wake_reader:
                        os.read(self._wake_reader, 1)
                        return
                    text = decode(os.read(self.fileno, 4096))
                    if not text:
                        self._app.call_later(self._app.exit)  # The terminal is gone.
                        return
                    for message in parser.feed(text):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
                pending = parser._timeout_time is not None

    def disable_input(self) -> None:
        """Ends the reading of keys."""
        thread = self._key_thread
        if thread is not None and thread.is_alive():
            os.write(self._wake_writer, b".")
            thread.join()
        super().disable_input()

    def close(self) -> None:
        """Releases what the driver holds."""
        super().close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
