"""Keeping a job's table as a dataset of the core."""

from pathlib import Path

from quarterdeck_ainode.iotdb.dataset_import import import_dataset
from quarterdeck_api.jobs import JobContext


def keep_dataset(context: JobContext, table: str, name: str, title: str, target: str, *, replace: bool) -> str:
    """Has the core import TABLE.parquet, an artefact that the job has written, and waits; gives the dataset's address.

    Raises QuarterdeckError when the import fails.
    """
    file = Path(context.spec.spool_folder) / f"{table}.parquet"
    source = f"{context.spec.address}, core/job/{context.spec.job}"
    import_dataset(context, file, name, target=target, replace=replace, source=source, title=title)
    context.log(f"kept as core/dataset/{name}")
    return f"core/dataset/{name}"
