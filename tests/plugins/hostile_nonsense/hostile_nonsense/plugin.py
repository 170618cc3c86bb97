"""A plugin whose hooks return nonsense."""

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import PluginInfo
from quarterdeck_api.declarations import Action
from quarterdeck_api.hooks import hookimpl


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("hostile-nonsense", "Hostile-nonsense", "1.0", API_VERSION)


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [Action("node.sink", 17, ("node",)), "an action"]  # type: ignore[list-item, arg-type]
