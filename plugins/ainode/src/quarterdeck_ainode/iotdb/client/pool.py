"""The sessions of a cluster: who gets one, when a new one is opened, and when one is closed.

A session is used by one thread at a time and belongs to one purpose and dialect. An idle one is looked at before it is given out: when the
server was restarted meanwhile, it is replaced before a statement could be lost in it. A login that was refused is not tried again soon,
because servers lock users after some of them.
"""

import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from quarterdeck_ainode.iotdb.client.connection import Connection
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.endpoints import Endpoint, Endpoints
from quarterdeck_ainode.iotdb.client.error_codes import LOGIN_REFUSED, Numbering
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.purpose import Allowance, Purpose
from quarterdeck_ainode.iotdb.client.session import IotdbSession
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import ProtocolError, QuarterdeckError, UnreachableError

#: Seconds after which an idle session is closed.
IDLE_FOR = 60.0

#: Statements and seconds after which a session is replaced: the server keeps a little of every statement of a session.
_MOST_STATEMENTS = 10_000
_LONGEST_LIFE = 3600.0

#: Seconds until a login that was refused is tried again, the first time and at most.
_LOGIN_PAUSE = 300.0
_LONGEST_LOGIN_PAUSE = 3600.0

_Key = tuple[Purpose, Dialect]


