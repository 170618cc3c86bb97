"""What has to be right before anything is connected: the settings of a cluster, and what TLS makes of them."""

import ssl
from pathlib import Path

from quarterdeck_ainode.iotdb.client.endpoints import Endpoint, endpoint
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import UsageError


def checked_endpoints(settings: IotdbSettings) -> tuple[Endpoint, ...]:
    """The DataNodes of the settings; raises UsageError for an address that is none."""
    return tuple(endpoint(each) for each in settings.nodes)


def tls_context(settings: IotdbSettings) -> ssl.SSLContext | None:
    """How connections are encrypted, None for not at all; raises UsageError for files that cannot be used.

    The servers' certificates and names are always checked, against `ca_file` or, when that is empty, against this machine's own authorities.
    """
    if not settings.tls:
        given = [name for name in ("ca_file", "client_certificate", "client_key") if getattr(settings, name)]
        if given:
            raise UsageError(
                f"{given[0]} is set, but tls is not: the connection would not be encrypted",
                f"set `tls = true`, or remove {', '.join(given)}",
            )
        return None
    if settings.client_key and not settings.client_certificate:
        raise UsageError("client_key is set without client_certificate", "name the certificate of the key as well")
    authorities = _file("ca_file", settings.ca_file) if settings.ca_file else None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authorities)
    except ssl.SSLError as error:
        raise UsageError(f"ca_file {authorities} holds no certificates: {error}", "give certificates as PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.client_certificate:
        certificate = _file("client_certificate", settings.client_certificate)
        key = _file("client_key", settings.client_key) if settings.client_key else None
        try:
            # Without a password of its own OpenSSL would ask for one on a terminal that nobody looks at.
            context.load_cert_chain(certificate, key, password=lambda: b"")
        except (ssl.SSLError, OSError) as error:
            raise UsageError(
                f"client_certificate {certificate} cannot be used: {error}",
                "give a PEM file with a certificate and its key without a password, or the key in client_key",
            ) from error
    return context


def _file(setting: str, path: str) -> str:
    """A readable file with certificates or a key."""
    try:
        text = Path(path).expanduser().read_text("latin-1")
    except OSError as error:
        raise UsageError(f"{setting} {path} cannot be read: {error.strerror}", "correct the path") from error
    if "-----BEGIN " not in text:
        raise UsageError(f"{setting} {path} is no PEM file", "convert it: PEM files begin with -----BEGIN")
    return str(Path(path).expanduser())
