"""Fixtures that every suite uses: an instance of its own for each test, which must leave no process behind."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from iotdb_fixtures import (
    fresh_iotdb,
    iotdb_cluster,
    make_iotdb,
    pytest_collection_modifyitems,
    pytest_runtest_makereport,
)

__all__ = [
    "fresh_iotdb",
    "home",
    "iotdb_cluster",
    "make_iotdb",
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
]

# Machines are shared: how long an example takes says nothing about what is tested.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_MARKER = "QUARTERDECK_HOME"


def _processes_of(home: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            ours = process.pid != os.getpid() and process.environ().get(_MARKER) == str(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh instance with a short path, selected by the environment; the test fails when a process of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="qd-"))
    monkeypatch.setenv(_MARKER, str(folder))
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "3")
    yield folder
    deadline = time.monotonic() + 15
    while (left := _processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    described = [f"{process.pid} {' '.join(process.cmdline())}" for process in left if process.is_running()]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):  # It may end by itself at any moment.
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)
    assert not described, f"processes left behind: {described}"
