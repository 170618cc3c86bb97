"""What plugin code asks of the runtime: a controller's look or a job does what a client could, in its own name."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec import Raw, Struct

from quarterdeck_api.errors import UsageError
from quarterdeck_api.host_protocol import Ask
from quarterdeck_api.nearest import nearest
from quarterdeck_api.wire import Method, decode_value, encode_value

P = TypeVar("P")
R = TypeVar("R")


class JobAsker(Struct, frozen=True):
    """An attempt at a job that asks; `actor` as in the journal."""

    job: int
    token: int
    actor: str


class Asking:
    """Answers some of the clients' methods to plugin code.

    `controller` gives the actor of a controller of a plugin, `job` that of an attempt; both raise RefusedError for one that does not run. The
    actor is as the journal has it; policy, guardrails and authorising plugins apply to it as to any user.
    """

    def __init__(self, controller: Callable[[str, str], str], job: Callable[[str, int, int], str]) -> None:
        self._controller = controller
        self._job = job
        self._handlers: dict[str, tuple[Method[Any, Any], Callable[[str, Any], Awaitable[Any]]]] = {}
        self._job_handlers: dict[str, tuple[Method[Any, Any], Callable[[JobAsker, Any], Awaitable[Any]]]] = {}

    def on(self, method: Method[P, R], handler: Callable[[str, P], Awaitable[R]]) -> None:
        """Answers a method; the handler gets the actor."""
        self._handlers[method.name] = (method, handler)

    def on_job(self, method: Method[P, R], handler: Callable[[JobAsker, P], Awaitable[R]]) -> None:
        """Answers a method to jobs alone; the handler gets the attempt."""
        self._job_handlers[method.name] = (method, handler)

    async def answer(self, plugin: str, ask: Ask) -> Raw:
        """Answers what code of a plugin asks; raises UsageError for a method that it may not ask, and what the handler raises."""
        if ask.job and (of_jobs := self._job_handlers.get(ask.method)) is not None:
            method, answer = of_jobs
            asker = JobAsker(ask.job, ask.token, self._job(plugin, ask.job, ask.token))
            return encode_value(await answer(asker, decode_value(ask.params, method.params)))
        entry = self._handlers.get(ask.method)
        if entry is None:
            raise UsageError(f"plugins cannot ask for {ask.method!r}", nearest(ask.method, self._handlers))
        method, handler = entry
        actor = self._controller(plugin, ask.controller) if ask.controller else self._job(plugin, ask.job, ask.token)
        return encode_value(await handler(actor, decode_value(ask.params, method.params)))
