"""`quarterdeck jobs`."""

import click

from quarterdeck.cli.choices import JOB
from quarterdeck.cli.complete import complete
from quarterdeck.cli.documents import write_document
from quarterdeck.cli.doing import Manner, carry_out, wait_for
from quarterdeck.cli.following import job_number
from quarterdeck.cli.listing import Listing, run_listing
from quarterdeck.cli.outcomes import job_code, job_document, tell_job
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import write_json
from quarterdeck_api.protocol import DESCRIBE, JOB_GET, AddressParams, DoParams, JobParams

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("jobs", invoke_without_command=True)
@_JSON
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List jobs; show, cancel, retry or wait for one, by number or address."""
    return run_listing(Listing("job", as_json=as_json)) if context.invoked_subcommand is None else 0


@command.command("list")
@click.option("-f", "--filter", "filter_text", default="", help="Words, state=failed, /regex/, ~fuzzy, !not.")
@_JSON
def list_jobs(filter_text: str, as_json: bool) -> int:
    """List jobs."""
    return run_listing(Listing("job", filter=filter_text, as_json=as_json))


@command.command("show")
@click.argument("job", type=JOB)
@_JSON
def show(job: str, as_json: bool) -> None:
    """Show everything recorded of a job."""
    number = job_number(job)
    with open_session("jobs") as session:
        if as_json:
            write_json(complete(session.call(JOB_GET, JobParams(number))))
        else:
            write_document(session.call(DESCRIBE, AddressParams(f"core/job/{number}")).document)


@command.command("cancel")
@click.argument("jobs", nargs=-1, required=True, type=JOB)
@_JSON
def cancel(jobs: tuple[str, ...], as_json: bool) -> int:
    """Ask jobs to end."""
    return _act("job.cancel", jobs, as_json)


@command.command("retry")
@click.argument("jobs", nargs=-1, required=True, type=JOB)
@click.option("--from", "first_step", default="", metavar="STEP", help="Keep what was done before this step only.")
@_JSON
def retry(jobs: tuple[str, ...], first_step: str, as_json: bool) -> int:
    """Queue jobs that have ended once more; steps that are done are not done again."""
    return _act("job.retry", jobs, as_json, {"from": first_step} if first_step else {})


@command.command("wait")
@click.argument("job", type=JOB)
@_JSON
def wait(job: str, as_json: bool) -> int:
    """Wait for a job and show its result; jobs that did not succeed exit with 1."""
    number = job_number(job)
    with open_session("jobs") as session:
        record = wait_for(session, f"core/job/{number}")
    if as_json:
        write_json(job_document(record))
    else:
        tell_job(record)
    return job_code(record)


def _act(action: str, jobs: tuple[str, ...], as_json: bool, parameters: dict[str, str] | None = None) -> int:
    addresses = tuple(f"core/job/{job_number(job)}" for job in jobs)
    with open_session("jobs") as session:
        return carry_out(session, DoParams(action, addresses, dict(parameters or {}), confirmed=True), Manner(as_json))
