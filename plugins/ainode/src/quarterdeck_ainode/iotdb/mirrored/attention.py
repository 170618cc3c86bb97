"""What of a cluster needs attention, each with what to do about it."""

from collections.abc import Sequence

from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, NodeType
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.nodes import AINODE, node_name
from quarterdeck_ainode.iotdb.mirrored.own_ainode import ManagedAINode
from quarterdeck_api.findings import Finding, Severity

#: Seconds that a load may take before 0 instances count as a failure.
LOAD_SECONDS = 60.0

_UNKNOWN_BUILD = ("", "unknown")


class Attention:
    """Finds what needs attention; remembers since when a model has no instance. Called by one thread."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._empty_since: dict[tuple[str, str], float] = {}

    def findings(
        self, look: ClusterLook, managed: ManagedAINode | None, twins: Sequence[str], now: float
    ) -> list[Finding]:
        """Everything that needs attention now; `twins` are other backends with the same cluster, `now` counts seconds."""
        found = [
            *(finding for node in look.nodes for finding in self._of_node(node, managed)),
            *self._drift(look),
            *self._loads(look, now),
            *self._refusals(look),
        ]
        if twins:
            *others, last = self._backend, *twins
            found.append(
                self._on(
                    AINODE,
                    "iotdb.same-cluster",
                    f"{', '.join(others)} and {last} are the same cluster: what is done in one is done in all of them",
                    f"remove one of them: `quarterdeck backend remove {self._backend}`",
                )
            )
        return found

    def _of_node(self, node: ClusterNode, managed: ManagedAINode | None) -> list[Finding]:
        name, where = node_name(node), f"{node.host}:{node.port}"
        if node.status == "Unknown":
            if node.type is NodeType.AINODE:
                ours = managed is not None and managed.connected
                remedy = (
                    f"see the log of the process {managed.instance}"
                    if ours and managed is not None
                    else "start it where it ran, or start one here: action node.start-ainode; nothing is forecast meanwhile"
                )
            else:
                remedy = f"see whether its process runs on {node.host}, and its log; it joins again by itself"
            return [
                self._on(
                    name,
                    "iotdb.node-silent",
                    f"{node.type.value} {node.node_id} at {where} sends no heartbeat",
                    remedy,
                    Severity.CRITICAL,
                )
            ]
        if node.status == "ReadOnly" and node.reason.lower() == "diskfull":
            return [
                self._on(
                    name,
                    "iotdb.disk-full",
                    f"the disk of {node.type.value} {node.node_id} at {where} is full: it takes no writes",
                    "make room, or set a time to live (TTL) on its databases; then run SET SYSTEM TO RUNNING",
                    Severity.CRITICAL,
                )
            ]
        if node.status == "ReadOnly":
            return [
                self._on(
                    name,
                    "iotdb.read-only",
                    f"{node.type.value} {node.node_id} at {where} takes no writes",
                    "run SET SYSTEM TO RUNNING when it is meant to take them",
                )
            ]
        return []

    def _drift(self, look: ClusterLook) -> list[Finding]:
        versions = {node.version for node in look.nodes if node.version}
        if len(versions) > 1:
            each = ", ".join(f"{node_name(node)} {node.version}" for node in look.nodes)
            return [
                self._on(
                    node_name(look.nodes[0]),
                    "iotdb.version-drift",
                    f"the nodes are of different versions: {each}",
                    "bring all of them to the same version",
                )
            ]
        servers = [node for node in look.nodes if node.type is not NodeType.AINODE]
        builds = {node.build for node in servers if node.build.lower() not in _UNKNOWN_BUILD}
        if len(builds) > 1:
            each = ", ".join(f"{node_name(node)} {node.build}" for node in servers)
            return [
                self._on(
                    node_name(servers[0]),
                    "iotdb.build-drift",
                    f"the nodes are of one version but of different builds: {each}",
                    "install the same package on all of them",
                )
            ]
        return []

    def _loads(self, look: ClusterLook, now: float) -> list[Finding]:
        if not look.ainode_answers:
            return []
        empty = {(each.model_id, each.device) for each in look.loaded if each.count == 0}
        self._empty_since = {each: self._empty_since.get(each, now) for each in sorted(empty)}
        return [
            Finding(
                "iotdb.load-failed",
                f"{model} has 0 instances on AI device {device}: loading it has failed without a word",
                "see the AINode's log (not enough memory, no weights, or no such library), then unload it and load it again",
                f"{self._backend}/model/{model}",
            )
            for (model, device), since in self._empty_since.items()
            if now - since >= LOAD_SECONDS and any(each.model_id == model for each in look.models)
        ]

    def _refusals(self, look: ClusterLook) -> list[Finding]:
        found: list[Finding] = []
        lacking = [each for each in look.refusals if each.lacks_privilege]
        if lacking:
            found.append(
                self._on(
                    AINODE,
                    "iotdb.privileges",
                    f"the user may not make {' nor '.join(each.statement for each in lacking)}: {lacking[0].error.message}",
                    "have an administrator grant it (GRANT SYSTEM ON root.** TO USER …), or use another user",
                )
            )
        silent = look.refusal("SHOW MODELS")
        ainode = look.ainode
        if silent is not None and not silent.lacks_privilege and ainode is not None and ainode.status == "Running":
            found.append(
                self._on(
                    AINODE,
                    "iotdb.ainode-unreachable",
                    f"the AINode is Running, but the DataNodes get no answer from it: {silent.error.message}",
                    f"see that {ainode.host}:{ainode.port} can be reached from the DataNodes: it is the address that it gave them",
                    Severity.CRITICAL,
                )
            )
        found.extend(
            self._on(
                AINODE, "iotdb.refused", f"{each.statement} has no answer: {each.error.message}", each.error.remedy
            )
            for each in look.refusals
            if not each.lacks_privilege and each is not silent
        )
        return found

    def _on(self, node: str, code: str, sentence: str, remedy: str, severity: Severity = Severity.WARNING) -> Finding:
        return Finding(code, sentence, remedy, f"{self._backend}/node/{node}", severity)
