"""Who is at the other end of a Unix socket, as the kernel says."""

import os
import socket
import struct
import sys
from typing import Any

from quarterdeck_api.errors import RefusedError


def peer_user(connection: Any) -> int:
    """The user id of the process at the other end; `connection` is a connected Unix socket. Raises OSError."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", credentials)[1]
    import ctypes  # Imported here: Python offers no getpeereid, and Linux does not need it.

    user, group = ctypes.c_uint32(), ctypes.c_uint32()
    if ctypes.CDLL(None, use_errno=True).getpeereid(connection.fileno(), ctypes.byref(user), ctypes.byref(group)) != 0:
        raise OSError(ctypes.get_errno(), "getpeereid failed")
    return user.value


def require_same_user(connection: Any, who: str) -> None:
    """Raises RefusedError unless the other end runs as this user."""
    user = peer_user(connection)
    if user != os.getuid():
        raise RefusedError(
            f"{who} runs as user {user}, this process as user {os.getuid()}", "use an instance of your own"
        )
