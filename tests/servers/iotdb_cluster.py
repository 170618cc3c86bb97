"""A real Apache IoTDB of one ConfigNode and one DataNode on loopback, whose nodes a test may kill, pause and start again.

What `iotdb.sh install` has put together is shared and never written to; everything that one cluster has (configuration, data, logs, ports, what
runs) is in its own folder. Used by the fixtures in `iotdb_fixtures.py`, by benchmarks, and from a shell through `iotdb.sh`.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path

import psutil

from iotdb_node import LOGBACK, Node, Ports, arguments, settings
from loopback_ports import LOOPBACK, free_ports, listens

SCRIPT = Path(__file__).with_name("iotdb.sh")
_COMMAND = Path(__file__).with_name("iotdb_command.py")
INSTALL_COMMAND = "bash tests/servers/iotdb.sh install"

#: Seconds that a node may take to start or to end on a machine that does other things too.
_PATIENCE = 120.0
_PAUSE = 0.05
#: Two readings of one process's creation time differ by less, whatever was done to the clock's fraction in between.
_SAME_START = 2.0
_LOG_TAIL = 12_000


class ServerError(Exception):
    """A server is not installed, or did not do what it was told."""


def installed() -> Path | None:
    """The folder that `iotdb.sh install` has made, or None when there is none that is complete."""
    said = subprocess.run(["bash", str(SCRIPT), "where"], capture_output=True, text=True, check=False)
    return Path(said.stdout.strip()) if said.returncode == 0 else None


class Cluster:
    """One cluster below a folder. Its methods raise ServerError with the node's last log lines when a node does not obey."""

    def __init__(self, folder: Path, installation: Path, properties: Mapping[str, str] | None = None) -> None:
        """`properties` are further lines of `iotdb-system.properties`, which is written when the cluster first starts."""
        self.folder = folder
        self._installation = installation
        self._properties = dict(properties or {})
        self._ports: Ports | None = None
        self._children: dict[Node, subprocess.Popen[bytes]] = {}
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def ports(self) -> Ports:
        """The ports, chosen at the first start and the same ever after."""
        if self._ports is None:
            self._ports = self._read_ports()
        if self._ports is None:
            raise ServerError(f"the cluster in {self.folder} was never started")
        return self._ports

    @property
    def client_url(self) -> str:
        """Where clients connect: an entry of a backend's `nodes`, or of a session's node URLs."""
        return f"{LOOPBACK}:{self.ports.client}"

    @property
    def config_node(self) -> str:
        """Where an AINode registers."""
        return f"{LOOPBACK}:{self.ports.config_node}"

    def cli_command(self, *options: str) -> list[str]:
        """The command of IoTDB's own client, which logs in as root; its options are those of `start-cli.sh`."""
        return [
            _java(),
            *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8"),
            f"-Duser.home={self.folder}",  # Where it keeps what was typed.
            *("-cp", ":".join(str(self._installation / each) for each in ("cli/classes", "cli/*", "lib/*"))),
            "org.apache.iotdb.cli.Cli",
            *("-h", LOOPBACK, "-p", str(self.ports.client), "-u", "root", "-pw", "root", *options),
        ]

    def start(self, node: Node | None = None) -> None:
        """Starts a node, or both, and returns when they listen; what runs already is left alone."""
        first = self._ports is None and self._read_ports() is None
        for attempt in range(3):
            self._prepare()
            try:
                for each in (node,) if node else Node:
                    self._start_one(each)
                return
            except ServerError as error:
                # Somebody else was quicker to take a port between the look and the start.
                if not first or attempt == 2 or "already in use" not in str(error):
                    raise
            for each in Node:
                self.kill(each)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._ports = None

    def stop(self, node: Node | None = None) -> None:
        """Ends a node, or both, as an operator does; a node that does not end in time is killed."""
        for each in (node,) if node else (Node.DATANODE, Node.CONFIGNODE):
            process = self.process(each)
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
                    process.terminate()
                self._await_end(each, 30.0)
            self.kill(each)

    def kill(self, node: Node) -> None:
        """Ends a node with SIGKILL, and returns when it is gone."""
        process = self.process(node)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
            if not self._await_end(node, _PATIENCE):
                raise ServerError(f"{node} (process {process.pid}) outlives SIGKILL")
        self._record(node).unlink(missing_ok=True)

    def pause(self, node: Node) -> None:
        """Stops a node with SIGSTOP: its connections stay open and nothing answers."""
        self._living(node).suspend()

    def resume(self, node: Node) -> None:
        """Lets a paused node go on."""
        self._living(node).resume()

    def restart(self, node: Node) -> None:
        """Kills a node and starts it again, on the ports that it had."""
        self.kill(node)
        self.start(node)

    def wipe(self) -> None:
        """Ends the cluster and removes everything that it has."""
        for each in Node:
            self.kill(each)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ports = None

    def process(self, node: Node) -> psutil.Process | None:
        """The living process of a node: the one that was started here, not one that came to bear its number later."""
        try:
            record = json.loads(self._record(node).read_text("utf-8"))
            process = psutil.Process(record["pid"])
            ours = abs(process.create_time() - record["started"]) < _SAME_START
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def log(self, node: Node) -> str:
        """The last lines of a node's log."""
        try:
            with (self.folder / "logs" / f"{node}.log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def statuses(self) -> dict[str, str]:
        """What `SHOW CLUSTER` says of each type of node, `{"ConfigNode": "Running", …}`; asked in a session of its own."""
        from iotdb.Session import Session  # Costs a second, which most users of this module need not pay.

        session = Session(LOOPBACK, self.ports.client, "root", "root", connection_timeout_in_ms=5000)
        session.open(False)
        try:
            with session.execute_query_statement("SHOW CLUSTER") as rows:
                found: dict[str, str] = {}
                while (row := rows.next()) is not None:
                    cells = [field.get_string_value() for field in row.get_fields()]
                    found[cells[1]] = cells[2]
                return found
        finally:
            session.close()

    def wait_running(self, *types: str) -> None:
        """Waits until the nodes of these types (ConfigNode and DataNode when none is named) are Running in `SHOW CLUSTER`."""
        wanted = types or ("ConfigNode", "DataNode")

        def running() -> bool:
            if not listens(self.ports.client):
                return False
            try:
                statuses = self.statuses()
            except Exception:
                return False  # The client raises what it likes while a server starts.
            return all(statuses.get(each) == "Running" for each in wanted)

        if not _comes_true(running, _PATIENCE):
            raise ServerError(f"{' and '.join(wanted)} did not become Running in {_PATIENCE:.0f} s{self._tails()}")

    def tie_to_this_process(self) -> None:
        """Has the cluster killed and removed when this process ends, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keeper = subprocess.Popen(
            [sys.executable, str(_COMMAND), "keep", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )

    def close(self) -> None:
        """Kills and removes the cluster, and waits for what it started."""
        self.wipe()
        for child in self._children.values():
            child.wait(_PATIENCE)
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait(_PATIENCE)

    def _record(self, node: Node) -> Path:
        return self.folder / f"{node}.process"

    def _living(self, node: Node) -> psutil.Process:
        process = self.process(node)
        if process is None:
            raise ServerError(f"{node} does not run{self._tails()}")
        return process

    def _await_end(self, node: Node, seconds: float) -> bool:
        child = self._children.get(node)

        def ended() -> bool:
            # The first thread of a killed program is gone before the others, which hold its ports a moment longer.
            gone = self.process(node) is None and (child is None or child.poll() is not None)
            return gone and not listens(self._port(node))

        return _comes_true(ended, seconds)

    def _port(self, node: Node) -> int:
        return self.ports.config_node if node is Node.CONFIGNODE else self.ports.client

    def _read_ports(self) -> Ports | None:
        try:
            lines = (self.folder / "ports").read_text("ascii").splitlines()
        except FileNotFoundError:
            return None
        found = dict(line.split("=", 1) for line in lines)
        return Ports(**{each.name: int(found[each.name.upper()]) for each in fields(Ports)})

    def _prepare(self) -> None:
        """Writes the cluster's configuration, unless it has one: the server itself changes it (SET CONFIGURATION)."""
        if self._read_ports() is not None:
            return
        for name in ("conf", "logs", "data"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for file in (self._installation / "conf").iterdir():
            shutil.copy(file, self.folder / "conf")
        (self.folder / "conf" / "logback.xml").write_text(LOGBACK, "utf-8")
        self._ports = Ports(*free_ports(len(fields(Ports))))
        lines = {**settings(self._ports), **self._properties}
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.folder / "conf" / "iotdb-system.properties").write_text(text, "utf-8")
        ports = "".join(f"{name.upper()}={port}\n" for name, port in asdict(self._ports).items())
        (self.folder / "ports").write_text(ports, "ascii")

    def _start_one(self, node: Node) -> None:
        if self.process(node) is not None:
            return
        with (self.folder / "logs" / f"{node}.log").open("ab") as log:
            child = subprocess.Popen(
                [_java(), *arguments(node, self.folder, self._installation)],
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[node] = child
        record = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
        self._record(node).write_text(json.dumps(record), "utf-8")
        port = self._port(node)
        if not _comes_true(lambda: child.poll() is not None or listens(port), _PATIENCE):
            raise ServerError(f"{node} does not listen at port {port} after {_PATIENCE:.0f} s{self._tails()}")
        if child.poll() is not None:
            raise ServerError(f"{node} ended with {child.returncode} while starting{self._tails()}")

    def _tails(self) -> str:
        return "".join(f"\n--- end of {each}.log\n{self.log(each)}" for each in Node)


def _java() -> str:
    return str(Path(os.environ["JAVA_HOME"], "bin", "java")) if "JAVA_HOME" in os.environ else "java"


def _environment() -> dict[str, str]:
    """The environment without what marks a process as one of an instance of Quarterdeck."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def new_cluster(properties: Mapping[str, str] | None = None) -> Cluster:
    """A cluster in a folder of its own that ends with this process; not started yet. Raises ServerError without a server."""
    installation = installed()
    if installation is None:
        raise ServerError(f"IoTDB is not installed: run `{INSTALL_COMMAND}`")
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="qd-iotdb-")), installation, properties)
    cluster.tie_to_this_process()
    return cluster
