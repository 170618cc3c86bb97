"""Reading a series of a real cluster into a dataset and writing a dataset back, by the real program, beside a loop over IoTDB's own client."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ainode_node import Cluster, running_clusters
from measure import Sample, clean_environment, fresh_home

_TABLET = 50_000

#: IoTDB's own session: tablets of numpy arrays, one after the other.
_WRITE = f"""
import sys
import numpy as np
from iotdb.Session import Session
from iotdb.utils.IoTDBConstants import TSDataType
from iotdb.utils.NumpyTablet import NumpyTablet
host, port, device, rows = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
session = Session(host, port, "root", "root", enable_redirection=False)
session.open(False)
values = np.random.default_rng(1).normal(100, 15, {_TABLET})
import time
began = time.perf_counter()
for first in range(0, rows, {_TABLET}):
    size = min({_TABLET}, rows - first)
    times = 1_700_000_000_000 + 1000 * np.arange(first, first + size)
    session.insert_aligned_tablet(NumpyTablet(device, ["v"], [TSDataType.DOUBLE], [values[:size].copy()], times))
print(time.perf_counter() - began)
"""

#: IoTDB's own session: frames, one after the other, of which nothing is kept.
_READ = """
import sys
import time
from iotdb.Session import Session
host, port, device = sys.argv[1], int(sys.argv[2]), sys.argv[3]
session = Session(host, port, "root", "root", fetch_size=50_000, enable_redirection=False)
session.open(False)
began, rows = time.perf_counter(), 0
found = session.execute_query_statement(f"SELECT v FROM {device}", 3_600_000)
while found.has_next_df():
    rows += len(found.next_df())
assert rows == int(sys.argv[4]), rows
print(time.perf_counter() - began)
"""


def measure_data(quarterdeck: Path, rows: int, rounds: int) -> dict[str, list[Sample]]:
    """Each in an instance of its own, so that the worker's peak memory is that of one job."""
    interpreter = str(quarterdeck.with_name("python"))
    taken: dict[str, list[Sample]] = {}
    with running_clusters() as [cluster]:
        for number in range(rounds):
            # Devices of their own: what a database has flushed or not is alike for each.
            floor_device, device = f"root.floor{number}.d", f"root.ours{number}"
            wrote = _floor(interpreter, _WRITE, cluster, floor_device, rows)
            read = _floor(interpreter, _READ, cluster, floor_device, rows)
            taken.setdefault("write, IoTDB's own session", []).append({"seconds": wrote})
            taken.setdefault("read, IoTDB's own session", []).append({"seconds": read})
            saved, written = _transfer(str(quarterdeck), cluster, floor_device, device, rows)
            taken.setdefault("save", []).append(saved)
            taken.setdefault("ingest", []).append(written)
    return taken


def _floor(interpreter: str, program: str, cluster: Cluster, device: str, rows: int) -> float:
    argv = [interpreter, "-c", program, "127.0.0.1", str(cluster.ports.client), device, str(rows)]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[-1])


def _transfer(quarterdeck: str, cluster: Cluster, source: str, database: str, rows: int) -> tuple[Sample, Sample]:
    """Saves the source as a dataset, and ingests the dataset into a new device; seconds as a user waits for each."""
    home = fresh_home()
    environment = {**clean_environment(home / "home"), "QUARTERDECK_HOME": str(home / "i")}

    def command(*words: str) -> str:
        done = subprocess.run([quarterdeck, *words], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    try:
        command("backend", "add", "plant", "ainode.iotdb", "--nodes", cluster.client_url)
        command("get", "node", "--json")  # The runtime runs, and the cluster is connected.
        saved = _timed(lambda: command("do", "series.save", f"plant/series/{source}.v", "--name", "bench", "--json"))
        saved |= _peak(command)
        ready = json.loads(command("describe", "core/dataset/bench", "--json"))
        assert ready, "the dataset is there"
        command("runtime", "stop")
        with_database = ["do", "database.ingest", f"plant/database/{database}", "--dataset", "bench", "--into", "d"]
        written = _timed(lambda: command(*with_database, "--yes", "--json"))
        written |= _peak(command)
        return {**saved, "rows": float(rows)}, {**written, "rows": float(rows)}
    finally:
        subprocess.run([quarterdeck, "runtime", "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def _timed(run: Callable[[], object]) -> Sample:
    begin = time.perf_counter()
    run()
    return {"seconds": time.perf_counter() - begin}


def _peak(command: Callable[..., str]) -> Sample:
    """The largest resident memory that a worker of the plugin has had (Linux)."""
    workers = json.loads(command("runtime", "status", "--json"))["workers"]
    peaks = [_peak_megabytes(each["pid"]) for each in workers if each.get("plugin") == "ainode"]
    return {"peak_mb": max(peaks)}


def _peak_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
