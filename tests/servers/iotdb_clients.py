"""IoTDB's Python client and its command line client side by side, in both dialects, with their answers in one spelling."""

import contextlib
import re
import time
from datetime import datetime

from iotdb.utils.exception import StatementExecutionException

from iotdb_cli import CliError, CommandLine
from iotdb_cluster import Cluster
from own_ainode import Rows, Sql

DIALECTS = ("tree", "table")
CLIENTS = ("python", "cli")

#: Seconds for which a crowded server is asked again, and between two questions.
_PATIENCE = 60.0
_PAUSE = 0.05


class Clients:
    """A session of each dialect in both clients."""

    def __init__(self, cluster: Cluster) -> None:
        self._python = {dialect: Sql(cluster, dialect) for dialect in DIALECTS}
        self._cli = {dialect: CommandLine(cluster, dialect) for dialect in DIALECTS}

    def answer(self, client: str, dialect: str, statement: str) -> Rows:
        """What one client gives, titles and cells in one spelling; raises what it raises."""
        found = self._asked(client, dialect, statement)
        return Rows([_title(each) for each in found.titles], [[cell(each) for each in row] for row in found.cells])

    def agreed(self, dialect: str, statement: str) -> Rows:
        """What both clients give, which is the same."""
        found = self.answer("python", dialect, statement)
        assert self.answer("cli", dialect, statement) == found
        return found

    def do(self, client: str, statement: str, dialect: str = "") -> None:
        """Makes a statement that gives no rows; where no dialect is given, each client uses another one."""
        if client == "python":
            self._python[dialect or "table"].do(statement)
        else:
            printed = self._cli[dialect or "tree"].say(statement)
            assert "successfully" in printed, printed

    def error(self, client: str, dialect: str, statement: str) -> str:
        """What one client says to a statement that must fail, `code: message`."""
        try:
            found = self._asked(client, dialect, statement)
        except (CliError, StatementExecutionException) as error:
            return str(error)
        raise AssertionError(f"{statement} did not fail: {found}")

    def _asked(self, client: str, dialect: str, statement: str) -> Rows:
        """The answer; a DataNode as small as that of tests has no memory for the third question of three at a time, and is asked again."""
        session = self._python[dialect] if client == "python" else self._cli[dialect]
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return session.query(statement)
            except (CliError, StatementExecutionException) as error:
                if not str(error).startswith("719: ") or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Ends all sessions."""
        for each in (*self._python.values(), *self._cli.values()):
            each.close()


def cell(text: str | None) -> str:
    """One spelling for what the clients print in their own ways: nulls, truth, numbers, times (milliseconds since 1970)."""
    if text is None or text == "null":
        return ""
    if re.match(r"\d{4}-\d\d-\d\d[T ]", text):
        with contextlib.suppress(ValueError):
            return str(round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000))
    if re.fullmatch(r"-?\d+\.\d+(E-?\d+)?", text):
        return repr(float(text))
    return text.lower() if text in ("True", "False") else text


def _title(text: str) -> str:
    """The dialects spell titles in two ways: QueryId, query_id."""
    return text.lower().replace("_", "")
