"""What the command line may ask of the console without importing it."""

from collections.abc import Callable
from typing import NamedTuple


class Screens(NamedTuple):
    """Ways into the console: `console()` opens it, `snapshot(width, height, svg, pane, address)` gives one frame."""

    console: Callable[[], int]
    snapshot: Callable[[int, int, bool, int, str], str]
