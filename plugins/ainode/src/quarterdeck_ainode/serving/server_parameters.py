"""What our AINode is told when it is started: by the program, by the plugin's command, and as a managed process. Light to import."""

from typing import Annotated

from msgspec import Meta, Struct

#: The ports of IoTDB's own configuration.
CONFIG_NODE_PORT = 10710
AINODE_PORT = 10810


class ServerParameters(Struct, frozen=True, kw_only=True):
    """Where the cluster is, where the node listens, and its limits. Empty texts and zeros stand for what the help says."""

    config_node: Annotated[
        str, Meta(description="ConfigNodes, host:port with commas between them; the internal port, not the client's.")
    ] = "127.0.0.1:10710"
    host: Annotated[
        str, Meta(min_length=1, description="The address to listen at; 0.0.0.0 is every one of this machine.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen at; 0 takes any free one.")] = AINODE_PORT
    advertise: Annotated[
        str,
        Meta(
            description="The address that the cluster's nodes reach this one at; empty: host, or the one that leads to the ConfigNode."
        ),
    ] = ""
    cluster_name: Annotated[str, Meta(description="The cluster must have this name; empty: any.")] = ""
    data: Annotated[
        str,
        Meta(
            description="The folder for the node's id and users' models; empty: one for each cluster, in the user's data folder."
        ),
    ] = ""
    workers: Annotated[int, Meta(ge=0, le=256, description="Processes that compute; 0: one for each processor.")] = 0
    queue: Annotated[int, Meta(ge=0, le=10_000, description="Requests that may wait while all workers compute.")] = 64
    time_limit: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds for one answer, waiting included; IoTDB itself gives up after 60."),
    ] = 50.0
    trust: Annotated[
        str, Meta(description="Folders from which CREATE MODEL may read specifications, with commas between them.")
    ] = ""
    compact: Annotated[bool, Meta(description="The ConfigNodes have cn_rpc_thrift_compression_enable=true.")] = False
    certificate: Annotated[
        str, Meta(description="This node's certificate (PEM); switches TLS on in both directions.")
    ] = ""
    key: Annotated[str, Meta(description="Its private key (PEM); empty: it is in the certificate's file.")] = ""
    authority: Annotated[
        str, Meta(description="Certificates of the authority (PEM) that all nodes must have theirs from.")
    ] = ""


class ServeParameters(ServerParameters, frozen=True, kw_only=True):
    """Options of `quarterdeck ainode serve`."""

    wait: Annotated[float, Meta(ge=0, description="Seconds to wait for the cluster; 0: for ever.")] = 60.0
    managed: Annotated[bool, Meta(description="Have the runtime keep it as a process, instead of serving here.")] = (
        False
    )
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$", description="The managed process's name.")] = (
        "our-ainode"
    )
    backend: Annotated[str, Meta(description="The backend that the managed process belongs to.")] = "ainode"


class DeregisterParameters(Struct, frozen=True, kw_only=True):
    """Options of `quarterdeck ainode deregister`: those by which a node finds its folder and its cluster."""

    config_node: Annotated[str, Meta(description="ConfigNodes, host:port with commas between them.")] = (
        "127.0.0.1:10710"
    )
    data: Annotated[str, Meta(description="The node's data folder; empty: the one for that cluster.")] = ""
    compact: Annotated[bool, Meta(description="The ConfigNodes have cn_rpc_thrift_compression_enable=true.")] = False
    certificate: Annotated[str, Meta(description="This node's certificate (PEM), when the cluster uses TLS.")] = ""
    key: Annotated[str, Meta(description="Its private key (PEM); empty: it is in the certificate's file.")] = ""
    authority: Annotated[str, Meta(description="Certificates of the authority (PEM).")] = ""
