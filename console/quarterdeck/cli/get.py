"""`quarterdeck get` with everything that click offers; the plain forms go through `quick`."""

import click

from quarterdeck.cli.choices import ADDRESS, BACKEND, KIND
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck_api.errors import UsageError


@click.command("get")
@click.argument("kind", type=KIND)
@click.option("-b", "--backend", default="", type=BACKEND, help="Only this backend.")
@click.option("-f", "--filter", "filter_text", default="", help="Words, name<2, /regex/, ~fuzzy, !not; all must hold.")
@click.option("-w", "--watch", is_flag=True, help="Go on with every change.")
@click.option("--parent", default="", type=ADDRESS, help="Of a browsed kind: what is below this resource.")
@click.option("--limit", default=0, metavar="N", help="Of a browsed kind: how many a page has (200, at most 1000).")
@click.option("--cursor", default="", help="Of a browsed kind: where to go on, as the page before says.")
@click.option("--last", is_flag=True, help="Of a browsed kind: the page that ends the list.")
@click.option("--all", "everything", is_flag=True, help="Of a browsed kind: every page to the end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    kind: str,
    backend: str,
    filter_text: str,
    watch: bool,
    parent: str,
    limit: int,
    cursor: str,
    last: bool,
    everything: bool,
    as_json: bool,
) -> int:
    """Show resources of a KIND: nodes, models, jobs, datasets, plugins and what plugins add.

    KIND may be singular, plural, or the beginning of either. Of kinds that are browsed, of which there is too much to list, a page is shown.
    """
    if not (parent or limit or cursor or last or everything):
        return run_listing(Listing(kind, backend, filter_text, watch, as_json))
    if watch:
        raise UsageError("a browsed kind cannot be watched", "leave --watch out")
    from quarterdeck.cli.browsing import BrowseListing, run_browsing
    from quarterdeck.cli.kinds import resolve_kind
    from quarterdeck.cli.listing import known_kinds
    from quarterdeck.cli.session import open_session

    with open_session("get") as session:
        found = resolve_kind(kind, known_kinds(session.catalogue()))
        return run_browsing(
            session, BrowseListing(found, backend, filter_text, parent, cursor, limit, last, everything, as_json)
        )
