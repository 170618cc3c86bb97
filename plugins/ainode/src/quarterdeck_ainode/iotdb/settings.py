"""What a configured backend `ainode.iotdb` needs to know of its cluster."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api.fields import File, Secret

#: The backend types of clusters: what only they have is declared for these.
CLUSTERS = ("ainode.iotdb",)


class IotdbSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one cluster; times in seconds."""

    nodes: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1, description="DataNodes as HOST:PORT; the first one that answers is used, as in 10.0.0.5:6667."
        ),
    ]
    user: Annotated[str, Meta(min_length=1, description="The user to log in as.")] = "root"
    password: Secret = "root"
    tls: Annotated[bool, Meta(description="Encrypt the connection and check the servers' certificates.")] = False
    ca_file: Annotated[
        File,
        Meta(description="Certificates that the servers are checked against (PEM); empty takes this machine's own."),
    ] = ""
    client_certificate: Annotated[File, Meta(description="Certificate that the servers ask for (PEM).")] = ""
    client_key: Annotated[File, Meta(description="Key of client_certificate (PEM).")] = ""
    compression: Annotated[
        bool, Meta(description="Speak the compact protocol: as dn_rpc_thrift_compression_enable of the servers.")
    ] = False
    connect_timeout: Annotated[
        float, Meta(gt=0, le=60, description="Seconds for connecting and for each answer to monitoring.")
    ] = 5.0
    statement_timeout: Annotated[
        float, Meta(gt=0, le=600, description="Seconds for a statement that changes something.")
    ] = 30.0
    inference_timeout: Annotated[
        float, Meta(gt=0, le=600, description="Seconds for a forecast; the server itself ends them after 60.")
    ] = 70.0
    read_timeout: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds for each part of the data that is read or written.")
    ] = 120.0
    refresh: Annotated[
        float, Meta(ge=0.5, le=600, description="Seconds between looks at the cluster while somebody watches.")
    ] = 2.0
    refresh_background: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds between looks while nobody watches.")
    ] = 30.0
