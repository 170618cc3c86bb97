"""What a cluster cannot do for its user is greyed on its resources, with the reason; whatever else greys an action stands behind it."""

from collections.abc import Callable
from typing import ParamSpec

import msgspec

from quarterdeck_ainode.iotdb.capabilities import Capabilities
from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_api.resources import Resource

P = ParamSpec("P")


def permitted(make: Callable[P, Resource], capabilities: Capabilities | None) -> Callable[P, Resource]:
    """`make`, with what the cluster lacks in `actions_off`; `make` itself as long as nothing is known."""
    if capabilities is None:
        return make

    def made(*args: P.args, **kwargs: P.kwargs) -> Resource:
        resource = make(*args, **kwargs)
        lacking = {each: why for each in cluster_actions(resource.kind) if (why := capabilities.off(each))}
        return msgspec.structs.replace(resource, actions_off={**resource.actions_off, **lacking})

    return made
