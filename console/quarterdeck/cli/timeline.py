"""`quarterdeck timeline`."""

import time

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.drawing.quantities import format_duration
from quarterdeck_api.resources import Address
from quarterdeck_api.timeline import TIMELINE, TIMELINE_LIMIT, TimelineParams, TimelineResult
from quarterdeck_api.visible import visible

_TITLES = ("since", "for", "health", "state", "reason")


@click.command("timeline")
@click.argument("address", type=ADDRESS)
@click.option("--limit", default=50, type=click.IntRange(1, TIMELINE_LIMIT), help="How many entries, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(address: str, limit: int, as_json: bool) -> None:
    """Show how the resource at ADDRESS has been over time, the newest first: health, state, and the reason for it."""
    parsed = Address.parse(address)
    with open_session("timeline") as session:
        session.await_backends([parsed])
        found = session.call(TIMELINE, TimelineParams(address, limit))
    if as_json:
        entries = [
            {"time": entry.time, "health": entry.health.value, "state": entry.state, "reason": entry.reason}
            for entry in found.entries
        ]
        write_json({"address": address, "gone": found.gone, "more": found.more, "entries": entries})
    else:
        write_lines(table_lines(_TITLES, _rows(found, time.time())))


def _rows(found: TimelineResult, now: float) -> list[list[str]]:
    rows: list[list[str]] = []
    until = now
    for number, entry in enumerate(found.entries):
        # How long the last state of something that is gone lasted is not known.
        lasted = "" if found.gone and number == 0 else format_duration(max(0.0, until - entry.time))
        rows.append([time_text(entry.time), lasted, entry.health.value, visible(entry.state), visible(entry.reason)])
        until = entry.time
    return rows
