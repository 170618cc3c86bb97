"""The ways into the console: on a terminal, or as one frame without one. Imports no Textual until one of them is taken."""

import os
from typing import TYPE_CHECKING

from quarterdeck.config.paths import InstancePaths, instance_paths

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: Milliseconds after which a lone ESC is a key of its own; a terminal sends longer keys in one go.
_ESCAPE_MILLISECONDS = "10"

#: Textual's timer of frames makes a key wait that comes right after a change of the backend. Measured while cells change: 95 % of keys within 25 ms at
#: 60 frames a second, within 9 at 1,000, for the same processor time.
_FRAMES_A_SECOND = "1000"

_THEME_VARIABLE = "QUARTERDECK_THEME"


def run_console(paths: InstancePaths | None = None) -> int:
    """Opens the console on this terminal; returns its exit code when the user leaves it."""
    app = make_console(paths or instance_paths(), on_terminal=True)
    app.run()
    return app.return_code or 0


def make_console(paths: InstancePaths, pane: str = "deck", *, on_terminal: bool = False) -> "ConsoleApp":
    """The application of an instance, with the settings of its configuration file; a wrong setting is said in the status line."""
    os.environ.setdefault("ESCDELAY", _ESCAPE_MILLISECONDS)  # Textual reads these when it is imported.
    os.environ.setdefault("TEXTUAL_FPS", _FRAMES_A_SECOND)
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from quarterdeck.tui.connecting import connector
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.theme_files import DEFAULT_THEME

    def keep(name: str) -> None:
        from quarterdeck.tui.theme_keeping import keep_theme

        keep_theme(paths.config_file, name)

    connect = connector(paths)
    driver = None
    if on_terminal:
        from quarterdeck.tui.driver import QuickDriver as driver
    if not paths.config_file.is_file() and _THEME_VARIABLE not in os.environ:
        return ConsoleApp(connect, theme=DEFAULT_THEME, pane=pane, keep_theme=keep, driver_class=driver)
    from quarterdeck.config.files import load_settings
    from quarterdeck.tui.theme_files import builtin_theme

    loaded = load_settings(paths)
    choice = builtin_theme(loaded.settings.console.theme)
    notices = [*(str(problem) for problem in loaded.problems[:1]), choice.message]
    return ConsoleApp(
        connect,
        theme=choice.theme,
        keys=loaded.settings.console.keys,
        keymap=loaded.settings.console.keymap,
        pane=pane,
        notice="; ".join(notice for notice in notices if notice),
        keep_theme=keep,
        driver_class=driver,
    )
