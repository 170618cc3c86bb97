"""The state file: private, migrated forwards with a copy, refused where it cannot be trusted."""

import sqlite3
import stat
from pathlib import Path

import pytest

from quarterdeck.runtime.database import (
    Durability,
    StateWriteError,
    file_system_type,
    open_database,
    refuse_network_file_system,
    transaction,
)
from quarterdeck.runtime.schema import MIGRATIONS
from quarterdeck_api.errors import QuarterdeckError

LOCAL = "/dev/vda / ext4 rw 0 0"
FIRST = ("CREATE TABLE thing (name TEXT)",)
SECOND = ("ALTER TABLE thing ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'",)


@pytest.mark.parametrize(("durable", "level"), [(Durability.NORMAL, 1), (Durability.FULL, 2)])
def test_a_new_database_is_private_and_at_the_newest_version(tmp_path: Path, durable: Durability, level: int) -> None:
    path = tmp_path / "state.db"
    connection = open_database(path, durable, mounts=LOCAL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == level
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    connection.close()
    assert [each.name for each in tmp_path.iterdir() if "version" in each.name] == []


def test_permissions_that_are_too_wide_are_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(mode=0o644)
    open_database(path, mounts=LOCAL).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_migration_goes_forward_and_keeps_a_copy_of_what_was(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = open_database(path, migrations=(FIRST,), mounts=LOCAL)
    connection.execute("INSERT INTO thing VALUES ('door')")
    connection.close()
    connection = open_database(path, migrations=(FIRST, SECOND), mounts=LOCAL)
    assert tuple(connection.execute("SELECT * FROM thing").fetchone()) == ("door", "red")
    connection.close()
    copy = tmp_path / "state.db.version-1"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as old:
        assert old.execute("SELECT * FROM thing").fetchall() == [("door",)]
    old.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path, migrations=(FIRST,), mounts=LOCAL).close()
    with pytest.raises(QuarterdeckError):
        open_database(path, migrations=(FIRST, (*SECOND, "CREATE TABLE thing (x TEXT)")), mounts=LOCAL)
    connection = open_database(path, migrations=(FIRST,), mounts=LOCAL)
    assert [row["name"] for row in connection.execute("PRAGMA table_info(thing)")] == ["name"]
    connection.close()


def test_a_later_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path, migrations=(FIRST, SECOND), mounts=LOCAL).close()
    with pytest.raises(QuarterdeckError, match="version 2, this Quarterdeck knows up to 1") as raised:
        open_database(path, migrations=(FIRST,), mounts=LOCAL)
    assert "newer Quarterdeck" in raised.value.remedy


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"nothing that SQLite knows" * 100)
    with pytest.raises(QuarterdeckError, match="cannot be read"):
        open_database(path, mounts=LOCAL)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_network_file_systems_are_refused(tmp_path: Path, kind: str) -> None:
    mounts = f"{LOCAL}\nserver:/x {tmp_path} {kind} rw 0 0"
    with pytest.raises(QuarterdeckError, match="network file system") as raised:
        refuse_network_file_system(tmp_path / "state", mounts)
    assert "QUARTERDECK_HOME" in raised.value.remedy


def test_the_mount_that_holds_the_folder_decides() -> None:
    mounts = "\n".join(
        [
            "proc /proc proc rw 0 0",
            LOCAL,
            "server:/home /home nfs4 rw 0 0",
            "/dev/vdb /home/me/my\\040disk xfs rw 0 0",
            "tmpfs /lay tmpfs rw 0 0",
            "host:/ /lay nfs rw 0 0",
        ]
    )
    assert file_system_type(Path("/home/me"), mounts) == "nfs4"
    assert file_system_type(Path("/home/me/my disk/state"), mounts) == "xfs"
    assert file_system_type(Path("/homes"), mounts) == "ext4"
    assert file_system_type(Path("/lay/x"), mounts) == "nfs"
    assert file_system_type(Path("/home"), "") == ""


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "state.db", migrations=(FIRST,), mounts=LOCAL)
    with pytest.raises(ZeroDivisionError), transaction(connection):
        connection.execute("INSERT INTO thing VALUES ('door')")
        raise ZeroDivisionError
    assert connection.execute("SELECT count(*) FROM thing").fetchone()[0] == 0
    connection.close()


def test_a_database_held_by_somebody_else_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    connection = open_database(path, migrations=(FIRST,), mounts=LOCAL)
    connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateWriteError, match="cannot be written"), transaction(connection):
        pass
    other.close()
    connection.close()
