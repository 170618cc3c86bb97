"""What the core itself declares: the plugin `core`, whose backend `core` has jobs, schedules, datasets, plugins and journal entries."""

from quarterdeck.runtime.controllers.declared import CONTROLLER_ACTIONS
from quarterdeck.runtime.controllers.view import CONTROLLER_COLUMNS
from quarterdeck.runtime.datasets.browsing import ROW, ROW_COLUMNS
from quarterdeck.runtime.datasets.catalogue import DATASET_COLUMNS
from quarterdeck.runtime.datasets.declared import DATASET_ACTIONS
from quarterdeck.runtime.datasets.job_types import core_job_types
from quarterdeck.runtime.findings import FINDING_COLUMNS
from quarterdeck.runtime.jobs.view import JOB_COLUMNS
from quarterdeck.runtime.journal import JOURNAL_COLUMNS
from quarterdeck.runtime.processes.declared import INSTANCE_COLUMNS, PROCESS_ACTIONS, PROCESS_COLUMNS
from quarterdeck.runtime.schedules.declared import SCHEDULE_ACTIONS
from quarterdeck.runtime.schedules.view import SCHEDULE_COLUMNS
from quarterdeck_api import API_VERSION, __version__
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    JsonSchema,
    KindInfo,
    PluginInfo,
    PluginPhase,
    PluginStatus,
)
from quarterdeck_api.resources import CORE, Health, Resource

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

_RETRY: JsonSchema = {
    "type": "object",
    "properties": {
        "from": {
            "type": "string",
            "default": "",
            "description": "The step to begin with; what was done before it is kept. Empty: the first that is not done.",
        },
    },
    "required": [],
}

PLUGIN_COLUMNS = (
    Column("version", "Version"),
    Column("distribution", "Distribution"),
    Column("phase", "Phase"),
    Column("remedy", "Remedy"),
)

CORE_ACTIONS = (
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
        _RETRY,
        bulk=True,
        key="t",
        summary="Queues a job that has ended once more.",
    ),
    ActionInfo(
        "journal.check",
        "Check now",
        ("journal",),
        _NOTHING,
        bulk=True,
        read_only=True,
        summary="Finds out what became of a request whose outcome is unknown; nothing is repeated.",
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
            KindInfo("process", "Processes", PROCESS_COLUMNS),
            KindInfo("instance", "Instances", INSTANCE_COLUMNS, parent_kind="process"),
            KindInfo("schedule", "Schedules", SCHEDULE_COLUMNS),
            KindInfo("controller", "Controllers", CONTROLLER_COLUMNS),
            KindInfo("dataset", "Datasets", DATASET_COLUMNS),
            KindInfo(ROW, "Rows", ROW_COLUMNS, mirrored=False, parent_kind="dataset"),
            KindInfo("journal", "Journal", JOURNAL_COLUMNS),
            KindInfo("plugin", "Plugins", PLUGIN_COLUMNS),
            KindInfo("finding", "Findings", FINDING_COLUMNS),
        ),
        actions=(*CORE_ACTIONS, *DATASET_ACTIONS, *PROCESS_ACTIONS, *SCHEDULE_ACTIONS, *CONTROLLER_ACTIONS),
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
