"""Series into datasets, and datasets into series: actions and jobs, as the plugin declares them."""

from quarterdeck_ainode.iotdb.data.parameters import IngestParameters, SaveParameters
from quarterdeck_ainode.iotdb.settings import CLUSTERS
from quarterdeck_api.catalogue import Danger
from quarterdeck_api.declarations import Action, JobType

SAVE, INGEST = "series.save", "database.ingest"

ACTIONS: tuple[Action, ...] = (
    Action(
        SAVE,
        "Save as a dataset",
        ("series", "device", "table"),
        parameters=SaveParameters,
        job="ainode.save",
        dry_run=True,
        key="s",
        summary="Reads a series, a device or one device's rows of a table into a dataset, however long it is.",
        backend_types=CLUSTERS,
    ),
    Action(
        INGEST,
        "Write a dataset",
        ("database",),
        parameters=IngestParameters,
        danger=Danger.CONFIRM,
        job="ainode.ingest",
        dry_run=True,
        key="i",
        summary="Writes a dataset to the series of a device or to a table, which are made when there are none.",
        backend_types=CLUSTERS,
    ),
)

#: A DataNode that restarts is away for longer than the usual three attempts; each goes on where the one before has stopped.
_ATTEMPTS = 6

_PRELOAD = ("pyarrow.parquet", "iotdb.thrift.rpc.IClientRPCService")

JOBS: tuple[JobType, ...] = (
    JobType(
        "ainode.save",
        "Save series",
        "quarterdeck_ainode.iotdb.data.saving:run",
        preload=_PRELOAD,
        max_attempts=_ATTEMPTS,
    ),
    JobType(
        "ainode.ingest",
        "Write a dataset",
        "quarterdeck_ainode.iotdb.data.ingesting:run",
        preload=_PRELOAD,
        max_attempts=_ATTEMPTS,
    ),
)
