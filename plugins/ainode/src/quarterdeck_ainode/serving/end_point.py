"""`host:port`, read and written."""

from msgspec import Struct

from quarterdeck_api.errors import UsageError


class Address(Struct, frozen=True):
    """Where somebody listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int) -> Address:
    """Reads `host`, `host:port` or `[v6]:port`; raises UsageError."""
    written = text.strip()
    if written.startswith("["):
        host, _, rest = written[1:].partition("]")
        port = rest.removeprefix(":")
    elif written.count(":") == 1:
        host, _, port = written.partition(":")
    else:  # No port at all, or an IPv6 address without brackets.
        host, port = written, ""
    if not host or any(each.isspace() for each in host):
        raise UsageError(f"{text!r} is no address", "write HOST:PORT, for example 127.0.0.1:10710")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{text!r} has no port from 1 to 65535", "write HOST:PORT, for example 127.0.0.1:10710")
    return Address(host, int(port) if port else default_port)
