"""What describe shows of a cluster's resources, by kind."""

from collections.abc import Callable

from quarterdeck_ainode.iotdb.browsed.cluster_lists import read_regions
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.described.beside import Beside
from quarterdeck_ainode.iotdb.described.cluster import config_node_blocks, data_node_blocks
from quarterdeck_ainode.iotdb.described.model import describe_model
from quarterdeck_ainode.iotdb.described.node import describe_device as describe_ai_device
from quarterdeck_ainode.iotdb.described.node import describe_node, describe_query
from quarterdeck_ainode.iotdb.described.schema import (
    describe_database,
    describe_device,
    describe_region,
    describe_setting,
    describe_table,
)
from quarterdeck_ainode.iotdb.described.series_pages import describe_series
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook, Looking
from quarterdeck_ainode.iotdb.mirrored.nodes import AINODE, node_name
from quarterdeck_ainode.iotdb.mirrored.own_ainode import OwnAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import Reachability
from quarterdeck_api.documents import Block, Document, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError
from quarterdeck_api.resources import Address

_NAMES: dict[str, Callable[[ClusterLook], set[str]]] = {
    "node": lambda look: {AINODE, *(node_name(each) for each in look.nodes)},
    "model": lambda look: {each.model_id for each in look.models},
    "ai-device": lambda look: {device for device, _ in look.devices},
    "query": lambda look: {each.query_id for each in look.queries},
}


class Describing:
    """Describes what one cluster has; may be used by many threads at once."""

    def __init__(self, client: IotdbClient, looking: Looking, reachability: Reachability, own: OwnAINode) -> None:
        self._client = client
        self._looking = looking
        self._reachability = reachability
        self._own = own

    def document(self, address: str) -> Document:
        """The document of a resource; raises NotFoundError for what does not exist."""
        parsed = Address.parse(address)
        name = parsed.name
        match parsed.kind:
            case "node":
                return self._as_of_last_look(self._node(address, name))
            case "model":
                return self._as_of_last_look(describe_model(address, name, self._look()))
            case "ai-device":
                return self._as_of_last_look(describe_ai_device(address, name, self._look()))
            case "query":
                return self._as_of_last_look(describe_query(address, name, self._look()))
            case "database":
                return describe_database(self._client, address, name)
            case "device":
                return describe_device(self._client, address, name)
            case "table":
                return describe_table(self._client, address, name)
            case "series":
                return describe_series(self._client, address, name)
            case "region":
                return describe_region(self._client, address, name)
            case "configuration":
                return describe_setting(self._client, address, name)
            case kind:
                raise NotFoundError(f"{parsed.backend} has no {kind}", "see its nodes: `quarterdeck get node`", address)

    def require(self, address: str) -> None:
        """Raises NotFoundError for a node, a model, an AI device or a query that the cluster has not, even when it is looked at again."""
        parsed = Address.parse(address)
        if parsed.kind not in _NAMES or parsed.name in _NAMES[parsed.kind](self._look()):
            return
        known = _NAMES[parsed.kind](Looking(self._client).look())
        if parsed.name not in known:
            raise NotFoundError(f"there is no {address}", f"there are: {', '.join(sorted(known)) or 'none'}", address)

    def _look(self) -> ClusterLook:
        """What was seen last, or what is seen now when nothing was yet."""
        latest = self._looking.latest
        return latest if latest.seen else Looking(self._client).look()

    def _as_of_last_look(self, document: Document) -> Document:
        """The document, with what keeps it from being of now."""
        silence = self._looking.silence
        if not silence:
            return document
        said = TextBlock(f"{silence}; this is what was seen last.", title="The cluster does not answer")
        return Document(document.title, (said, *document.blocks))

    def _node(self, address: str, name: str) -> Document:
        look = self._look()
        self._reachability.refresh(port for node in look.nodes for port in node.ports)
        beside = Beside(self._client)
        regions = _regions(beside, name) if name.startswith("datanode-") else ""
        document = describe_node(address, name, look, self._own.latest, self._reachability.state, regions)
        return Document(document.title, (*document.blocks, *_beside(beside, name)))


def _beside(beside: Beside, name: str) -> tuple[Block, ...]:
    """What is asked only when a node is described."""
    kind, _, number = name.partition("-")
    if kind == "confignode":
        return config_node_blocks(beside, int(number))
    if kind == "datanode":
        return data_node_blocks(beside, int(number))
    return ()


def _regions(beside: Beside, name: str) -> str:
    number = name.removeprefix("datanode-")
    try:
        found = [
            replica for region in read_regions(beside) for replica in region.replicas if str(replica.node) == number
        ]
    except QuarterdeckError as error:
        return f"not to be seen: {error.message}"
    leading = sum(1 for each in found if each.role.lower() == "leader")
    return f"{len(found)}, of which it leads {leading}"
