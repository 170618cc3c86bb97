"""`quarterdeck get` with everything that click offers; the plain forms go through `quick`."""

import click

from quarterdeck.cli.choices import BACKEND, KIND
from quarterdeck.cli.listing import Listing, run_listing


@click.command("get")
@click.argument("kind", type=KIND)
@click.option("-b", "--backend", default="", type=BACKEND, help="Only this backend.")
@click.option("-f", "--filter", "filter_text", default="", help="Words, name<2, /regex/, ~fuzzy, !not; all must hold.")
@click.option("-w", "--watch", is_flag=True, help="Go on with every change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, backend: str, filter_text: str, watch: bool, as_json: bool) -> int:
    """Show resources of a KIND: nodes, models, jobs, datasets, plugins and what plugins add.

    KIND may be singular, plural, or the beginning of either.
    """
    return run_listing(Listing(kind, backend, filter_text, watch, as_json))
