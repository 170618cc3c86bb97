"""What a cluster cannot do for its user is greyed on its resources, with the reason; whatever else greys an action stands behind it."""

from collections.abc import Mapping

from quarterdeck_ainode.iotdb.capabilities import Capabilities
from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.resources import Cell, Resource


def permitted(make: ResourceMaker, capabilities: Capabilities | None) -> ResourceMaker:
    """`make`, with what the cluster lacks in `actions_off`; `make` itself as long as nothing is known."""
    if capabilities is None:
        return make

    def made(
        kind: str,
        name: str,
        *,
        cells: Mapping[str, Cell],
        health: str = "ok",
        state: str = "",
        reason: str = "",
        since: float = 0.0,
        uid: str = "",
        parent: str = "",
        links: dict[str, str] | None = None,
        actions_off: dict[str, str] | None = None,
    ) -> Resource:
        lacking = {each: why for each in cluster_actions(kind) if (why := capabilities.off(each))}
        return make(
            kind,
            name,
            cells=cells,
            health=health,
            state=state,
            reason=reason,
            since=since,
            uid=uid,
            parent=parent,
            links=links,
            actions_off={**(actions_off or {}), **lacking} or None,
        )

    return made
