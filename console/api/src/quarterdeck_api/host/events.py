"""Tells a plugin's hooks what happened, one event at a time, in a thread, and never for longer than its time."""

import sys
from typing import Any

from quarterdeck_api.errors import CallTimeoutError
from quarterdeck_api.events import FindingChanged, HealthChanged, JobFinished
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.plugin_hooks import PluginHooks
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host_protocol import HOOK_TIMEOUT, EventParams

_HOOKS: dict[type[Any], str] = {
    HealthChanged: "quarterdeck_health_changed",
    JobFinished: "quarterdeck_job_finished",
    FindingChanged: "quarterdeck_finding",
}


class EventHooks:
    """The hooks for events of one plugin. `timeout` in seconds."""

    def __init__(self, hooks: PluginHooks, pool: CallPool, timeout: float = HOOK_TIMEOUT) -> None:
        self._hooks = hooks
        self._pool = pool
        self._timeout = timeout

    async def tell(self, told: EventParams) -> None:
        """Calls the hook for an event; raises what it raises as an error with a remedy, CallTimeoutError when it does not return."""
        if told.dropped:
            sys.stderr.write(f"{told.dropped} events were dropped: the hooks take them too slowly\n")
        name = _HOOKS[type(told.event)]
        try:
            await self._pool.run(lambda: self._hooks.call(name, event=told.event), self._timeout)
        except (CallAbandonedError, CallNotStartedError):
            error = CallTimeoutError(f"{name} did not return within {self._timeout:g} s", "make it quicker")
            log_fault(name, error)
            raise error from None
        except Exception as fault:  # The boundary to plugin code: whatever a hook raises is reported, and ends nothing.
            log_fault(name, fault)
            raise as_error(name, fault) from fault
