"""The verbs of `iotdb.sh` that concern one cluster."""

import argparse
import os
import sys
from pathlib import Path

from iotdb_cluster import INSTALL_COMMAND, Cluster, ServerError, installed
from iotdb_node import Node

_MISSING = f"IoTDB is not installed: run `{INSTALL_COMMAND}`"


def _keep(folder: Path) -> None:
    """Waits for the end of standard input, which its parent holds open, and then ends the cluster."""
    while sys.stdin.buffer.read(1):
        pass
    Cluster(folder, folder).wipe()


def _cli(folder: Path, options: list[str]) -> str:
    """Becomes IoTDB's own client, whose options are its own affair; returns only to say why it cannot."""
    installation = installed()
    if installation is None:
        return _MISSING
    command = Cluster(folder, installation).cli_command(*options)
    os.execvp(command[0], command)
    return ""


def main() -> int:
    """The verbs of `iotdb.sh` that concern one cluster."""
    parser = argparse.ArgumentParser(prog="iotdb.sh")
    parser.add_argument(
        "verb", choices=("start", "stop", "status", "kill", "pause", "resume", "restart", "wipe", "cli", "keep")
    )
    parser.add_argument("folder", type=Path, help="the folder of one cluster")
    parser.add_argument(
        "node", nargs="?", type=Node, choices=tuple(Node), help="one node; else both, where that has a meaning"
    )
    words = sys.argv[1:]
    if words[:1] == ["cli"] and len(words) > 1:
        sys.exit(_cli(Path(words[1]).absolute(), words[2:]))
    given = parser.parse_args(words)
    folder = given.folder.absolute()
    if given.verb == "keep":
        _keep(folder)
        return 0
    installation = installed()
    if installation is None:
        print(_MISSING, file=sys.stderr)
        return 1
    cluster = Cluster(folder, installation)
    if given.verb in ("kill", "pause", "resume", "restart") and given.node is None:
        parser.error(f"{given.verb} needs a node: confignode or datanode")
    try:
        return _obey(cluster, given.verb, given.node)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


def _obey(cluster: Cluster, verb: str, node: Node | None) -> int:
    if verb == "start":
        cluster.start(node)
        print((cluster.folder / "ports").read_text("ascii"), end="")
    elif verb == "stop":
        cluster.stop(node)
    elif verb == "wipe":
        cluster.wipe()
    elif verb == "status":
        processes = {each: cluster.process(each) for each in Node}
        for each, process in processes.items():
            print(f"{each}: {f'process {process.pid}, {process.status()}' if process else 'down'}")
        return 0 if all(processes.values()) else 1
    elif node is not None:
        getattr(cluster, verb)(node)
    return 0


if __name__ == "__main__":
    sys.exit(main())
