"""The SQLite file of an instance: opened with one set of rules, migrated forwards, refused where locks cannot be trusted."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path

from quarterdeck.runtime.schema import MIGRATIONS, Migration
from quarterdeck_api.errors import QuarterdeckError

_BUSY_MILLISECONDS = 5_000

#: File systems on which SQLite's shared memory or locks do not hold between machines.
_NETWORK_TYPES = frozenset(
    [
        "9p",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs3",
        "nfs4",
        "ocfs2",
        "orangefs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.smbnetfs",
    ]
)


class StateWriteError(QuarterdeckError):
    """The state could not be written for a reason outside the program: trying again later may help."""

    code = "state-write"


class Durability(Enum):
    """What a commit survives: the death of any process, or power loss as well."""

    NORMAL = "normal"
    FULL = "full"


def open_database(
    path: Path,
    durable: Durability = Durability.NORMAL,
    migrations: Sequence[Migration] = MIGRATIONS,
    mounts: str | None = None,
) -> sqlite3.Connection:
    """Opens the database, made private and brought to the newest version; a copy is kept before a migration.

    `mounts` is a table in the form of `/proc/mounts`; None asks the system. Raises QuarterdeckError on a network file system, for a
    database of a later version, and for a file that is not a database.
    """
    refuse_network_file_system(path.parent, _system_mounts() if mounts is None else mounts)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise QuarterdeckError(
            f"the state file {path} cannot be opened: {error.strerror}", "check its owner and permissions"
        ) from error
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_MILLISECONDS / 1000)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durable.name}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection, path, migrations)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise QuarterdeckError(
            f"the state file {path} cannot be read: {error}", "move it aside, or put back a copy of it, and start again"
        ) from error
    except QuarterdeckError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One immediate transaction: committed at the end, rolled back by an exception.

    Raises StateWriteError when SQLite cannot write (disk full, locked for too long).
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            _roll_back(connection)
            raise
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _roll_back(connection)
        raise StateWriteError(
            f"the instance's state cannot be written: {error}",
            "make room on the disk or end what holds the file, and try again",
        ) from error


def refuse_network_file_system(folder: Path, mounts: str) -> None:
    """Raises QuarterdeckError when the folder lies on a network file system."""
    kind = file_system_type(folder, mounts)
    if kind in _NETWORK_TYPES:
        raise QuarterdeckError(
            f"{folder} is on a network file system ({kind}), on which SQLite's locks cannot be trusted",
            "set QUARTERDECK_HOME to a folder on a local disk",
        )


def file_system_type(folder: Path, mounts: str) -> str:
    """The type of the file system that holds a folder, from a table in the form of `/proc/mounts`; empty when unknown."""
    resolved = folder.resolve()
    best, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescape(fields[1]))
        # A later line with the same mount point lies over the earlier one.
        if (point == resolved or point in resolved.parents) and len(point.parts) >= best:
            best, found = len(point.parts), fields[2].lower()
    return found


def _unescape(text: str) -> str:
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, letter)
    return text


def _system_mounts() -> str:
    table = Path("/proc/self/mounts")
    if table.exists():
        return table.read_text(errors="replace")
    if sys.platform == "darwin":
        listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=False)
        return _darwin_mounts(listing.stdout)
    return ""


def _darwin_mounts(listing: str) -> str:
    """`DEVICE on POINT (TYPE, OPTIONS)` as lines in the form of `/proc/mounts`."""
    lines: list[str] = []
    for line in listing.splitlines():
        device, _, rest = line.partition(" on ")
        point, _, options = rest.rpartition(" (")
        escaped = point.replace("\\", "\\134").replace(" ", "\\040")
        lines.append(f"{device.replace(' ', '_')} {escaped} {options.partition(',')[0].rstrip(')')}")
    return "\n".join(lines)


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise QuarterdeckError(
            f"the state file {path} has version {version}, this Quarterdeck knows up to {len(migrations)}",
            "use the newer Quarterdeck that wrote it, or another QUARTERDECK_HOME",
        )
    if 0 < version < len(migrations):
        _keep_copy(connection, path.with_name(f"{path.name}.version-{version}"))
    for number, statements in enumerate(migrations[version:], start=version + 1):
        with transaction(connection):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


def _keep_copy(connection: sqlite3.Connection, target: Path) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
