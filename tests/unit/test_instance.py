"""The instance's lock: taken, inherited, held by one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.config.instance_lock import LockHolder, read_holder, try_lock
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.peer_identity import peer_user, require_same_user
from quarterdeck.runtime.instance import InstanceLock, is_running
from quarterdeck_api.errors import RefusedError, UsageError


@pytest.fixture
def paths(home: Path) -> InstancePaths:
    return instance_paths()


def test_one_process_holds_the_lock_and_others_are_told_which(paths: InstancePaths) -> None:
    assert not is_running(paths)
    lock = InstanceLock.take(paths, "1.2")
    assert is_running(paths)
    assert read_holder(paths) == LockHolder(os.getpid(), "1.2")
    with pytest.raises(RefusedError, match=rf"process {os.getpid()} \(version 1.2\)"):
        InstanceLock.take(paths, "1.3")
    lock.release()
    assert not lock.held
    assert not is_running(paths)
    assert paths.lock.exists(), "removing it would let two processes lock two files"
    lock.release()


def test_state_and_lock_are_private(paths: InstancePaths) -> None:
    lock = InstanceLock.take(paths, "1")
    assert paths.lock.stat().st_mode & 0o777 == 0o600
    assert paths.state_folder.stat().st_mode & 0o777 == 0o700
    lock.release()


def test_a_lock_is_handed_down_without_a_moment_in_which_nobody_holds_it(paths: InstancePaths) -> None:
    program = (
        "import sys; from quarterdeck.config.paths import instance_paths; from quarterdeck.runtime.instance import InstanceLock;"
        "import os; lock = InstanceLock.inherit(instance_paths(), int(sys.argv[1]), '2');"
        "print('ready', os.get_inheritable(int(sys.argv[1])), flush=True); sys.stdin.read()"
    )
    descriptor = try_lock(paths)
    assert descriptor is not None
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(descriptor,),
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        os.close(descriptor)
        assert is_running(paths), "the child holds it from birth"
        assert child.stdout.readline().split() == ["ready", "False"]
        assert read_holder(paths) == LockHolder(child.pid, "2")
    finally:
        child.kill()
        child.communicate()
    assert not is_running(paths), "the kernel gives the lock back"


def test_a_descriptor_of_something_else_is_not_the_lock(paths: InstancePaths, tmp_path: Path) -> None:
    InstanceLock.take(paths, "1").release()
    with (tmp_path / "other").open("w") as other, pytest.raises(UsageError, match="is not"):
        InstanceLock.inherit(paths, other.fileno(), "1")
    with pytest.raises(UsageError, match="not the instance's lock"):
        InstanceLock.inherit(paths, 999, "1")


def test_a_descriptor_without_the_lock_does_not_take_it_from_its_holder(paths: InstancePaths) -> None:
    lock = InstanceLock.take(paths, "1")
    with paths.lock.open() as other, pytest.raises(RefusedError):
        InstanceLock.inherit(paths, other.fileno(), "1")
    assert read_holder(paths) == LockHolder(os.getpid(), "1")
    lock.release()


@pytest.mark.parametrize("content", [b"", b"\xff{", b'{"pid":"x"}'])
def test_a_damaged_lock_file_names_nobody(paths: InstancePaths, content: bytes) -> None:
    assert read_holder(paths) is None
    lock = InstanceLock.take(paths, "1")
    paths.lock.write_bytes(content)
    assert read_holder(paths) is None
    with pytest.raises(RefusedError, match="another process"):
        InstanceLock.take(paths, "1")
    lock.release()


def test_the_kernel_says_who_is_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    one, other = socket.socketpair()
    with one, other:
        assert peer_user(one) == os.getuid()
        require_same_user(one, "the client")
        monkeypatch.setattr(os, "getuid", lambda: 4242)
        with pytest.raises(RefusedError, match="the client runs as user"):
            require_same_user(one, "the client")
