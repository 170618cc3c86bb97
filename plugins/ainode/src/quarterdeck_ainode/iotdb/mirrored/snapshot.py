"""One look at a cluster as its mirrored resources, with the metrics and findings that come of it."""

import time
from collections.abc import Callable

from quarterdeck_ainode.iotdb.capabilities import Capabilities
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.mirrored.attention import Attention
from quarterdeck_ainode.iotdb.mirrored.cluster_state import NodeType
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook, Looking
from quarterdeck_ainode.iotdb.mirrored.models import device_resources, model_resources, query_resources
from quarterdeck_ainode.iotdb.mirrored.nodes import AINODE, node_name, node_resources
from quarterdeck_ainode.iotdb.mirrored.own_ainode import OwnAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import Reachability
from quarterdeck_ainode.iotdb.mirrored.twins import Twins
from quarterdeck_ainode.iotdb.permitting import permitted
from quarterdeck_api.backend import WatchContext
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.findings import Finding
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.resources import Resource

KINDS = ("node", "model", "ai-device", "query")


class Snapshot:
    """Takes looks at one cluster and says what comes of them."""

    def __init__(
        self,
        name: str,
        client: IotdbClient,
        looking: Looking,
        reachability: Reachability,
        own: OwnAINode,
        twins: Twins,
        context: WatchContext,
        capabilities: Callable[[], Capabilities | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._client = client
        self._looking = looking
        self._reachability = reachability
        self._own = own
        self._twins = twins
        self._context = context
        self._capabilities = capabilities
        self._clock = clock
        self._wall_clock = wall_clock
        self._attention = Attention(name)
        self._identified = False
        self._said: list[Finding] | None = None

    def take(self) -> list[Resource]:
        """Every mirrored resource; raises UnreachableError when the cluster does not answer."""
        look = self._looking.look()
        self._identify()
        self._reachability.refresh(port for node in look.nodes for port in node.ports)
        managed = self._own.latest
        findings = self._attention.findings(look, managed, self._twins.of(self._name), self._clock())
        if findings != self._said:
            self._said = findings
            self._context.findings(findings)
        self._context.metric(self._samples(look))
        make = permitted(self._context.resource, self._capabilities())
        return [
            *node_resources(make, look, self._reachability.state, managed),
            *model_resources(make, look, self._name),
            *device_resources(make, look, self._name),
            *query_resources(make, look, self._name),
        ]

    def _identify(self) -> None:
        """Asks once which cluster it is."""
        if self._identified:
            return
        try:
            found = [str(each) for each in self._client.rows("SHOW CLUSTERID").column("ClusterId")]
        except UnreachableError:
            return  # The look was answered and stands; the next one asks again.
        except QuarterdeckError:
            found = []  # Not every version tells, nor every user may ask; the endpoints have to do.
        self._identified = True
        self._twins.say(self._name, *found)

    def _samples(self, look: ClusterLook) -> list[MetricSample]:
        now = self._wall_clock()
        ainode = f"{self._name}/node/{AINODE}"
        found: list[MetricSample] = []
        if look.queries_known:
            found.append(MetricSample(ainode, "queries", len(look.queries), now))
        if look.ainode_answers:
            found.append(MetricSample(ainode, "models", len(look.models), now))
        if look.ainode_answers and look.instances_known:
            found.append(MetricSample(ainode, "instances", sum(each.count for each in look.loaded), now))
        asked = next((node for node in look.nodes if node.type is NodeType.DATA_NODE), None)
        if asked is not None:
            found.append(MetricSample(f"{self._name}/node/{node_name(asked)}", "latency", look.latency, now, "s"))
        managed = self._own.latest
        if managed is not None and managed.connected:
            found.extend(
                MetricSample(ainode, name, value, now, managed.units.get(name, ""))
                for name, value in managed.values.items()
            )
        return found
