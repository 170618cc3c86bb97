"""The data folder of an AINode: which node of which cluster it is, kept across restarts, and a lock so that it is one node only."""

import fcntl
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from quarterdeck_ainode.serving.end_point import Address
from quarterdeck_ainode.serving.whole_files import remove_whole, write_whole
from quarterdeck_api.errors import QuarterdeckError, RefusedError

_RECORD = "node.json"
_LOCK = "lock"


class NodeRecord(Struct, frozen=True):
    """A node as the cluster knows it; `config_nodes` are those that it was told of."""

    node_id: int
    cluster_name: str
    cluster_id: str
    address: Address
    config_nodes: tuple[Address, ...]


class NodeFolder:
    """The folder of one node; made when it is missing, and held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise QuarterdeckError(
                f"the data folder {path} cannot be used: {error.strerror or error}", "choose another with --data"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise RefusedError(
                f"another AINode runs with the data folder {path}", "end that one, or choose another folder with --data"
            ) from error

    def read(self) -> NodeRecord | None:
        """What was stored; None when the node has never joined, or has been removed since."""
        return read_record(self.path)

    def write(self, record: NodeRecord) -> None:
        """Stores it, whole or not at all; raises QuarterdeckError."""
        path = self.path / _RECORD
        try:
            write_whole(path, msgspec.json.format(msgspec.json.encode(record)))
        except OSError as error:
            raise QuarterdeckError(
                f"{path} cannot be written: {error.strerror or error}", "see to the disk of the AINode's machine"
            ) from error

    def forget(self) -> None:
        """Removes what was stored, so that the next start registers anew; raises QuarterdeckError."""
        forget_record(self.path)

    def close(self) -> None:
        """Lets another process have the folder."""
        os.close(self._lock)


def read_record(folder: Path) -> NodeRecord | None:
    """What a node has stored in its folder, which may be in use; None when there is nothing. Raises QuarterdeckError."""
    path = folder / _RECORD
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise QuarterdeckError(
            f"{path} cannot be read: {error}",
            "remove it, and type REMOVE AINODE in IoTDB if SHOW AINODES still lists this node",
        ) from error


def forget_record(folder: Path) -> None:
    """Removes what a node has stored in its folder; raises QuarterdeckError."""
    path = folder / _RECORD
    try:
        remove_whole(path)
    except OSError as error:
        raise QuarterdeckError(
            f"{path} cannot be removed: {error.strerror or error}", "see to the disk of the AINode's machine"
        ) from error
