"""A plugin with a typing error in the name of a hook."""

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import PluginInfo
from quarterdeck_api.declarations import Action
from quarterdeck_api.hooks import hookimpl


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("hostile-unknown-hook", "Hostile-unknown-hook", "1.0", API_VERSION)


@hookimpl
def quarterdeck_acctions() -> list[Action]:
    return []
