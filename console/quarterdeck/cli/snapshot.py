"""`quarterdeck snapshot`."""

import re

import click

from quarterdeck.cli.screens import Screens
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck_api.errors import UsageError

_SIZE = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")
_SMALLEST = (40, 12)


@click.command("snapshot")
@click.option("--size", default="120x40", metavar="COLUMNSxLINES", help="The frame's size.")
@click.option("--svg", is_flag=True, help="Print an SVG image.")
@click.option("--pane", default=1, metavar="N", help="The pane to show, 1 to 9.")
@click.option("--address", default="", help="The resource to show instead of a pane.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(screens: Screens, size: str, svg: bool, pane: int, address: str, as_json: bool) -> None:
    """Print one frame of the console."""
    width, height = read_size(size)
    frame = screens.snapshot(width, height, svg, pane, address)
    if as_json:
        shown = {"width": width, "height": height, "pane": pane, "address": address}
        write_json({**shown, "format": "svg" if svg else "text", "frame": frame})
    else:
        write_lines(frame.splitlines())


def read_size(text: str) -> tuple[int, int]:
    """Columns and lines; raises UsageError when the text is no size or too small for the console."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is not a size", "write COLUMNSxLINES, as in 120x40")
    size = int(found[1]), int(found[2])
    if size < _SMALLEST or size[1] < _SMALLEST[1]:
        raise UsageError(f"{text} is too small", f"the least is {_SMALLEST[0]}x{_SMALLEST[1]}")
    return size
