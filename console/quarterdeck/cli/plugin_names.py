"""The names of plugins that were found, without asking the runtime and without running any of their code."""

import os

from quarterdeck.config.paths import instance_paths
from quarterdeck.loading.discovery import find_plugins, plugin_path
from quarterdeck.loading.own_environments import OwnEnvironments


def plugin_names() -> frozenset[str]:
    """The ids that installed plugins claim; what of them is usable, the runtime knows."""
    paths = instance_paths()
    own = OwnEnvironments(paths.environments)
    found = find_plugins(paths.catalogues / "found.json", plugin_path(os.environ), environments=own)
    return frozenset(each.name for each in found)
