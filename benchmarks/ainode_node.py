"""A real IoTDB with our AINode in it, for benchmarks: the cluster of the tests, and the program as it is installed."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from installed import ROOT
from measure import Sample, fresh_home

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.settings import IotdbSettings

sys.path.insert(0, str(ROOT / "tests" / "servers"))

from iotdb_cluster import Cluster, free_ports, new_cluster

#: Seconds that a node may take to come or to go.
_PATIENCE = 120.0


@contextlib.contextmanager
def running_clusters(count: int = 1) -> Iterator[list[Cluster]]:
    """So many started clusters, which are removed at the end."""
    made: list[Cluster] = []
    try:
        for _ in range(count):
            made.append(new_cluster())
            made[-1].start()
            made[-1].wait_running()
        yield made
    finally:
        for cluster in made:
            cluster.close()


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[IotdbClient]:
    """A client of a cluster."""
    client = IotdbClient(IotdbSettings((cluster.client_url,)))
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def joined_node(argv: list[str], cluster: Cluster, client: IotdbClient) -> Iterator[Sample]:
    """An AINode that `argv` starts (what all of them need is added), from when it is Running until it is out of the cluster again.

    Gives `join` (seconds from the start of the program to Running in SHOW CLUSTER).
    """
    data = fresh_home()
    own = [*argv, "--config-node", cluster.config_node, "--data", str(data)]
    [port] = free_ports(1)
    started = time.perf_counter()
    process = subprocess.Popen([*own, "--port", str(port)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(lambda: _status(client) == "Running", process)
        yield {"join": time.perf_counter() - started, "pid": float(process.pid)}
    finally:
        client.execute("REMOVE AINODE")
        _wait(lambda: not _status(client), None)
        if process.poll() is None:
            process.terminate()
        process.wait(_PATIENCE)
        shutil.rmtree(data, ignore_errors=True)


def memory(pid: int) -> Sample:
    """Megabytes: the node's own resident memory, and the proportional set size of it with its workers."""
    node = psutil.Process(pid)
    everyone = [node, *node.children(recursive=True)]
    pss = sum(each.memory_full_info().pss for each in everyone) / 1e6
    return {"rss_mb": node.memory_info().rss / 1e6, "pss_mb of all": pss, "processes": float(len(everyone))}


def node_program(quarterdeck: Path) -> list[str]:
    """The installed program of our AINode."""
    return [str(quarterdeck.with_name("quarterdeck-ainode"))]


def _status(client: IotdbClient) -> str:
    rows = client.rows("SHOW CLUSTER").texts()
    return next((row["status"] for row in rows if row["nodetype"] == "AINode"), "")


def _wait(condition: Callable[[], bool], process: "subprocess.Popen[bytes] | None") -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr is not None else ""
            raise AssertionError(f"the AINode ended with {process.returncode}:\n{said}")
        if time.perf_counter() > deadline:
            raise AssertionError("the AINode did not come or go in time")
        time.sleep(0.01)
