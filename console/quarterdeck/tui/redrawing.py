"""Paints the whole terminal anew, after something else has written on it."""

from textual.app import App

from quarterdeck.tui.driver import QuickDriver

_CLEAR = "\x1b[2J"


def redraw(app: App[None]) -> None:
    """Clears the terminal and sends the screen in front as it is."""
    driver = app._driver
    if isinstance(driver, QuickDriver):
        driver.forget_screen()
    if driver is not None:
        driver.write(_CLEAR)
    app.screen.refresh(layout=True)
