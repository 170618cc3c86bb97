"""A plugin for a contract that does not exist yet."""

from quarterdeck_api.catalogue import PluginInfo
from quarterdeck_api.hooks import hookimpl


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("hostile-future-api", "Hostile-future-api", "1.0", "99.0")


@hookimpl
def quarterdeck_telepathy(mind: str) -> list[str]:
    return [mind]
