"""What watching real clusters costs: processor time of console, runtime and host together, in the foreground and behind."""

import shutil
import subprocess
import time
from pathlib import Path

from ainode_node import running_clusters
from measure import Sample, clean_environment, fresh_home
from steady import processes_of_instance, watched
from terminal_session import TerminalSession


def measure_polling(quarterdeck: Path, clusters: int, seconds: float) -> dict[str, list[Sample]]:
    """Two seconds between looks while the console shows the clusters' nodes, thirty while it shows something else."""
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
                foreground = watched(session, processes_of_instance(program, environment), seconds)
                session.press(":")
                session.type("job")
                session.press("enter")
                behind = watched(session, processes_of_instance(program, environment), seconds)
                session.press("q")
    finally:
        subprocess.run([program, "runtime", "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
    counted = {"clusters": float(clusters)}
    return {"in the foreground": [{**foreground, **counted}], "behind": [{**behind, **counted}]}
