"""Our AINode as a program of its own in a real cluster, and statements to that cluster; for tests, and for benchmarks."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from iotdb.Session import Session

from iotdb_cluster import Cluster

_PATIENCE = 120.0


@dataclass
class Rows:
    """What a query gave: titles, and cells as text (None: null)."""

    titles: list[str]
    cells: list[list[str | None]] = field(default_factory=list)

    def column(self, index: int = 0) -> list[str | None]:
        """One column."""
        return [row[index] for row in self.cells]

    def numbers(self, index: int = 0) -> list[float]:
        """One column of numbers."""
        return [float(cell) for cell in self.column(index) if cell is not None]


class Sql:
    """A session of one dialect, `tree` or `table`."""

    def __init__(self, cluster: Cluster, dialect: str = "tree", database: str = "") -> None:
        self._session = Session.init_from_node_urls([cluster.client_url], "root", "root")
        self._session.sql_dialect = dialect
        if database:
            self._session.database = database
        self._session.open(False)

    def query(self, statement: str) -> Rows:
        """Runs a query."""
        with self._session.execute_query_statement(statement) as found:
            rows = Rows(list(found.get_column_names()))
            timed = rows.titles[:1] == ["Time"]
            while found.has_next():
                record = found.next()
                cells = [None if each.is_null() else each.get_string_value() for each in record.get_fields()]
                rows.cells.append([str(record.get_timestamp()), *cells] if timed else cells)
            return rows

    def do(self, *statements: str) -> None:
        """Runs statements that give nothing."""
        for statement in statements:
            self._session.execute_non_query_statement(statement)

    def error(self, statement: str) -> str:
        """What the server says to a statement that must fail, `code: message`."""
        try:
            found = self.query(statement)
        except Exception as error:
            return str(error)
        raise AssertionError(f"{statement} did not fail: {found}")

    def close(self) -> None:
        """Ends the session."""
        self._session.close()

    def __enter__(self) -> "Sql":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def answers(cluster: Cluster, *questions: str) -> list[Rows] | None:
    """What queries give; None as long as one of them fails, which a cluster that starts says in many ways."""
    try:
        with Sql(cluster) as session:
            return [session.query(question) for question in questions]
    except Exception:
        return None


class OwnAinode:
    """The program `quarterdeck-ainode` with a data folder; may be ended and started again."""

    def __init__(self, cluster: Cluster, folder: Path, *options: str) -> None:
        self.cluster = cluster
        self.folder = folder
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.log_file = folder.with_suffix(".log")

    def start(self, *options: str) -> None:
        """Starts it; it need not have joined yet."""
        words = ["--config-node", self.cluster.config_node, "--data", str(self.folder), *self.options, *options]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "quarterdeck_ainode.serving.program", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def wait_member(self) -> None:
        """Waits until the cluster lists it as Running."""
        until(lambda: "Running" in self.statuses() or not self.running(), self.log)
        assert self.running(), self.log()

    @contextlib.contextmanager
    def member(self) -> Iterator["OwnAinode"]:
        """Starts it, waits until it has joined, and ends it at last."""
        self.start()
        try:
            self.wait_member()
            yield self
        finally:
            self.close()

    def statuses(self) -> list[str | None]:
        """What SHOW AINODES says of every AINode."""
        return self._listed(1)

    def node_id(self) -> str | None:
        """The id that the cluster gave it."""
        return next(iter(self._listed(0)), None)

    def _listed(self, column: int) -> list[str | None]:
        found = answers(self.cluster, "SHOW AINODES")
        return found[0].column(column) if found else []

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(_PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it in good order; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_PATIENCE)

    def children(self) -> list[psutil.Process]:
        """Its workers."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def log(self) -> str:
        """What it has said."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def close(self) -> None:
        """Ends it in any case."""
        if self.running():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        if self.running():
            self.kill()


def until(condition: Callable[[], bool], tell: Callable[[], str] = str) -> None:
    """Waits until a condition holds; `tell` gives what is shown when it never does."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"what is waited for does not come\n{tell()}"
        time.sleep(0.05)
