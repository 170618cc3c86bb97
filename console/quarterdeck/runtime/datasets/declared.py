"""What the core declares of datasets: their actions with parameters."""

from quarterdeck.runtime.datasets.job_types import EXPORT_JOB, IMPORT_JOB
from quarterdeck_api.catalogue import ActionInfo, Danger, JsonSchema

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

_IMPORT: JsonSchema = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "file", "description": "The CSV or Parquet file to import."},
        "time": {"type": "string", "description": "The column that holds the time of each row."},
        "name": {"type": "string", "default": "", "description": "The dataset's name; the file's name when empty."},
        "target": {"type": "string", "default": "", "description": "The column to forecast when none is said."},
        "frequency": {"type": "string", "default": "", "description": "The spacing (MS, h, D…); inferred when empty."},
        "time_zone": {"type": "string", "default": "", "description": "The IANA zone of times that carry no offset."},
        "replace": {"type": "boolean", "default": False, "description": "Replace a dataset of that name."},
        "source": {"type": "string", "default": "", "description": "Where the rows come from; the file when empty."},
        "title": {"type": "string", "default": "", "description": "What the dataset is; its name when empty."},
    },
    "required": ["file", "time"],
}

_EXPORT: JsonSchema = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "description": "The file to write: a whole path."},
        "format": {
            "type": "string",
            "enum": ["", "csv", "parquet"],
            "default": "",
            "description": "csv or parquet; by the file's suffix when empty.",
        },
        "force": {"type": "boolean", "default": False, "description": "Replace a file that is there already."},
        "dataset": {
            "type": "string",
            "format": "dataset",
            "default": "",
            "description": "Filled in: the dataset that the action is done on.",
        },
    },
    "required": ["file"],
}

DATASET_ACTIONS = (
    ActionInfo(
        "dataset.import",
        "Import a file",
        ("dataset",),
        _IMPORT,
        job=IMPORT_JOB,
        standalone=True,
        key="i",
        summary="Reads a CSV or Parquet file, checks every row, and keeps it as a dataset.",
    ),
    ActionInfo(
        "dataset.export",
        "Export to a file",
        ("dataset",),
        _EXPORT,
        job=EXPORT_JOB,
        key="x",
        summary="Writes the dataset's rows as CSV or Parquet, with the offsets of their time zone.",
    ),
    ActionInfo(
        "dataset.remove",
        "Remove the dataset",
        ("dataset",),
        _NOTHING,
        danger=Danger.CONFIRM,
        summary="Deletes the dataset's file and its row in the catalogue.",
    ),
)
