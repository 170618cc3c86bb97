"""Mutual TLS between the nodes of a cluster: both sides show a certificate of the same authority."""

import ssl
from pathlib import Path

from msgspec import Struct

from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import UsageError


class TlsContexts(Struct, frozen=True):
    """For listening, and for connecting to ConfigNodes; both None without TLS."""

    listening: ssl.SSLContext | None = None
    connecting: ssl.SSLContext | None = None


def tls_contexts(parameters: ServerParameters) -> TlsContexts:
    """Both contexts from the files that are named; raises UsageError when they do not go together."""
    if not (parameters.certificate or parameters.key or parameters.authority):
        return TlsContexts()
    if not (parameters.certificate and parameters.authority):
        raise UsageError(
            "TLS between nodes is mutual and needs a certificate and the authority that it is from",
            "give --certificate, --authority, and --key when the key is in a file of its own",
        )
    listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    connecting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Certificates of an IoTDB cluster name the cluster, not machines; what is checked is the authority, as its own nodes do.
    connecting.check_hostname = False
    for context in (listening, connecting):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        _load(context, parameters)
    return TlsContexts(listening, connecting)


def _load(context: ssl.SSLContext, parameters: ServerParameters) -> None:
    named = [parameters.certificate, parameters.authority, *([parameters.key] if parameters.key else [])]
    for name in named:
        if not Path(name).is_file():
            raise UsageError(f"{name} is no file", "check the paths of --certificate, --key and --authority")
    try:
        context.load_cert_chain(parameters.certificate, parameters.key or None)
        context.load_verify_locations(parameters.authority)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError.
        raise UsageError(
            f"{', '.join(named)} do not go together: {error}",
            "they have to be PEM files, the key without a passphrase, and of the same pair as the certificate",
        ) from error
