"""`quarterdeck journal`."""

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.complete import complete
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck_api.protocol import JOURNAL, JournalEntry, JournalParams
from quarterdeck_api.visible import visible

_TITLES = ("entry", "time", "actor", "action", "address", "decision", "outcome", "job", "detail")


@click.command("journal")
@click.option("--limit", default=50, help="How many entries, the newest first.")
@click.option("-f", "--filter", "filter_text", default="", help="Words, action=model.forecast, /regex/, !not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(limit: int, filter_text: str, as_json: bool) -> None:
    """Show what was requested, by whom, and what came of it, the newest first."""
    with open_session("journal") as session:
        entries = session.call(JOURNAL, JournalParams(limit, filter=filter_text)).entries
    if as_json:
        write_json(complete(entries))
    else:
        write_lines(table_lines(_TITLES, [_row(entry) for entry in entries], frozenset({0})))


def _row(entry: JournalEntry) -> list[str]:
    texts = [entry.actor, entry.action, entry.address, entry.decision, entry.outcome, entry.job, entry.detail]
    return [str(entry.entry), time_text(entry.time), *(visible(text) for text in texts)]
