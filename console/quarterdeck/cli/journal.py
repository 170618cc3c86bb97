"""`quarterdeck journal`."""

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.complete import complete
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck_api.protocol import JOURNAL, DoParams, JournalEntry, JournalParams
from quarterdeck_api.visible import visible

_TITLES = ("entry", "time", "actor", "action", "address", "decision", "outcome", "checked", "job", "detail")


@click.group("journal", invoke_without_command=True)
@click.option("--limit", default=50, help="How many entries, the newest first.")
@click.option("-f", "--filter", "filter_text", default="", help="Words, action=model.forecast, /regex/, !not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, limit: int, filter_text: str, as_json: bool) -> None:
    """Show what was requested, by whom, and what came of it, the newest first; check what is unknown."""
    if context.invoked_subcommand is not None:
        return
    with open_session("journal") as session:
        entries = session.call(JOURNAL, JournalParams(limit, filter=filter_text)).entries
    if as_json:
        write_json(complete(entries))
    else:
        write_lines(table_lines(_TITLES, [_row(entry) for entry in entries], frozenset({0})))


@command.command("check")
@click.argument("entries", nargs=-1, required=True, type=int, metavar="ENTRY...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(entries: tuple[int, ...], as_json: bool) -> int:
    """Find out what became of requests whose outcome is unknown; nothing is repeated."""
    from quarterdeck.cli.doing import Manner, carry_out

    addresses = tuple(f"core/journal/{entry}" for entry in entries)
    with open_session("journal") as session:
        return carry_out(session, DoParams("journal.check", addresses), Manner(as_json))


def _row(entry: JournalEntry) -> list[str]:
    texts = [
        entry.actor,
        entry.action,
        entry.address,
        entry.decision,
        entry.outcome,
        entry.checked,
        entry.job,
        entry.detail,
    ]
    return [str(entry.entry), time_text(entry.time), *(visible(text) for text in texts)]
