"""`quarterdeck dataset`."""

from pathlib import Path

import click

from quarterdeck.cli.choices import DATASET
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck.cli.session import open_session
from quarterdeck_api.protocol import DoParams


@click.group("dataset")
def command() -> None:
    """Import, export and list datasets."""


@command.command("import")
@click.argument("file")
@click.option("--time", required=True, metavar="COLUMN", help="The column that holds the time of each row.")
@click.option("--name", default="", help="The dataset's name; the file's name when left out.")
@click.option("--target", default="", metavar="COLUMN", help="The column to forecast when none is said.")
@click.option("--frequency", default="", help="The spacing (MS, h, D…); inferred when left out.")
@click.option("--time-zone", default="", help="The IANA zone of times that carry no offset.")
@click.option("--replace", is_flag=True, help="Replace a dataset of that name.")
@click.option("--no-wait", is_flag=True, help="Print the job's address and go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_file(
    file: str,
    time: str,
    name: str,
    target: str,
    frequency: str,
    time_zone: str,
    replace: bool,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Import a CSV or Parquet FILE as a dataset: every row is checked, and the job's result says what was found."""
    said = {"name": name, "target": target, "frequency": frequency, "time_zone": time_zone, "replace": replace}
    parameters = {"file": str(Path.cwd() / Path(file).expanduser()), "time": time}
    parameters |= {key: value for key, value in said.items() if value}
    with open_session("dataset") as session:
        return carry_out(session, DoParams("dataset.import", parameters=parameters), Manner(as_json, no_wait))


@command.command("export")
@click.argument("name", type=DATASET)
@click.argument("file")
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), help="By the file's suffix when left out.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option("--no-wait", is_flag=True, help="Print the job's address and go.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export_file(name: str, file: str, form: str | None, force: bool, no_wait: bool, as_json: bool) -> int:
    """Export the dataset NAME as a CSV or Parquet FILE, which is whole or not there."""
    said = {"format": form, "force": force}
    parameters: dict[str, object] = {"file": str(Path.cwd() / Path(file).expanduser())}
    parameters |= {key: value for key, value in said.items() if value}
    address = name if "/" in name else f"core/dataset/{name}"
    with open_session("dataset") as session:
        request = DoParams("dataset.export", (address,), parameters)
        return carry_out(session, request, Manner(as_json, no_wait))


@command.command("list")
@click.option("-f", "--filter", "filter_text", default="", help="Words, rows>100, /regex/, ~fuzzy, !not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_datasets(filter_text: str, as_json: bool) -> int:
    """List datasets: imported ones, and samples that come with plugins."""
    return run_listing(Listing("dataset", filter=filter_text, as_json=as_json))
