"""What the core itself declares: the plugin `core`, whose backend `core` has jobs, schedules, datasets, plugins and journal entries."""

from quarterdeck.runtime.controllers.declared import CONTROLLER_ACTIONS
from quarterdeck.runtime.controllers.view import CONTROLLER_COLUMNS
from quarterdeck.runtime.datasets.catalogue import DATASET_COLUMNS
from quarterdeck.runtime.datasets.job_types import core_job_types
from quarterdeck.runtime.findings import FINDING_COLUMNS
from quarterdeck.runtime.jobs.view import JOB_COLUMNS
from quarterdeck.runtime.journal import JOURNAL_COLUMNS
from quarterdeck.runtime.schedules.declared import SCHEDULE_ACTIONS
from quarterdeck.runtime.schedules.view import SCHEDULE_COLUMNS
from quarterdeck_api import API_VERSION, __version__
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    Danger,
    JsonSchema,
    KindInfo,
    PluginInfo,
    PluginPhase,
    PluginStatus,
)
from quarterdeck_api.resources import CORE, Health, Resource

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
    },
    "required": ["file", "time"],
}

PLUGIN_COLUMNS = (
    Column("version", "Version"),
    Column("distribution", "Distribution"),
    Column("phase", "Phase"),
    Column("remedy", "Remedy"),
)

CORE_ACTIONS = (
    ActionInfo(
        "dataset.import",
        "Import a file",
        ("dataset",),
        _IMPORT,
        job="dataset.import",
        standalone=True,
        key="i",
        summary="Reads a CSV or Parquet file, checks every row, and keeps it as a dataset.",
    ),
    ActionInfo(
        "dataset.remove",
        "Remove the dataset",
        ("dataset",),
        _NOTHING,
        danger=Danger.CONFIRM,
        summary="Deletes the dataset's file and its row in the catalogue.",
    ),
    ActionInfo(
        "job.cancel",
        "Cancel",
        ("job",),
        _NOTHING,
        bulk=True,
        key="x",
        summary="Asks the job to end, and ends its processes when it does not.",
    ),
    ActionInfo(
        "job.retry",
        "Run again",
        ("job",),
        _NOTHING,
        bulk=True,
        key="t",
        summary="Queues a job that has ended once more.",
    ),
)


def core_catalogue() -> Catalogue:
    """The catalogue of the plugin `core`."""
    return Catalogue(
        plugin=PluginInfo(
            CORE, "Quarterdeck", __version__, API_VERSION, "Jobs, schedules, datasets, plugins and the journal"
        ),
        backend_types=(BackendTypeInfo("core", "Quarterdeck itself", _NOTHING, "", embedded=True),),
        kinds=(
            KindInfo("job", "Jobs", JOB_COLUMNS),
            KindInfo("schedule", "Schedules", SCHEDULE_COLUMNS),
            KindInfo("controller", "Controllers", CONTROLLER_COLUMNS),
            KindInfo("dataset", "Datasets", DATASET_COLUMNS),
            KindInfo("journal", "Journal", JOURNAL_COLUMNS),
            KindInfo("plugin", "Plugins", PLUGIN_COLUMNS),
            KindInfo("finding", "Findings", FINDING_COLUMNS),
        ),
        actions=(*CORE_ACTIONS, *SCHEDULE_ACTIONS, *CONTROLLER_ACTIONS),
        jobs=core_job_types(),
    )


def core_status() -> PluginStatus:
    """The core as one line of the plugin list; its jobs run with this interpreter."""
    return PluginStatus(CORE, "quarterdeck", __version__, PluginPhase.READY, catalogue=core_catalogue())


def plugin_resource(status: PluginStatus) -> Resource:
    """A plugin as a resource."""
    health = {PluginPhase.READY: Health.OK, PluginPhase.DISABLED: Health.STOPPED}.get(status.phase, Health.FAILED)
    return Resource(
        f"core/plugin/{status.id}",
        status.id,
        health,
        status.phase.value,
        status.reason,
        cells=(status.version, status.distribution, status.phase.value, status.remedy),
    )
