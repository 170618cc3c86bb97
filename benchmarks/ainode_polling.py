"""What watching real clusters costs: processor time of console, runtime and host together, with the console open and without."""

import shutil
import subprocess
import time
from pathlib import Path

import psutil
from ainode_node import running_clusters
from measure import Sample, clean_environment, fresh_home
from steady import processes_of_instance, watched
from terminal_session import TerminalSession


def measure_polling(quarterdeck: Path, clusters: int, seconds: float) -> dict[str, list[Sample]]:
    """Two seconds between looks while a console is open (here on the clusters' nodes), thirty when it is closed."""
    home = fresh_home()
    environment = {**clean_environment(home / "home"), "QUARTERDECK_HOME": str(home / "i")}
    (home / "i" / "config").mkdir(parents=True)
    program = str(quarterdeck)
    try:
        with running_clusters(clusters) as made:
            backends = (
                f'[backends.plant{number}]\ntype = "ainode.iotdb"\nnodes = ["{each.client_url}"]\n'
                for number, each in enumerate(made)
            )
            (home / "i" / "config" / "config.toml").write_text("\n".join(backends))
            with TerminalSession([program], environment) as session:
                session.wait_for_output(r"plant0 +[^ -~]+", 60)
                time.sleep(5.0)
                session.press(":")
                session.type("node")
                session.press("enter")
                session.wait_for_output(r"datanode-1", 60)
                others = processes_of_instance(program, environment)
                foreground = watched(session, others, seconds)
                session.press("q")
            behind = _unwatched(others, seconds)
    finally:
        subprocess.run([program, "runtime", "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
    counted = {"clusters": float(clusters)}
    return {"with the console open": [{**foreground, **counted}], "with the console closed": [{**behind, **counted}]}


def _unwatched(processes: list[psutil.Process], seconds: float) -> Sample:
    """Processor shares of runtime and hosts while no console is open."""
    time.sleep(seconds)
    begin, before = time.perf_counter(), _used(processes)
    time.sleep(seconds)
    return {"core share of all": (_used(processes) - before) / (time.perf_counter() - begin)}


def _used(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))
