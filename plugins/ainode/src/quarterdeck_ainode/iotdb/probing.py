"""Asks a cluster what it is and what it lets its user do; changes nothing."""

import threading
from collections.abc import Callable

from quarterdeck_ainode.iotdb.capabilities import Answers, Capabilities, Feature, Privileges, Reply, capabilities_of
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.error_codes import LOGIN_REFUSED, NOT_UNDERSTOOD
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.versions import recognise
from quarterdeck_api.backend import ProbeResult
from quarterdeck_api.errors import CallTimeoutError, ProtocolError, QuarterdeckError

#: Seconds after which a cluster is asked again: privileges change without a word.
_FRESH_FOR = 300.0

#: Statements that change nothing, each of which shows whether a feature is there. SHOW CONFIGURATION is known in the table dialect only.
_QUESTIONS = (
    (Feature.NODES, "SHOW CLUSTER DETAILS", Dialect.TREE),
    (Feature.QUERIES, "SHOW QUERIES", Dialect.TREE),
    (Feature.REGIONS, "SHOW REGIONS", Dialect.TREE),
    (Feature.CONFIGURATION, "SHOW CONFIGURATION", Dialect.TABLE),
)

#: Those that the AINode answers.
_AINODE_QUESTIONS = (
    (Feature.MODELS, "SHOW MODELS"),
    (Feature.LOADED_MODELS, "SHOW LOADED MODELS"),
    (Feature.AI_DEVICES, "SHOW AI_DEVICES"),
)

_SILENT = Reply(-1, "no answer in time")


class Prober:
    """The capabilities of one cluster, asked again after a reconnect and from time to time. Used by many threads; `clock` counts seconds."""

    def __init__(self, client: IotdbClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._found: Capabilities | None = None
        self._asked_at = 0.0
        self._of_connection = -1

    def capabilities(self, *, again: bool = False) -> Capabilities:
        """What the cluster can do, at most some minutes old; raises UnreachableError, and IotdbError when the server refuses to say its version."""
        connection, now = self._client.reconnects, self._clock()
        with self._lock:
            found = self._found
            stale = connection != self._of_connection or now - self._asked_at > _FRESH_FOR
        if found is not None and not stale and not again:
            return found
        asked = capabilities_of(self._ask())
        self._client.number_errors(asked.facts.numbering)
        with self._lock:
            self._found, self._asked_at, self._of_connection = asked, now, connection
        return asked

    def known(self) -> Capabilities | None:
        """What was found last, without asking."""
        with self._lock:
            return self._found

    def while_watched(self) -> Capabilities | None:
        """What the cluster can do, asked when it is time; what was known before when it does not answer now."""
        try:
            return self.capabilities()
        except QuarterdeckError:  # Whoever looks at the cluster says what is wrong with it.
            return self.known()

    def probe(self) -> ProbeResult:
        """For a user who wants to know now: logs in even after a refusal."""
        self._client.retry_login()
        found = self.capabilities(again=True)
        can = [feature.value for feature in Feature if feature not in found.lacking]
        notices = [*found.notices, *(f"{each.value}: {reason}" for each, reason in found.lacking.items())]
        return ProbeResult(f"{found.facts.title}", tuple(can), tuple(notices))

    def _ask(self) -> Answers:
        about = next(self._client.rows("SHOW VERSION").texts(), {})
        version, build = about.get("version", ""), about.get("buildinfo", "")
        self._client.number_errors(recognise(version, build).facts.numbering)
        table = self._answers_tables()
        user = self._user()
        replies = {
            feature: self._reply(statement, dialect)[0]
            for feature, statement, dialect in _QUESTIONS
            if dialect is Dialect.TREE or table
        }
        for feature, statement in _AINODE_QUESTIONS:
            replies[feature], _ = self._reply(statement, Dialect.TREE)
            if replies[feature] == _SILENT:
                break  # An AINode that hangs lets every question last until its time-out.
        _, nodes = self._reply("SHOW AINODES", Dialect.TREE)
        return Answers(
            version,
            build,
            user,
            replies,
            Privileges(
                self._privileges(user, Dialect.TREE),
                self._privileges(user, Dialect.TABLE) if table else None,
            ),
            self._functions(Dialect.TREE),
            self._functions(Dialect.TABLE) if table else None,
            table,
            bool(nodes.values) if nodes else None,
        )

    def _answers_tables(self) -> bool:
        """Whether the server has the table dialect; one that only does not answer now is not taken for one that has not."""
        try:
            self._client.rows("SHOW VERSION", dialect=Dialect.TABLE)
        except IotdbError as error:
            if error.status not in NOT_UNDERSTOOD:
                raise
            return False
        return True

    def _reply(self, statement: str, dialect: Dialect) -> tuple[Reply, Rows | None]:
        """How a statement is answered; only a cluster that is away or refuses the user is an error."""
        try:
            return Reply(), self._client.rows(statement, dialect=dialect)
        except IotdbError as error:
            if error.status in LOGIN_REFUSED:
                raise
            return Reply(error.status or -1, error.message), None
        except CallTimeoutError:
            return _SILENT, None  # An AINode that hangs must not hide what the others can do.

    def _user(self) -> str:
        """The user's name as the server knows it."""
        _, found = self._reply("SHOW CURRENT_USER", Dialect.TREE)
        if found and found.values:
            return str(found.values[0][0])
        return self._client.user

    def _privileges(self, user: str, dialect: Dialect) -> frozenset[tuple[str, str]] | None:
        name = f"`{user.replace('`', '``')}`" if dialect is Dialect.TREE else f'"{user.replace(chr(34), chr(34) * 2)}"'
        _, found = self._reply(f"LIST PRIVILEGES OF USER {name}", dialect)
        if found is None:
            return None
        try:
            return frozenset((row["scope"], row["privileges"].upper()) for row in found.texts())
        except KeyError:
            return None  # An older server shows them in other columns: what is not known is tried.

    def _functions(self, dialect: Dialect) -> frozenset[str] | None:
        _, found = self._reply("SHOW FUNCTIONS", dialect)
        try:
            return frozenset(str(each).upper() for each in found.column("FunctionName")) if found else None
        except ProtocolError:
            return None  # Other columns: the version's documentation has to do.
