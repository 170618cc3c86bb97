"""Lets controllers look when it is their time: each by itself, never twice at once, in the host of its plugin."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck.config.secrets import is_reference, resolve_references
from quarterdeck.runtime.controllers.controller_store import ControllerRecord, ControllerStore
from quarterdeck.runtime.controllers.rules import next_after, resumed
from quarterdeck.runtime.database import StateWriteError
from quarterdeck.runtime.journal import redact
from quarterdeck_api.catalogue import ControllerInfo, JsonSchema
from quarterdeck_api.controllers import Decision
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.host_protocol import ControllerLook
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import validate
from quarterdeck_api.protocol import DoParams
from quarterdeck_api.resources import CORE, Address

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between looks at the clock while controllers wait: the clock may have been set meanwhile.
_LONGEST_WAIT = 30.0
_WRITE_AGAIN_SECONDS = 5.0

Look = Callable[[str, ControllerLook], Awaitable[Decision]]


class KnownController(Struct, frozen=True):
    """A controller that a plugin declares, for one of its backends."""

    plugin: str
    backend: str
    info: ControllerInfo

    @property
    def name(self) -> str:
        """The name of its resource: BACKEND/ID."""
        return f"{self.backend}/{self.info.id}"


class Controllers:
    """Every controller of every backend that is in use.

    `known` gives what plugins declare for the backends that are in use, `why_not` why a backend cannot be looked at now (empty: it can), `look`
    has a plugin's host look, `lookup` resolves environment names of secrets, `on_gone` is told the address of a controller that is no longer
    there. A look is committed as begun, with the time of the next one, before it is made: one that is cut off is not made again, and what it
    requested stands in the journal.
    """

    def __init__(
        self,
        store: ControllerStore,
        known: Callable[[], list[KnownController]],
        why_not: Callable[[str], str],
        look: Look,
        lookup: Callable[[str], str | None],
        publish: Callable[[ControllerRecord, ControllerInfo, str], None],
        on_gone: Callable[[Address], None],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._store = store
        self._find_known = known
        self._why_not = why_not
        self._look = look
        self._lookup = lookup
        self._publish = publish
        self._on_gone = on_gone
        self._clock = clock
        self._rng = rng
        self._known: dict[str, KnownController] = {}
        self._busy: dict[str, asyncio.Task[Decision]] = {}
        self._changed = asyncio.Event()

    def follow(self) -> None:
        """Plugins or backends have changed, or their states: every controller is shown as it is now."""
        before, self._known = self._known, {each.name: each for each in self._find_known()}
        for name in before.keys() - self._known.keys():
            self._on_gone(Address(CORE, "controller", name))
        for name in self._known:
            record = self.record(name)
            if record.looking and name not in self._busy:
                sentence = "its last look was cut off; what it requested stands in the journal"
                self._store.keep(replace(record, looking=0.0, decision="failed", sentence=sentence))
            else:
                self.published(record)
        self._changed.set()

    def published(self, record: ControllerRecord) -> None:
        """A record changed: it is shown, when its backend is in use."""
        known = self._known.get(record.name)
        if known is not None:
            self._publish(record, known.info, self._why_not(record.backend))

    def known(self, name: str) -> KnownController:
        """A controller by BACKEND/ID; raises NotFoundError with the nearest."""
        found = self._known.get(name)
        if found is None:
            remedy = nearest(name, self._known, "see `quarterdeck controllers`")
            raise NotFoundError(f"there is no controller {name!r}", remedy, str(Address(CORE, "controller", name)))
        return found

    def record(self, name: str) -> ControllerRecord:
        """What is kept of a controller, or how it is at first; raises NotFoundError."""
        known = self.known(name)
        found = self._store.get(name)
        if found is not None:
            return found
        return ControllerRecord(known.backend, known.info.id, known.info.enabled)

    def live(self) -> int:
        """How many controllers are on, for which the runtime is kept alive."""
        return sum(self.record(name).enabled for name in self._known)

    def actor(self, plugin: str, name: str) -> str:
        """The actor of a controller that looks just now; raises RefusedError when none of this plugin does."""
        known = self._known.get(name)
        if known is None or known.plugin != plugin or name not in self._busy:
            raise RefusedError(f"controller {name} does not look now, so it cannot ask", "ask while it looks")
        return self.record(name).actor

    def request(self, actor: str, asked: DoParams) -> DoParams:
        """A controller's request with the confirmation that its user gave once for all, and no other."""
        record = next((each for each in self._store.all() if each.actor == actor), None)
        return replace(asked, confirmed=record is not None and record.confirmed, typed_name="", typed_names=())

    def set_enabled(self, name: str, enabled: bool, confirmed: bool = False) -> ControllerRecord:
        """Switches a controller on, to look soon, or off; raises UsageError while its parameters are not complete."""
        record, known = self.record(name), self.known(name)
        now = self._clock()
        if enabled:
            self.check_parameters(known.info, record.parameters)
            record = replace(record, confirmed=confirmed or record.confirmed, next_look=now, failures=0)
        kept = self._store.keep(replace(record, enabled=enabled, changed=now))
        self._changed.set()
        return kept

    def configure(self, name: str, settings: Mapping[str, Any], interval: float, reset: bool) -> ControllerRecord:
        """Sets parameters beside those that are set already (`reset`: in place of them), and the interval (0: stays)."""
        record, known = self.record(name), self.known(name)
        parameters = {**({} if reset else record.parameters), **settings}
        self.check_parameters(known.info, parameters, complete=record.enabled)
        wanted = interval or (0.0 if reset else record.interval)
        seconds = wanted or known.info.interval
        now = self._clock()
        next_look = min(record.next_look, now + seconds) if record.enabled else record.next_look
        record = replace(record, parameters=parameters, interval=wanted, next_look=next_look, changed=now)
        kept = self._store.keep(record)
        self._changed.set()
        return kept

    def check_parameters(self, info: ControllerInfo, parameters: Mapping[str, Any], *, complete: bool = True) -> None:
        """Raises UsageError for parameters that are wrong, missing when they have to be `complete`, or secrets in clear."""
        validate(info.parameters if complete else unrequired(info.parameters), parameters)
        shown = redact(parameters, info.parameters)
        for name, value in parameters.items():
            if shown[name] != value and not (isinstance(value, str) and is_reference(value)):
                raise UsageError(
                    f"{name} is a secret, which would have to be kept in clear", "write env:NAME or file:PATH"
                )

    async def look_now(self, name: str) -> Decision:
        """One look, also of a controller that is off; raises RefusedError while it looks, and what the look raises."""
        record = self.record(name)
        if name in self._busy:
            raise RefusedError(f"controller {name} looks just now", "try again", str(record.address))
        return await asyncio.shield(self._begin(self.known(name)))

    async def run(self) -> None:
        """Follows the clock until it is cancelled; looks under way are cut off then."""
        try:
            while True:
                self._changed.clear()
                self._begin_due()
                try:
                    async with asyncio.timeout(self._delay()):
                        await self._changed.wait()
                except TimeoutError:
                    pass  # The time that was waited for has come.
        finally:
            for task in self._busy.values():
                task.cancel()

    def _begin_due(self) -> None:
        now = self._clock()
        for known in self._waiting():
            if resumed(self.record(known.name).next_look, self._interval(known), now) <= now:
                self._begin(known)

    def _waiting(self) -> list[KnownController]:
        """Controllers that are on, do not look, and whose backend can be looked at."""
        return [
            known
            for name, known in self._known.items()
            if name not in self._busy and self.record(name).enabled and not self._why_not(known.backend)
        ]

    def _delay(self) -> float | None:
        now = self._clock()
        times = [resumed(self.record(known.name).next_look, self._interval(known), now) for known in self._waiting()]
        return min(max(min(times) - now, 0.0), _LONGEST_WAIT) if times else None

    def _interval(self, known: KnownController) -> float:
        return self.record(known.name).interval or known.info.interval

    def _begin(self, known: KnownController) -> asyncio.Task[Decision]:
        task = asyncio.get_running_loop().create_task(self._guarded(known))
        self._busy[known.name] = task
        task.add_done_callback(lambda ended: self._ended(known.name, ended))
        return task

    def _ended(self, name: str, task: asyncio.Task[Decision]) -> None:
        del self._busy[name]
        if not task.cancelled() and (fault := task.exception()) is not None and not isinstance(fault, QuarterdeckError):
            _log.error("controller %s failed", name, exc_info=fault)
        if name in self._known:
            self.published(self.record(name))
        self._changed.set()

    async def _guarded(self, known: KnownController) -> Decision:
        try:
            return await self._one(known)
        except StateWriteError as error:
            _log.warning("controller %s waits: %s. %s", known.name, error.message, error.remedy)
            await asyncio.sleep(_WRITE_AGAIN_SECONDS)
            raise

    async def _one(self, known: KnownController) -> Decision:
        record, interval, began = self.record(known.name), self._interval(known), self._clock()
        self._store.keep(replace(record, looking=began, next_look=began + interval))
        error: QuarterdeckError | None = None
        decision = Decision(False, "")
        try:
            decision = await self._look(known.plugin, self._asked(known, record, began))
        except QuarterdeckError as fault:
            error = fault
        except Exception as fault:  # noqa: BLE001 - the boundary to plugins: a look that fails is a decision that failed.
            _log.error("controller %s failed", known.name, exc_info=fault)
            error = QuarterdeckError(
                f"the runtime failed inside {type(fault).__name__}", "see `quarterdeck runtime logs`"
            )
        ended, latest = self._clock(), self.record(known.name)  # It may have been switched or configured meanwhile.
        interval = self._interval(known)
        if error is not None:
            failures = latest.failures + 1
            self._store.keep(
                replace(
                    latest,
                    looking=0.0,
                    next_look=next_after(ended, interval, failures, self._rng),
                    last=ended,
                    decision="failed",
                    sentence=error.message,
                    failures=failures,
                    looks=latest.looks + 1,
                )
            )
            raise error
        self._store.keep(
            replace(
                latest,
                state=decision.state,
                looking=0.0,
                next_look=next_after(ended, interval, 0, self._rng),
                last=ended,
                decision="acted" if decision.acted else "kept",
                sentence=decision.sentence,
                failures=0,
                looks=latest.looks + 1,
                acts=latest.acts + decision.acted,
            )
        )
        return decision

    def _asked(self, known: KnownController, record: ControllerRecord, now: float) -> ControllerLook:
        self.check_parameters(known.info, record.parameters)
        parameters = {**defaults(known.info.parameters), **record.parameters}
        hidden = redact(parameters, known.info.parameters)
        secret = {name: value for name, value in parameters.items() if hidden[name] != value}
        parameters.update(resolve_references(secret, self._lookup))
        return ControllerLook(known.info.id, known.backend, parameters, record.state, now)


def defaults(schema: JsonSchema) -> dict[str, Any]:
    """The default of every parameter that has one."""
    properties: Mapping[str, JsonSchema] = schema.get("properties", {})
    return {name: each["default"] for name, each in properties.items() if "default" in each}


def unrequired(schema: JsonSchema) -> JsonSchema:
    """The schema with no parameter required: some may be set now and the others later."""
    return {**schema, "required": []}
