"""What is done to models, nodes and queries of a cluster: actions and jobs, as the plugin declares them."""

from quarterdeck_ainode.iotdb.operations.action_ids import (
    CONFIGURE,
    CREATE,
    DROP,
    FINE_TUNE,
    KILL,
    LOAD,
    REMOVE,
    START,
    STOP,
    UNLOAD,
)
from quarterdeck_ainode.iotdb.operations.parameters import (
    CreateModel,
    DropModel,
    LoadModel,
    RemoveAinode,
    SetConfiguration,
    StartAinode,
    StopAinode,
    UnloadModel,
)
from quarterdeck_ainode.iotdb.settings import CLUSTERS
from quarterdeck_api.catalogue import Danger, RunsIn
from quarterdeck_api.declarations import Action, JobType

_MODEL_JOBS = "quarterdeck_ainode.iotdb.operations.model_jobs"
_AINODE_JOBS = "quarterdeck_ainode.iotdb.operations.ainode_jobs"

#: Attempts cost nothing: none of them sends a statement that an earlier one may have sent. Their pauses are half a minute in all at least,
#: in which a node of the cluster starts again.
_ATTEMPTS = 7

ACTIONS: tuple[Action, ...] = (
    Action(
        START,
        "Start AINode",
        ("node",),
        StartAinode,
        job="ainode.start",
        dry_run=True,
        key="S",
        summary="Starts our own AINode on this machine, and waits until the cluster says that it runs.",
        backend_types=CLUSTERS,
    ),
    Action(
        STOP,
        "Stop AINode",
        ("node",),
        StopAinode,
        danger=Danger.CONFIRM,
        job="ainode.stop",
        dry_run=True,
        summary="Ends our own AINode; it stays registered in the cluster.",
        backend_types=CLUSTERS,
    ),
    Action(
        REMOVE,
        "Remove AINode",
        ("node",),
        RemoveAinode,
        danger=Danger.TYPE_NAME,
        job="ainode.remove",
        dry_run=True,
        summary="Takes the AINode out of the cluster, and waits until it is gone.",
        backend_types=CLUSTERS,
    ),
    Action(
        CONFIGURE,
        "Set configuration",
        ("node", "configuration"),
        SetConfiguration,
        danger=Danger.CONFIRM,
        dry_run=True,
        summary="Changes a key of IoTDB's configuration, with what it takes and when it holds checked before.",
        backend_types=CLUSTERS,
    ),
    Action(
        CREATE,
        "Create model",
        ("node",),
        CreateModel,
        job="ainode.create-model",
        dry_run=True,
        summary="Registers a model from files on the AINode's machine, and waits until it is active.",
        backend_types=CLUSTERS,
    ),
    Action(
        DROP,
        "Drop model",
        ("model",),
        DropModel,
        danger=Danger.TYPE_NAME,
        bulk=True,
        job="ainode.drop-model",
        dry_run=True,
        summary="Forgets a user's model, and waits until it is gone.",
        backend_types=CLUSTERS,
    ),
    Action(
        LOAD,
        "Load",
        ("model",),
        LoadModel,
        bulk=True,
        job="ainode.load-model",
        dry_run=True,
        key="L",
        summary="Keeps instances of the model warm on AI devices, predicted before and seen after.",
        backend_types=CLUSTERS,
    ),
    Action(
        UNLOAD,
        "Unload",
        ("model",),
        UnloadModel,
        danger=Danger.CONFIRM,
        bulk=True,
        job="ainode.unload-model",
        dry_run=True,
        summary="Ends the model's instances on AI devices, and waits until they are gone.",
        backend_types=CLUSTERS,
    ),
    Action(
        FINE_TUNE,
        "Fine-tune",
        ("model",),
        dry_run=True,
        summary="Not possible on Apache IoTDB 2.0.10; the reason stands beside it.",
        backend_types=CLUSTERS,
    ),
    Action(
        KILL,
        "Kill query",
        ("query",),
        danger=Danger.CONFIRM,
        bulk=True,
        dry_run=True,
        summary="Ends a running query.",
        backend_types=CLUSTERS,
    ),
)

JOBS: tuple[JobType, ...] = (
    JobType("ainode.start", "Start AINode", f"{_AINODE_JOBS}:start", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.stop", "Stop AINode", f"{_AINODE_JOBS}:stop", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.remove", "Remove AINode", f"{_AINODE_JOBS}:remove", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.create-model", "Create model", f"{_MODEL_JOBS}:create", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.drop-model", "Drop model", f"{_MODEL_JOBS}:drop", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.load-model", "Load model", f"{_MODEL_JOBS}:load", RunsIn.HOST, max_attempts=_ATTEMPTS),
    JobType("ainode.unload-model", "Unload model", f"{_MODEL_JOBS}:unload", RunsIn.HOST, max_attempts=_ATTEMPTS),
)
