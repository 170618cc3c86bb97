"""A plugin's entry-point module in its host: imported only when a hook of it has to be called there."""

import importlib
import threading
from typing import Any

from quarterdeck_api.errors import UsageError


class PluginHooks:
    """Calls the hooks of one plugin; from any thread, blocking. The module and pluggy are imported by the first call."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._relay: Any = None

    def call(self, name: str, **arguments: object) -> list[object]:
        """What the hook's implementations answer; raises what they raise, and what importing the module raises."""
        return list(getattr(self.load(), name)(**arguments))

    def load(self) -> Any:
        """Imports the module, unless that has been done; raises what importing raises."""
        with self._lock:
            if self._relay is None:
                if not self._module:
                    raise UsageError(
                        "the runtime has not said which module has the plugin's hooks", "restart the runtime"
                    )
                import pluggy  # Only here: it costs start-up time, and few hosts call hooks.

                from quarterdeck_api.hooks import PROJECT, HookSpecification

                manager = pluggy.PluginManager(PROJECT)
                manager.add_hookspecs(HookSpecification)
                manager.register(importlib.import_module(self._module))
                self._relay = manager.hook
            return self._relay
