"""Ports of loopback for servers that tests start."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, outside the range from which the kernel takes ports for outgoing connections.

    A node that is down keeps its port this way: no client's own port takes it before the node is started again.
    """
    first_outgoing = first_outgoing_port()
    highest = first_outgoing if first_outgoing > 14_000 else 32768
    chance = random.SystemRandom()
    found: list[int] = []
    while len(found) < count:
        port = chance.randrange(11_000, highest)
        if port not in found and _is_free(port):
            found.append(port)
    return found


def first_outgoing_port() -> int:
    """The lowest port that the kernel gives to an outgoing connection; Linux' usual one where the system does not say."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except OSError:
        return 32768


def listens(port: int) -> bool:
    """Whether something accepts connections at a port of loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
    # Asked of all addresses too: a port that somebody has on another address is none for us.
    for address in (LOOPBACK, ""):
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
