"""The core's own types of jobs."""

from quarterdeck_api.catalogue import JobTypeInfo

IMPORT_JOB = "dataset.import"
SAMPLE_JOB = "dataset.sample"
EXPORT_JOB = "dataset.export"

#: The file that the first two leave in their spool folder, and that becomes the dataset.
DATASET_FILE = "dataset.parquet"

_MODULE = "quarterdeck.runtime.datasets.import_jobs"
_EXPORT_MODULE = "quarterdeck.runtime.datasets.export_job"
_PRELOAD = (_MODULE, "pyarrow.parquet")


def core_job_types() -> tuple[JobTypeInfo, ...]:
    """Job types of the plugin `core`; they run in workers with the core's interpreter."""
    return (
        JobTypeInfo(IMPORT_JOB, "Import a file", f"{_MODULE}:import_file", preload=_PRELOAD),
        JobTypeInfo(SAMPLE_JOB, "Import a sample", f"{_MODULE}:import_sample", preload=_PRELOAD),
        JobTypeInfo(EXPORT_JOB, "Export a dataset", f"{_EXPORT_MODULE}:export_dataset", preload=_PRELOAD),
    )
