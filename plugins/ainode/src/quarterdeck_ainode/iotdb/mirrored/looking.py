"""Looks at a cluster: what is asked at every look, what more rarely, and what is kept when a part of it cannot be had.

The nodes are asked for at each look, with one statement. Models, loaded instances and AI devices change rarely and queries are looked at by
people, so they are asked for after some seconds, when the AINode has changed its status, or when something was done. A statement that is
refused costs what it would have told, and nothing else.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.error_codes import LOGIN_REFUSED, NO_PERMISSION
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import (
    CatalogueModel,
    ClusterNode,
    LoadedInstances,
    NodeType,
    RunningQuery,
    read_devices,
    read_loaded,
    read_models,
    read_nodes,
    read_queries,
)
from quarterdeck_api.errors import CallTimeoutError, ErrorReport, QuarterdeckError, UnreachableError

T = TypeVar("T")

#: Seconds after which models, instances and AI devices are asked for again, and running queries.
MODELS_SECONDS = 10.0
QUERIES_SECONDS = 4.0
#: After something was done, every look asks for everything for so many seconds: an AINode does what it is told a moment later.
ATTENTIVE_SECONDS = 15.0

#: What our own looking sends; a user does not want to see it among the running queries.
OWN_STATEMENTS = frozenset(
    (
        "show cluster details",
        "show models",
        "show loaded models",
        "show ai_devices",
        "show queries",
        "show version",
        "show functions",
    )
)
_OWN_BEGINNING = "list privileges of user "


class Refusal(Struct, frozen=True):
    """A statement of which the answer could not be had. `status` is the server's code, 0 for none."""

    statement: str
    status: int
    error: ErrorReport

    @property
    def lacks_privilege(self) -> bool:
        """Whether the user may not make the statement."""
        return self.status == NO_PERMISSION


class ClusterLook(Struct, frozen=True):
    """What was seen of a cluster. `latency` is how long it took to answer for its nodes, in seconds.

    What the AINode told (`models`, `loaded`, `devices`) is as of `told`, the Unix time of its last answer (0: never). It is kept while the
    AINode is silent and dropped when it has left the cluster.
    """

    nodes: tuple[ClusterNode, ...] = ()
    models: tuple[CatalogueModel, ...] = ()
    loaded: tuple[LoadedInstances, ...] = ()
    devices: tuple[tuple[str, str], ...] = ()
    queries: tuple[RunningQuery, ...] = ()
    told: float = 0.0
    latency: float = 0.0
    refusals: tuple[Refusal, ...] = ()

    @property
    def ainode(self) -> ClusterNode | None:
        """The AINode; a cluster has one at most."""
        return next((node for node in self.nodes if node.type is NodeType.AINODE), None)

    @property
    def seen(self) -> bool:
        """Whether there was a look."""
        return bool(self.nodes or self.refusals)

    @property
    def nodes_known(self) -> bool:
        """Whether the user may see the nodes."""
        return self.refusal("SHOW CLUSTER DETAILS") is None

    @property
    def ainode_answers(self) -> bool:
        """Whether the AINode answered when it was asked last."""
        return self.told > 0 and not any(each.statement == "SHOW MODELS" for each in self.refusals)

    @property
    def instances_known(self) -> bool:
        """Whether it is known what is loaded; else nothing is among `loaded`, and that means nothing."""
        return self.refusal("SHOW LOADED MODELS") is None

    @property
    def queries_known(self) -> bool:
        """Whether the queries that run are known."""
        return self.refusal("SHOW QUERIES") is None

    def refusal(self, statement: str) -> Refusal | None:
        """Why a statement has no answer, None when it has."""
        return next((each for each in self.refusals if each.statement == statement), None)


