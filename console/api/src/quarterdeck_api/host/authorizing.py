"""Asks a plugin's `quarterdeck_authorize`: whatever is not a clear yes is a no."""

from typing import cast

from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.errors import CallTimeoutError, QuarterdeckError
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.plugin_hooks import PluginHooks
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host_protocol import AUTHORIZE_TIMEOUT

_HOOK = "quarterdeck_authorize"

#: Seconds for importing the plugin's entry-point module.
IMPORT_TIMEOUT = 20.0


class AuthorizeHook:
    """The hook of one plugin that may refuse requests. Its pool is its own, so that busy backends do not hold an answer up."""

    def __init__(self, hooks: PluginHooks, pool: CallPool, timeout: float = AUTHORIZE_TIMEOUT) -> None:
        self._hooks = hooks
        self._pool = pool
        self._timeout = timeout

    async def prepare(self) -> None:
        """Imports the plugin's module before the first question, whose time is short; a fault is logged, and every question fails by it."""
        try:
            await self._pool.run(self._hooks.load, IMPORT_TIMEOUT)
        except (CallAbandonedError, CallNotStartedError):
            log_fault(_HOOK, CallTimeoutError(f"the plugin could not be imported within {IMPORT_TIMEOUT:g} s"))
        except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: the questions will say it again
            log_fault(_HOOK, fault)

    async def ask(self, request: AuthorizationRequest) -> Authorization:
        """The plugin's answer; raises an error when there is none, which whoever asked takes for no."""
        try:
            answers = await self._pool.run(lambda: self._hooks.call(_HOOK, request=request), self._timeout)
        except (CallAbandonedError, CallNotStartedError):
            error = CallTimeoutError(f"{_HOOK} did not answer within {self._timeout:g} s", "make it quicker")
            log_fault(_HOOK, error)
            raise error from None
        except Exception as fault:  # The boundary to plugin code: whatever the hook raises is reported, and means no.
            log_fault(_HOOK, fault)
            raise as_error(_HOOK, fault) from fault
        if len(answers) != 1 or not isinstance(answers[0], Authorization):
            given = type(answers[0]).__name__ if answers else "nothing"
            raise QuarterdeckError(f"{_HOOK} gave {given}, not an Authorization", "report it to the plugin's authors")
        answer = answers[0]
        # Structs do not check their fields when they are made, and only a real True is a yes.
        allowed = cast(object, answer.allowed) is True
        return Authorization(allowed, str(answer.reason))
