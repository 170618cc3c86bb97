"""Keeping a job's table as a dataset of the core."""

from pathlib import Path

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobContext, JobState


def keep_dataset(context: JobContext, table: str, name: str, title: str, target: str, *, replace: bool) -> str:
    """Has the core import TABLE.parquet, an artefact that the job has written, and waits; gives the dataset's address.

    Raises QuarterdeckError when the import fails.
    """
    path = Path(context.spec.spool_folder) / f"{table}.parquet"
    job = context.jobs.submit(
        "dataset.import",
        parameters={
            "file": str(path),
            "time": "time",
            "name": name,
            "target": target,
            "replace": replace,
            "title": title,
            "source": f"{context.spec.address}, core/job/{context.spec.job}",
        },
        key=f"save:{table}",
    )
    outcome = context.jobs.wait(job)
    if outcome.state is not JobState.SUCCEEDED:
        said = outcome.error
        raise QuarterdeckError(
            f"the dataset {name} was not made: {said.message if said else outcome.state.value}",
            said.remedy if said and said.remedy else f"see {job}",
        )
    context.log(f"kept as core/dataset/{name}")
    return f"core/dataset/{name}"
