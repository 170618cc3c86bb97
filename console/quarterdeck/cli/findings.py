"""`quarterdeck findings`."""

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.listing import SYNC_WAIT
from quarterdeck.cli.session import ANSWER_TIMEOUT, open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck_api.protocol import GET, GetParams
from quarterdeck_api.resources import CORE, Resource, resource_document
from quarterdeck_api.visible import visible


@click.command("findings")
@click.option("-f", "--filter", "filter_text", default="", help="Words, code=disk-nearly-full, /regex/, !not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(filter_text: str, as_json: bool) -> None:
    """Show what needs attention, and what to do about it."""
    with open_session("findings") as session:
        found = session.call(GET, GetParams("finding", CORE, filter_text, SYNC_WAIT), SYNC_WAIT + ANSWER_TIMEOUT)
    documents = [_document(each, found.columns.get(CORE, ())) for each in found.resources]
    documents.sort(key=lambda each: (each["severity"] != "critical", each["since"]))
    if as_json:
        write_json(documents)
        return
    for each in documents:
        write_lines(_lines(each))
    if not documents:
        narrate("nothing needs attention")


def _document(resource: Resource, columns: tuple[str, ...]) -> dict[str, object]:
    """The documented JSON form of a finding."""
    whole = resource_document(resource, columns)
    cells = whole["cells"]
    assert isinstance(cells, dict)
    return {
        "severity": cells["severity"],
        "code": cells["code"],
        "address": cells["address"],
        "sentence": resource.reason,
        "remedy": cells["remedy"],
        "since": resource.since,
    }


def _lines(finding: dict[str, object]) -> list[str]:
    since = finding["since"]
    assert isinstance(since, float)
    head = f"{finding['severity']}  {finding['address']}  {finding['code']}  since {time_text(int(since))}"
    return [visible(head), f"  {visible(str(finding['sentence']))}", f"  try: {visible(str(finding['remedy']))}"]
