"""Runs the looks of a plugin's controllers: in the pool, never two of one controller at once, and what a look asks for goes to the runtime."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.controllers import Decision
from quarterdeck_api.errors import CallTimeoutError, QuarterdeckError, UnreachableError, UsageError
from quarterdeck_api.host.faults import as_error, log_fault
from quarterdeck_api.host.pool import CallAbandonedError, CallNotStartedError, CallPool
from quarterdeck_api.host_protocol import ASK, LOOK_TIMEOUT, Ask, ControllerLook
from quarterdeck_api.import_string import load_object
from quarterdeck_api.peer import Peer
from quarterdeck_api.protocol import DO, GET, DoParams, DoResult, GetParams, GetResult
from quarterdeck_api.wire import Method, decode_value, encode_value

P = TypeVar("P")
R = TypeVar("R")

#: Seconds for a request of a controller: more than a short action may take.
DO_TIMEOUT = 60.0
GET_TIMEOUT = 15.0
#: Bytes of JSON that a controller may keep from one look to the next.
STATE_LIMIT = 256 * 1024


class LookContext:
    """The ControllerContext of one look; once the look is over, nothing more can be asked with it."""

    def __init__(self, asked: ControllerLook, backend: object, peer: Peer, loop: asyncio.AbstractEventLoop) -> None:
        self._asked = asked
        self._backend = backend
        self._peer = peer
        self._loop = loop
        self._over = False

    @property
    def backend(self) -> object:
        """The open backend that it watches."""
        return self._backend

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._asked.backend

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters, checked against its schema."""
        return self._asked.parameters

    @property
    def state(self) -> Any:
        """What the decision before kept; None at first."""
        return self._asked.state

    @property
    def now(self) -> float:
        """The Unix time of this look."""
        return self._asked.now

    def do(
        self,
        action: str,
        addresses: tuple[str, ...] = (),
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> DoResult:
        """Requests an action as any client does; raises UnknownOutcomeError when the answer is lost."""
        request = DoParams(action, tuple(addresses), dict(parameters or {}), dict(settings or {}), key=key)
        return self._ask(DO, request, DO_TIMEOUT, changes_something=True)

    def get(self, kind: str, backend: str = "", filter: str = "") -> GetResult:
        """Resources as they are now."""
        return self._ask(GET, GetParams(kind, backend, filter), GET_TIMEOUT, changes_something=False)

    def end(self) -> None:
        """The look is over, or was given up."""
        self._over = True

    def _ask(self, method: Method[P, R], params: P, timeout: float, *, changes_something: bool) -> R:
        if self._over:
            raise UnreachableError(
                f"the look of controller {self._asked.controller} at {self.name} is over", "ask while it looks"
            )
        controller = f"{self._asked.backend}/{self._asked.controller}"
        ask = Ask(method.name, encode_value(params), controller=controller)
        asking = asyncio.run_coroutine_threadsafe(
            self._peer.call(ASK, ask, timeout, changes_something=changes_something), self._loop
        )
        answer: Raw = asking.result()
        return decode_value(answer, method.result)


class HostControllers:
    """The controllers of one plugin. `backend` gives an open backend by name or raises UnreachableError; `timeout` in seconds."""

    def __init__(
        self,
        catalogue: Catalogue,
        pool: CallPool,
        backend: Callable[[str], object],
        peer: Peer,
        timeout: float = LOOK_TIMEOUT,
    ) -> None:
        self._infos = {info.id: info for info in catalogue.controllers}
        self._pool = pool
        self._backend = backend
        self._peer = peer
        self._timeout = timeout
        self._looking: set[str] = set()

    async def look(self, asked: ControllerLook) -> Decision:
        """One look; raises what it raises as an error with a remedy.

        CallTimeoutError when it did not return in time: it goes on in its thread, cannot ask for anything any more, and until it returns there
        is no other look of this controller at this backend.
        """
        info = self._infos.get(asked.controller)
        if info is None:
            raise UsageError(f"the plugin has no controller {asked.controller!r}", "see `quarterdeck plugin info`")
        name = f"{asked.backend}/{asked.controller}"
        if name in self._looking:
            raise UnreachableError(f"an earlier look of controller {name} still runs", "wait, or restart the host")
        context = LookContext(asked, self._backend(asked.backend), self._peer, asyncio.get_running_loop())
        self._looking.add(name)

        def look() -> object:
            try:
                return load_object(info.implementation)(context)
            finally:
                context.end()
                self._looking.discard(name)

        try:
            found = await self._pool.run(look, self._timeout)
        except CallNotStartedError:
            self._looking.discard(name)
            raise CallTimeoutError(f"no thread was free for controller {name}", "it looks again later") from None
        except CallAbandonedError:
            context.end()
            error = CallTimeoutError(
                f"controller {name} did not decide within {self._timeout:g} s", "it looks again later"
            )
            log_fault(name, error)
            raise error from None
        except Exception as fault:  # The boundary to plugin code: whatever a look raises becomes its decision.
            log_fault(f"controller {name}", fault)
            raise as_error(f"controller {name}", fault) from fault
        return _checked(name, found)


def _checked(name: str, found: object) -> Decision:
    """The decision with the types of its fields checked; raises QuarterdeckError."""
    remedy = "report it to the plugin's authors"
    if not isinstance(found, Decision):
        raise QuarterdeckError(f"controller {name} gave a {type(found).__name__}, not a Decision", remedy)
    try:
        encoded = msgspec.json.encode(found)
        decision = msgspec.json.decode(encoded, type=Decision)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise QuarterdeckError(f"the decision of controller {name} is malformed: {error}", remedy) from error
    if len(encoded) > STATE_LIMIT:
        raise QuarterdeckError(
            f"controller {name} keeps {len(encoded):,} bytes from look to look; at most {STATE_LIMIT:,} are kept",
            remedy,
        )
    return decision
