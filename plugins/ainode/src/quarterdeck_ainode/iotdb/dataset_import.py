"""How a job makes a dataset of a file that it wrote: it asks the core to import it, and waits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quarterdeck_api.errors import JobCancelledError, QuarterdeckError
from quarterdeck_api.jobs import JobContext, JobOutcome, JobState


def import_dataset(
    context: JobContext,
    file: Path,
    name: str,
    *,
    time: str = "time",
    target: str = "",
    replace: bool = False,
    source: str = "",
    title: str = "",
) -> dict[str, Any]:
    """Makes the dataset `name` of a Parquet or CSV file, and gives what the import says (rows, frequency, gaps, missing …).

    The file must stay until this returns: let it lie in the job's work folder. Raises QuarterdeckError with the import's own reason.
    """
    asked: Mapping[str, Any] = {
        "file": str(file),
        "time": time,
        "name": name,
        "target": target,
        "replace": replace,
        "source": source,
        "title": title,
    }
    job = context.jobs.submit("dataset.import", "", asked, key=f"import:{name}")
    return _data(context.jobs.wait(job), name)


def _data(outcome: JobOutcome, name: str) -> dict[str, Any]:
    if outcome.state is JobState.SUCCEEDED and outcome.data is not None:
        return outcome.data
    if outcome.state is JobState.CANCELLED:
        raise JobCancelledError(f"{outcome.address}, which makes the dataset {name}, was cancelled")
    error = outcome.error
    raise QuarterdeckError(
        error.message if error is not None else f"{outcome.address} left no result",
        error.remedy if error is not None and error.remedy else f"see `quarterdeck describe {outcome.address}`",
        f"core/dataset/{name}",
    )
