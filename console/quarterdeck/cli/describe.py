"""`quarterdeck describe`."""

import click

from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.complete import complete
from quarterdeck.cli.documents import write_document
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json
from quarterdeck_api.protocol import DESCRIBE, AddressParams
from quarterdeck_api.resources import Address, resource_document

#: Seconds that a backend may take to describe a resource.
DESCRIBE_TIMEOUT = 30.0


@click.command("describe")
@click.argument("address", type=ADDRESS)
@click.option("--live", "-w", "--watch", "live", is_flag=True, help="Go on with every change, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --live one document a line.")
def command(address: str, live: bool, as_json: bool) -> int | None:
    """Show everything about the resource at ADDRESS, as in ainode/model/arima."""
    parsed = Address.parse(address)
    with open_session("describe") as session:
        session.await_backends([parsed])
        if live:
            from quarterdeck.cli.live_describing import follow_document

            return follow_document(session, address, as_json)
        found = session.call(DESCRIBE, AddressParams(address), DESCRIBE_TIMEOUT)
    if as_json:
        write_json({"resource": resource_document(found.resource, found.columns), "document": complete(found.document)})
    else:
        write_document(found.document)
    return None
