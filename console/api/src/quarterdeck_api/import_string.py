"""Import strings `package.module:callable`, by which catalogues name a plugin's implementations."""

import importlib
from collections.abc import Callable
from typing import Any

from quarterdeck_api.errors import UsageError


def load_object(reference: str) -> Callable[..., Any]:
    """Imports `package.module:callable`; raises UsageError when there is no such thing. The module's own errors pass through."""
    module_name, separator, name = reference.partition(":")
    remedy = "reinstall the plugin, or correct its declaration"
    if not (module_name and separator and name):
        raise UsageError(f"{reference!r} is not an import string", "write package.module:callable")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise UsageError(f"the plugin has no module {module_name!r}, which {reference!r} names", remedy) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(f"{module_name} has no callable {name!r}", remedy)
    return found