class Looking:
    """Looks at one cluster again and again; `look` is called by one thread, `attend` by any."""

    def __init__(
        self,
        client: IotdbClient,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._clock = clock
        self._wall_clock = wall_clock
        self._last = ClusterLook()
        self._silence = ""
        self._models_due = 0.0
        self._queries_due = 0.0
        self._attentive_until = 0.0

    @property
    def latest(self) -> ClusterLook:
        """What was seen last; empty before the first look. May be asked by any thread."""
        return self._last

    @property
    def silence(self) -> str:
        """Why there was no answer when it was looked at last, so that `latest` is of before; empty when there was one."""
        return self._silence

    def attend(self) -> None:
        """Something was done: the next looks ask for everything."""
        self._attentive_until = self._clock() + ATTENTIVE_SECONDS

    def look(self) -> ClusterLook:
        """What there is now; raises UnreachableError when the cluster does not answer."""
        try:
            self._last = self._seen()
        except QuarterdeckError as error:
            self._silence = error.message
            raise
        self._silence = ""
        return self._last

    def _seen(self) -> ClusterLook:
        before, refusals = self._last, list[Refusal]()
        begun = self._clock()
        nodes = self._asked("SHOW CLUSTER DETAILS", read_nodes, refusals, unreachable=True)
        found = replace(before, nodes=nodes or (), latency=self._clock() - begun)
        found = self._with_ainode(found, before, refusals)
        if self._clock() >= self._queries_due or self._attentive:
            queries = self._asked("SHOW QUERIES", read_queries, refusals) or ()
            found = replace(found, queries=tuple(each for each in queries if not _own(each)))
            self._queries_due = self._clock() + QUERIES_SECONDS
        else:
            refusals.extend(each for each in before.refusals if each.statement == "SHOW QUERIES")
        return replace(found, refusals=tuple(refusals))

    @property
    def _attentive(self) -> bool:
        return self._clock() < self._attentive_until

    def _with_ainode(self, found: ClusterLook, before: ClusterLook, refusals: list[Refusal]) -> ClusterLook:
        """Adds what the AINode tells, or keeps what it told."""
        ainode, earlier = found.ainode, before.ainode
        hidden = any(each.statement == "SHOW CLUSTER DETAILS" for each in refusals)
        if ainode is None and not hidden:
            self._models_due = 0.0
            return replace(found, models=(), loaded=(), devices=(), told=0.0)
        if ainode is not None and earlier is not None and ainode.node_id != earlier.node_id:
            found = replace(found, models=(), loaded=(), devices=(), told=0.0)
        if ainode is not None and ainode.status == "Unknown":
            self._models_due = 0.0
            return found
        changed = ainode is not None and (earlier is None or earlier.status != ainode.status)
        if not (changed or self._attentive or self._clock() >= self._models_due):
            refusals.extend(each for each in before.refusals if each.statement in _AINODE_STATEMENTS)
            return found
        self._models_due = self._clock() + MODELS_SECONDS
        models = self._asked("SHOW MODELS", read_models, refusals)
        if models is None:
            return found  # One that does not answer to this does not answer to the others, and each may last until a time-out.
        loaded = self._asked("SHOW LOADED MODELS", read_loaded, refusals)
        devices = self._asked("SHOW AI_DEVICES", read_devices, refusals)
        return replace(
            found,
            models=models,
            loaded=loaded or (),
            devices=tuple((devices or {}).items()),
            told=self._wall_clock(),
        )

    def _asked(
        self,
        statement: str,
        read: Callable[[IotdbClient], T],
        refusals: list[Refusal],
        *,
        unreachable: bool = False,
    ) -> T | None:
        """The answer, or None with the reason among the refusals; `unreachable` says whether silence is that of the whole cluster."""
        try:
            return read(self._client)
        except IotdbError as error:
            if unreachable and error.status in LOGIN_REFUSED:
                # Not one statement is refused, but the user: the cluster as a whole cannot be looked at.
                raise UnreachableError(error.message, error.remedy) from error
            refusals.append(Refusal(statement, error.status, error.report()))
        except UnreachableError as error:
            if unreachable and isinstance(error, CallTimeoutError):
                raise CallTimeoutError(
                    f"{error.message}; it hangs, or the ConfigNode does that it asks in its turn",
                    "see whether both processes run, and their logs; the cluster is asked again by itself",
                ) from error
            if unreachable:
                raise
            refusals.append(Refusal(statement, 0, error.report()))
        except QuarterdeckError as error:
            refusals.append(Refusal(statement, 0, error.report()))
        return None


_AINODE_STATEMENTS = ("SHOW MODELS", "SHOW LOADED MODELS", "SHOW AI_DEVICES")


def _own(query: RunningQuery) -> bool:
    statement = query.statement.strip().rstrip(";").strip().lower()
    return statement in OWN_STATEMENTS or statement.startswith(_OWN_BEGINNING)
