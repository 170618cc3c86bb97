"""IoTDB's own command line client, kept open on pipes: a statement goes in, and what is printed comes back as rows or as the server's error."""

import os
import re
import select
import subprocess
import time
from itertools import pairwise

from iotdb_cluster import Cluster
from own_ainode import Rows

_PROMPT = b"IoTDB> "
_BORDER = re.compile(r"^\+(?:-*\+)+$")
_FAILED = re.compile(r"^Msg: [\w.]*Exception: ", re.MULTILINE)
_PATIENCE = 120.0


class CliError(Exception):
    """What the server said to a statement that failed, `code: message`."""


class CommandLine:
    """The client in one dialect, `tree` or `table`. It starts in about two seconds, and a statement costs it what it costs the server."""

    def __init__(self, cluster: Cluster, dialect: str) -> None:
        self._process = subprocess.Popen(
            cluster.cli_command("-sql_dialect", dialect),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._printed()

    def query(self, statement: str) -> Rows:
        """What a statement gives, cells as the client prints them (`null` for none); raises CliError when it fails."""
        return rows_of(self.say(statement))

    def say(self, statement: str) -> str:
        """What the client prints for a statement in one line."""
        assert self._process.stdin is not None
        assert "\n" not in statement and ";" not in statement, "one statement"
        self._process.stdin.write(f"{statement};\n".encode())
        self._process.stdin.flush()
        return self._printed()

    def close(self) -> None:
        """Ends the client."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_PATIENCE)
        self._process.stdout.close()

    def _printed(self) -> str:
        """Everything up to the next prompt."""
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        deadline = time.monotonic() + _PATIENCE
        found = b""
        while not found.endswith(_PROMPT):
            ready, _, _ = select.select([number], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(number, 65536) if ready else b""
            if not more:
                told = found.decode("utf-8", "replace")
                raise AssertionError(f"IoTDB's command line client {'has ended' if ready else 'is silent'}:\n{told}")
            found += more
        return found.removesuffix(_PROMPT).decode("utf-8")


def rows_of(printed: str) -> Rows:
    """The table that the client printed, without any for a statement that gives none; raises CliError for an error."""
    failed = _FAILED.search(printed)
    if failed is not None:
        raise CliError(printed[failed.end() :].strip())
    lines = printed.replace("\r", "").split("\n")
    borders = [place for place, line in enumerate(lines) if _BORDER.match(line)]
    if not borders:
        return Rows([])
    first, second = borders[:2]
    ends = [place for place, letter in enumerate(lines[first]) if letter == "+"]

    def cells(line: str) -> list[str | None]:
        return [line[begin + 1 : end].strip() for begin, end in pairwise(ends)]

    return Rows(
        [str(each) for each in cells(lines[second - 1])], [cells(line) for line in lines[second + 1 : borders[-1]]]
    )
