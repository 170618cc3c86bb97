"""Logs that are appended to are bounded at every start."""

import os
from pathlib import Path

from quarterdeck.config.log_files import open_log


def append(path: Path, text: bytes) -> None:
    descriptor = open_log(path, limit=10)
    os.write(descriptor, text)
    os.close(descriptor)


def test_a_log_beyond_its_limit_is_put_aside_and_one_older_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "runtime.log"
    append(path, b"0123456789")
    append(path, b"ab")
    assert path.read_bytes() == b"0123456789ab"
    append(path, b"next")
    assert path.read_bytes() == b"next"
    assert (tmp_path / "runtime.log.1").read_bytes() == b"0123456789ab"
    append(path, b"0123456789")
    append(path, b"last")
    assert path.read_bytes() == b"last"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["runtime.log", "runtime.log.1"]
    assert path.stat().st_mode & 0o077 == 0