class SessionPool:
    """Used by many threads; `clock` counts seconds."""

    def __init__(
        self,
        settings: IotdbSettings,
        endpoints: Endpoints,
        allowances: Mapping[Purpose, Allowance],
        tls: ssl.SSLContext | None,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._allowances = allowances
        self._tls = tls
        self._clock = clock
        self._changed = threading.Condition()
        self._idle: dict[_Key, list[tuple[float, IotdbSession]]] = {}
        self._taken: Counter[Purpose] = Counter()
        self._busy: set[IotdbSession | Connection] = set()
        self._refusal: tuple[str, str, str, int] | None = None
        self._refusals = 0
        self._next_login = 0.0
        self._closed = False
        #: Counts how often a server was found again, or another one: who knows what it can do asks again when it has grown.
        self.reconnects = 0
        self._lost = False
        self.numbering = Numbering.CURRENT

    @contextmanager
    def session(self, purpose: Purpose, dialect: Dialect) -> Iterator[IotdbSession]:
        """A session that nobody else uses meanwhile; raises UnreachableError when none can be had in time."""
        self._admit(purpose)
        try:
            session = self._idle_one(purpose, dialect) or self._open(purpose, dialect)
        except BaseException:
            self._leave(purpose)
            raise
        session.numbering = self.numbering
        try:
            yield session
        finally:
            self._give_back(purpose, dialect, session)

    def forget_refusal(self) -> None:
        """The next login is tried at once, as when somebody asks for it who has just corrected the user on the server."""
        with self._changed:
            self._refusal = None

    def sweep(self) -> None:
        """Closes what has been idle for long."""
        limit = self._clock() - IDLE_FOR
        with self._changed:
            old = [session for waiting in self._idle.values() for since, session in waiting if since < limit]
            for key, waiting in self._idle.items():
                self._idle[key] = [(since, session) for since, session in waiting if since >= limit]
        _close(old)

    def close(self) -> None:
        """Ends all sessions; calls that wait for an answer fail at once."""
        with self._changed:
            self._closed = True
            idle = [session for waiting in self._idle.values() for _, session in waiting]
            busy = list(self._busy)
            self._idle.clear()
            self._changed.notify_all()
        for each in busy:
            each.interrupt()
        _close(idle)

    def _admit(self, purpose: Purpose) -> None:
        """Waits until one more session may be used for this purpose."""
        allowance = self._allowances[purpose]
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._closed or self._taken[purpose] < allowance.sessions, allowance.timeout
            )
            if self._closed:
                raise UnreachableError("the backend is closed", "open it again")
            if not free:
                raise UnreachableError(
                    f"all {allowance.sessions} sessions for {purpose.value} have been in use for {allowance.timeout:g} s",
                    "wait until what runs has ended, or cancel some of it",
                )
            self._taken[purpose] += 1

    def _leave(self, purpose: Purpose) -> None:
        with self._changed:
            self._taken[purpose] -= 1
            self._changed.notify_all()  # Each purpose is waited for by others: a single one that is woken may be of another.

    def _idle_one(self, purpose: Purpose, dialect: Dialect) -> IotdbSession | None:
        self.sweep()
        while True:
            with self._changed:
                waiting = self._idle.get((purpose, dialect))
                if not waiting:
                    return None
                _, session = waiting.pop()
                self._busy.add(session)
            if session.alive():
                return session
            with self._changed:
                self._busy.discard(session)
            session.broken = True
            session.close()
            self._lost = True

    def _open(self, purpose: Purpose, dialect: Dialect) -> IotdbSession:
        """A new session with the first endpoint that answers."""
        with self._changed:
            if self._refusal and self._clock() < self._next_login:
                # A new one each time: one that is raised again and again keeps all the frames that it has passed.
                raise IotdbError(*self._refusal)
        # What somebody waits for tries everything now; what asks again and again leaves in peace what has just failed.
        candidates = self._endpoints.to_try(patient=purpose is Purpose.MONITORING)
        failures: list[QuarterdeckError] = []
        for endpoint in candidates:
            try:
                session = self._open_at(endpoint, dialect)
            except (UnreachableError, ProtocolError) as error:
                if self._closed:
                    raise UnreachableError("the backend is closed", "open it again") from error
                self._endpoints.failed(endpoint, error.message)
                self._lost = True
                failures.append(error)
                continue
            except IotdbError as error:
                self._refused(error)
                raise
            self._endpoints.worked(endpoint)
            return session
        if len(failures) == 1:
            raise failures[0]
        raise UnreachableError(
            "; ".join(each.message for each in failures) or self._endpoints.reasons(),
            "check that a DataNode runs, and the nodes of the backend in the configuration",
        )

    def _open_at(self, endpoint: Endpoint, dialect: Dialect) -> IotdbSession:
        hanging: list[Connection] = []

        def started(connection: Connection) -> None:
            hanging.append(connection)
            with self._changed:
                self._busy.add(connection)
                if self._closed:
                    connection.interrupt()

        try:
            session = IotdbSession(
                self._settings, endpoint, dialect, self._tls, opened_at=self._clock(), started=started
            )
        finally:
            with self._changed:
                self._busy.difference_update(hanging)
        with self._changed:
            self._refusal = None
            self._refusals = 0
            self.reconnects += self._lost
            self._lost = False
            self._busy.add(session)
            if self._closed:
                session.interrupt()
        return session

    def _refused(self, error: IotdbError) -> None:
        """Remembers a refused login, so that it is not repeated until the user is locked."""
        if error.status not in LOGIN_REFUSED:
            return
        with self._changed:
            pause = min(_LOGIN_PAUSE * 2 ** min(self._refusals, 6), _LONGEST_LOGIN_PAUSE)
            self._refusals += 1
            self._next_login = self._clock() + pause
            self._refusal = (
                f"{error.message} (not tried again for {pause:g} s, because servers lock users after some failures)",
                "correct user and password of the backend; `quarterdeck backend test` tries at once",
                error.address,
                error.status,
            )

    def _give_back(self, purpose: Purpose, dialect: Dialect, session: IotdbSession) -> None:
        now = self._clock()
        spent = session.statements >= _MOST_STATEMENTS or now - session.opened_at >= _LONGEST_LIFE
        with self._changed:
            self._busy.discard(session)
            self._taken[purpose] -= 1
            keep = not (self._closed or session.broken or spent)
            if keep:
                self._idle.setdefault((purpose, dialect), []).append((now, session))
            self._changed.notify_all()
        if not keep:
            session.close()


def _close(sessions: Sequence[IotdbSession]) -> None:
    """Logs out of each and closes it; a server that did not answer the first time is not waited for again."""
    silent: set[Endpoint] = set()
    for session in sessions:
        if session.endpoint in silent:
            session.broken = True
        if not session.close():
            silent.add(session.endpoint)
