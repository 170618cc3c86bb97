"""A node's membership in its cluster, looked after by a thread: joining again and again until it is in, and noticing silence and removal."""

import logging
import threading
from collections.abc import Callable
from enum import Enum
from random import Random
from time import monotonic, sleep

from msgspec import Struct

from quarterdeck_ainode.serving.config_node import ClusterIdentity, ConfigNodes, NodeRegistration, NotReadyError
from quarterdeck_ainode.serving.joining import JoinedAs, join
from quarterdeck_ainode.serving.node_folder import NodeFolder, NodeRecord
from quarterdeck_api.errors import QuarterdeckError, UnreachableError

_log = logging.getLogger(__name__)

#: Without a heartbeat for so many seconds the node counts as cut off; the ConfigNode sends one a second.
SILENT_SECONDS = 10.0
#: Seconds between looks at the latest heartbeat.
WATCH_SECONDS = 1.0
#: Seconds between looks at a cluster that is silent.
LOOK_SECONDS = 5.0
#: Seconds between trials to join: the first pause, and the longest.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
#: And after the cluster has refused the node.
REFUSED_PAUSE = 15.0
#: A trial that fails as the one before is told again after so many seconds.
_TELL_SECONDS = 30.0
_FORGOTTEN_PAUSE = 0.1


class MemberState(Enum):
    """How the node stands to its cluster."""

    JOINING = "joining"
    MEMBER = "member"
    SILENT = "silent"
    REMOVED = "removed"
    REFUSED = "refused"


class Standing(Struct, frozen=True):
    """The state with its reason, and the node's id once it has one."""

    state: MemberState
    reason: str = ""
    node_id: int = -1
    error: QuarterdeckError | None = None


class Membership:
    """Joins and watches; `changed` is called from its thread with every new standing."""

    def __init__(
        self,
        nodes: ConfigNodes,
        identity: ClusterIdentity,
        folder: NodeFolder,
        node: NodeRegistration,
        last_heartbeat: Callable[[], float | None],
        changed: Callable[[Standing], None],
        rng: Random,
    ) -> None:
        self._nodes = nodes
        self._identity = identity
        self._folder = folder
        self._node = node
        self._last_heartbeat = last_heartbeat
        self._changed = changed
        self._rng = rng
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)
        self.standing = Standing(MemberState.JOINING)

    def start(self) -> None:
        """Begins to join."""
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; the node stays registered."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def forgotten(self, seconds: float) -> bool:
        """Whether the cluster has forgotten this node, after `close`; waits at most so long for it, and then forgets the stored id too."""
        deadline = monotonic() + seconds
        while True:
            try:
                if self.standing.node_id not in self._nodes.ainodes():
                    self._forget()
                    return True
            except QuarterdeckError as error:
                _log.debug("the cluster cannot be asked whether this node was removed: %s", error)
            if monotonic() >= deadline:
                return False
            sleep(_FORGOTTEN_PAUSE)

    def _set(self, standing: Standing) -> None:
        if standing != self.standing:
            self.standing = standing
            self._changed(standing)

    def _run(self) -> None:
        if not self._join():
            return
        joined = monotonic()
        looked = joined
        while not self._ended.wait(WATCH_SECONDS):
            now = monotonic()
            last = max(self._last_heartbeat() or joined, joined)
            if now - last < SILENT_SECONDS:
                self._set(Standing(MemberState.MEMBER, "", self.standing.node_id))
            elif now - looked >= LOOK_SECONDS:
                looked = now
                self._set(self._silence(now - last))
            if self.standing.state is MemberState.REMOVED:
                self._forget()
                return

    def _join(self) -> bool:
        pause = FIRST_PAUSE
        told, told_at, unsure = "", 0.0, False
        while not self._ended.is_set():
            try:
                joined = join(
                    self._nodes,
                    self._identity,
                    self._folder.read(),
                    self._node,
                    unsure,
                    _log.info,
                )
            except UnreachableError as error:
                unsure = unsure or not isinstance(error, NotReadyError)
                if error.message != told or monotonic() - told_at > _TELL_SECONDS:
                    told, told_at = error.message, monotonic()
                    _log.warning("cannot join yet: %s; trying again", error.message)
                self._set(Standing(MemberState.JOINING, error.message, error=error))
                self._ended.wait(pause * self._rng.uniform(0.8, 1.2))
                pause = min(pause * 1.6, LONGEST_PAUSE)
                continue
            except QuarterdeckError as error:
                # Whoever is in the way may be removed; a node that is managed waits for that.
                self._set(Standing(MemberState.REFUSED, error.message, error=error))
                self._ended.wait(REFUSED_PAUSE)
                continue
            self._keep(joined.record)
            words = "is" if joined.how is JoinedAs.NEW else f"{joined.how.value} and is"
            _log.info(
                "this AINode %s node %d of the cluster %s, at %s",
                words,
                joined.record.node_id,
                joined.record.cluster_name,
                joined.record.address,
            )
            self._set(Standing(MemberState.MEMBER, "", joined.record.node_id))
            return True
        return False

    def _keep(self, record: NodeRecord) -> None:
        """Stores the node's id; without it the node serves as well, and only its next start is in trouble."""
        try:
            self._folder.write(record)
        except QuarterdeckError as error:
            _log.error(
                "%s; unless that is mended, the next start does not know that it is node %d, and is refused until "
                "somebody types REMOVE AINODE; %s",
                error.message,
                record.node_id,
                error.remedy,
            )

    def _forget(self) -> None:
        try:
            self._folder.forget()
        except QuarterdeckError as error:
            _log.error("%s; %s", error.message, error.remedy)

    def _silence(self, seconds: float) -> Standing:
        """Why there are no heartbeats."""
        node_id = self.standing.node_id
        since = f"no heartbeat for {seconds:.0f} s"
        try:
            known = self._nodes.ainodes()
        except QuarterdeckError as error:
            return Standing(MemberState.SILENT, f"{since}, and the cluster does not answer: {error.message}", node_id)
        if node_id not in known:
            return Standing(MemberState.REMOVED, f"the cluster no longer has node {node_id}: it was removed", node_id)
        address = known[node_id].address
        if address != self._node.address:
            return Standing(
                MemberState.SILENT,
                f"{since}: the cluster looks for node {node_id} at {address}, which is not here",
                node_id,
            )
        return Standing(
            MemberState.SILENT,
            f"{since}, though the cluster knows this node at {address}: it cannot be reached there from the ConfigNode",
            node_id,
        )
