"""What the operations on a cluster take: one struct for each action, from which forms, flags and schemas are made. Light to import."""

from typing import Annotated

from msgspec import Meta, Struct

#: Seconds that a job waits for what the server said it would do.
LOAD_WAIT = 300.0
MODEL_WAIT = 120.0
NODE_WAIT = 120.0

Wait = Annotated[
    float, Meta(gt=0, le=86_400, description="Seconds to wait until it is really so; then the job fails with advice.")
]
Devices = Annotated[
    tuple[str, ...],
    Meta(description="AI devices, as in cpu or 0,1; empty: the only one, or those that have the model."),
]


class CreateModel(Struct, frozen=True, kw_only=True):
    """A model to register."""

    model: Annotated[
        str, Meta(min_length=2, max_length=64, description="Its id: letters, digits and `_`, a letter first.")
    ]
    uri: Annotated[
        str,
        Meta(min_length=1, description="Where its files are on the AINode's machine, as file:///srv/models/mine."),
    ]
    wait: Wait = MODEL_WAIT


class DropModel(Struct, frozen=True, kw_only=True):
    """A model to forget."""

    wait: Wait = MODEL_WAIT


class LoadModel(Struct, frozen=True, kw_only=True):
    """Where to load a model, and what is known of the official AINode's devices, from which instances are predicted."""

    devices: Devices = ()
    wait: Wait = LOAD_WAIT
    device_memory: Annotated[
        float, Meta(ge=0, description="GiB of each device, for the prediction; 0: as found, or unknown.")
    ] = 0.0
    memory_ratio: Annotated[
        float, Meta(gt=0, le=1, description="The official AINode's ain_inference_memory_usage_ratio.")
    ] = 0.2


class UnloadModel(Struct, frozen=True, kw_only=True):
    """From where to unload a model."""

    devices: Devices = ()
    wait: Wait = LOAD_WAIT


class StartAinode(Struct, frozen=True, kw_only=True):
    """How to start an AINode of ours on the runtime's machine. Empty texts and zeros stand for what the help says."""

    port: Annotated[
        int, Meta(ge=0, le=65535, description="The port to listen at; 0: the one that it had, or any free one.")
    ] = 0
    listen: Annotated[
        str, Meta(description="The address to listen at; empty: loopback if the whole cluster is on it, else all.")
    ] = ""
    advertise: Annotated[
        str, Meta(description="The address at which the cluster's nodes reach it; empty: found by itself.")
    ] = ""
    config_node: Annotated[
        str, Meta(description="ConfigNodes, host:port with commas; empty: those that the cluster names.")
    ] = ""
    workers: Annotated[int, Meta(ge=0, le=256, description="Processes that compute; 0: one for each processor.")] = 0
    trust: Annotated[
        str, Meta(description="Folders from which CREATE MODEL may read specifications, with commas between them.")
    ] = ""
    data: Annotated[str, Meta(description="The folder for its id and users' models; empty: one for the cluster.")] = ""
    certificate: Annotated[
        str, Meta(description="Its certificate (PEM), when the cluster's nodes use TLS among themselves.")
    ] = ""
    private_key: Annotated[str, Meta(description="Its private key (PEM); empty: it is in the certificate's file.")] = ""
    authority: Annotated[str, Meta(description="Certificates of the authority (PEM) of all nodes.")] = ""
    wait: Wait = NODE_WAIT


class StopAinode(Struct, frozen=True, kw_only=True):
    """How long to wait until the cluster no longer hears of its AINode."""

    wait: Wait = NODE_WAIT


class RemoveAinode(Struct, frozen=True, kw_only=True):
    """How long to wait until the cluster has forgotten its AINode."""

    wait: Wait = NODE_WAIT


class SetConfiguration(Struct, frozen=True, kw_only=True):
    """A key of the configuration and its new value."""

    value: Annotated[str, Meta(description="Its new value.")]
    setting: Annotated[
        str, Meta(description="The key, as in trusted_uri_pattern; empty: the one that is selected.")
    ] = ""
    this_node_only: Annotated[
        bool, Meta(description="Set it on this node alone; else on every ConfigNode and DataNode.")
    ] = False
