"""Where a plugin lives, told from its status."""

import sys
from enum import Enum
from pathlib import Path

from quarterdeck_api.catalogue import PluginStatus


class Place(Enum):
    """In the environment of Quarterdeck itself, in one of its own, or in a folder of QUARTERDECK_PLUGIN_PATH."""

    SHARED = "shared"
    OWN = "own"
    FOLDER = "folder"


def place_of(status: PluginStatus) -> Place:
    """Where a plugin lives. Interpreters are compared by their folder: one environment has several names for its own."""
    if status.paths:
        return Place.FOLDER
    own = status.interpreter and Path(status.interpreter).parent != Path(sys.executable).parent
    return Place.OWN if own else Place.SHARED


def place_sentence(status: PluginStatus) -> str:
    """Where a plugin lives, as words."""
    match place_of(status):
        case Place.FOLDER:
            return f"from {', '.join(status.paths)}, on QUARTERDECK_PLUGIN_PATH"
        case Place.OWN:
            return f"in an environment of its own, {Path(status.interpreter).parents[1]}"
        case Place.SHARED:
            return f"in Quarterdeck's environment, {sys.prefix}"
