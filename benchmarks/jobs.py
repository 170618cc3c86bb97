"""Jobs beside their floors: an empty job from request to result, jobs a second, claims from a long queue, and maps; one interleaved run.

    python benchmarks/jobs.py [--rounds 5] [--here]

Measured is an installation of the committed tree with compiled bytecode, or with `--here` the interpreter that runs this. Floors are `python -c pass` and
the round trip to a process of a bare multiprocessing pool that is warm.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from installed import committed_tree, installed_quarterdeck
from job_functions import nothing, wait
from measure import Sample, clean_environment, column, fresh_home, interleave, percentile, save, summary

from quarterdeck.client.blocking import BlockingConnection
from quarterdeck.config.paths import instance_paths
from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.database import Durability, open_database
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck_api.job_requests import JOB_WAIT, JobAddress
from quarterdeck_api.protocol import DO, GET, WATCH_OPEN, DoParams, GetParams, WatchParams
from quarterdeck_api.worker_pool import ProcessPool

EXEMPLARY = Path(__file__).parents[1] / "tests" / "plugins" / "exemplary"
NODES = tuple(f"exemplary/node/n{number}" for number in (1, 2, 3))
SINGLES = 20
AT_ONCE = 200
QUEUED = 100_000
CLAIMS = 500


class JobClient:
    """A connection that may watch all jobs and knows which have ended."""

    def __init__(self, environment: dict[str, str], watches: bool = True) -> None:
        self.connection = BlockingConnection.open(instance_paths(environment), "benchmark", start=False)
        if watches:
            self.connection.call(WATCH_OPEN, WatchParams(1, "job"))
        self._ended: set[str] = set()

    def submit(self, number: int = 0) -> str:
        """Queues an empty job."""
        wanted = DoParams("node.empty", (NODES[number % len(NODES)],))
        return self.connection.call(DO, wanted, 60.0).outcomes[0].job

    def wait(self, jobs: set[str]) -> None:
        """Returns once the end of every job was seen."""
        while not jobs <= self._ended:
            if (told := self.connection.next_notification(60.0)) is None:
                raise SystemExit("jobs do not end")
            for resource in getattr(told.params, "resources", ()) or getattr(told.params, "upserts", ()):
                if resource.state in ("succeeded", "failed", "dead", "cancelled"):
                    self._ended.add(resource.address)

    def close(self) -> None:
        """Leaves the runtime."""
        self.connection.close()


def singles(client: JobClient, pause: float, watched: bool) -> Callable[[], Sample]:
    """Empty jobs one after another, each from its request to its result: by waiting for it, or by a watch that was quiet before."""

    def run() -> Sample:
        taken: list[float] = []
        for number in range(SINGLES):
            time.sleep(pause)
            start = time.perf_counter()
            job = client.submit(number)
            if watched:
                client.wait({job})
            else:
                client.connection.call(JOB_WAIT, JobAddress(job), 60.0)
            taken.append(time.perf_counter() - start)
        return {"p50": percentile(taken, 0.5), "p95": percentile(taken, 0.95)}

    return run


def at_once(clients: list[JobClient]) -> Callable[[], Sample]:
    """So many jobs shared among clients, from the first request to the last end seen."""

    def give(client: JobClient) -> None:
        client.wait({client.submit(number) for number in range(AT_ONCE // len(clients))})

    def run() -> Sample:
        start = time.perf_counter()
        threads = [threading.Thread(target=give, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"per_second": AT_ONCE / (time.perf_counter() - start)}

    return run


def claims(folder: Path) -> Callable[[], Sample]:
    """Claims from a long queue of three types; what was claimed is finished apart."""
    database = open_database(folder / "queue.db", Durability("normal"))
    queue = JobQueue(database, time.time, random.Random(1))
    for number in range(QUEUED):
        queue.submit(JobRequest(f"bench.{number % 3}", "bench", "node.empty", NODES[0], {}, {}), 1)

    def run() -> Sample:
        taken: list[float] = []
        for _ in range(CLAIMS):
            start = time.perf_counter()
            claim = queue.claim(lambda lane, running: True, 1_000_000)
            taken.append(time.perf_counter() - start)
            assert claim is not None
            queue.request_cancel(queue.submit(JobRequest("bench.0", "bench", "node.empty", NODES[0], {}, {}), 1))
        return {"p50": percentile(taken, 0.5), "p95": percentile(taken, 0.95)}

    return run


def timed(action: Callable[[], object], times: int) -> Callable[[], Sample]:
    """An action so many times; seconds for each."""

    def run() -> Sample:
        taken: list[float] = []
        for _ in range(times):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
        return {"p50": percentile(taken, 0.5), "p95": percentile(taken, 0.95)}

    return run


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--here", action="store_true", help="measure this interpreter's own installation")
    given = arguments.parse_args()

    program = str(Path(sys.executable).with_name("quarterdeck") if given.here else installed_quarterdeck())
    interpreter = str(Path(program).with_name("python"))
    home = fresh_home()
    environment = {
        **clean_environment(home / "home"),
        "QUARTERDECK_HOME": str(home / "up"),
        "QUARTERDECK_PLUGIN_PATH": str(EXEMPLARY),
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    queue_folder = Path(tempfile.mkdtemp(prefix="qdq-"))
    clients: list[JobClient] = []
    others: list[JobClient] = []
    try:
        subprocess.run([program, "get", "nodes"], env=environment, check=True, stdout=subprocess.DEVNULL)
        clients = [JobClient(environment) for _ in range(4)]
        quiet = JobClient(environment, watches=False)
        others.append(quiet)
        clients[0].connection.call(GET, GetParams("node", "exemplary"), 60.0)
        with multiprocessing.get_context("spawn").Pool(1) as bare, ProcessPool(cores) as pool:
            bare.apply(nothing, (0,))
            pool.map(wait, [0.05] * 40)
            scenarios: dict[str, Callable[[], Sample]] = {
                "python -c pass": timed(lambda: subprocess.run([interpreter, "-c", "pass"], check=True), 10),
                "a bare pool's round trip": timed(lambda: bare.apply(nothing, (0,)), 100),
                "empty job, request to result": singles(quiet, 0.0, watched=False),
                "empty job, request to its end seen in a watch": singles(clients[0], 0.2, watched=True),
                "jobs at once, one client": at_once(clients[:1]),
                "jobs at once, four clients": at_once(clients),
                "claim with 100,000 queued": claims(queue_folder),
                "loop over 100,000 small items": timed(lambda: [nothing(item) for item in range(100_000)], 3),
                "map of 100,000 small items": timed(lambda: pool.map(nothing, range(100_000)), 3),
                "loop over 20 items of 20 ms": timed(lambda: [wait(0.02) for _ in range(20)], 1),
                "map of 20 items of 20 ms": timed(lambda: pool.map(wait, [0.02] * 20), 1),
            }
            taken = interleave(scenarios, given.rounds, lambda line: print(line, file=sys.stderr))
    finally:
        for client in (*clients, *others):
            client.close()
        subprocess.run([program, "runtime", "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(queue_folder, ignore_errors=True)

    print("| what | figure | ms: median / p95 (min) |\n|---|---|---|")
    for name, samples in taken.items():
        for key in ("p50", "p95"):
            if values := column(samples, key):
                print(f"| {name} | {key} | {summary(values)} |")
        if values := column(samples, "per_second"):
            print(f"| {name} | jobs a second | {summary(values, 1.0)} |")
    print(f"{cores} cores; sqlite {sqlite3.sqlite_version}")
    print(f"raw results: {save('jobs', taken, committed_tree())}")


if __name__ == "__main__":
    main()
