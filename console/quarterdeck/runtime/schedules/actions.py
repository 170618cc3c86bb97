"""The actions on schedules: checked before anything is kept, then carried out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck.runtime.schedules.rules import Misfire, next_time, parse_rule
from quarterdeck.runtime.schedules.schedule_store import Overlap, Schedule, ScheduleStore
from quarterdeck.runtime.schedules.scheduler import Scheduler
from quarterdeck.runtime.schedules.view import HONESTY, preview_document
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import RefusedError, UsageError, error_from_report
from quarterdeck_api.protocol import DoParams
from quarterdeck_api.resources import Address

_DEFAULT_ZONE = "UTC"


class ScheduleActions:
    """Adds, removes, switches and runs schedules.

    `require_possible` raises when a request could not be carried out now as it stands, confirmation included.
    """

    def __init__(
        self,
        schedules: ScheduleStore,
        scheduler: Scheduler,
        require_possible: Callable[[DoParams], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._schedules = schedules
        self._scheduler = scheduler
        self._require_possible = require_possible
        self._clock = clock

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError or RefusedError when a schedule could not be added as asked, before anything is journalled or kept."""
        if request.action != "schedule.add":
            return
        schedule = self._asked(request.parameters)
        if schedule.action.startswith("schedule."):
            raise UsageError(f"a schedule cannot request {schedule.action}", "name an action of another kind")
        self._schedules.refuse_existing(schedule.name)
        _require_coming(schedule, self._clock())
        await self._require_possible(schedule.request())

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """Schedules take no settings of their own."""
        return None

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """What adding or previewing a rule would show; None for another action."""
        if request.action not in ("schedule.add", "schedule.preview"):
            return None
        now, parameters = self._clock(), request.parameters
        document = preview_document(str(parameters["rule"]), str(parameters.get("zone") or _DEFAULT_ZONE), now, now)
        return ActionResult(document.title, document=document)

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Carries out an action on schedules; None when it is not one of them."""
        action, address = request.action, request.address
        match action:
            case "schedule.preview":
                return self.preview(request)
            case "schedule.add":
                schedule = self._asked(request.parameters)
                self._schedules.add(schedule)
                shown = self.preview(request)
                return ActionResult(f"schedule {schedule.name} is added", document=shown.document if shown else None)
            case "schedule.remove" | "schedule.enable" | "schedule.disable" | "schedule.run-now" if address is not None:
                return await self._change(action, address.name)
            case _:
                return None

    async def _change(self, action: str, name: str) -> ActionResult:
        match action:
            case "schedule.remove":
                self._schedules.remove(name)
                return ActionResult(f"schedule {name} is removed")
            case "schedule.enable":
                _require_coming(self._schedules.get(name), self._clock())
                self._schedules.set_enabled(name, True, self._clock())
                return ActionResult(f"schedule {name} is enabled. {HONESTY}")
            case "schedule.disable":
                self._schedules.set_enabled(name, False, self._clock())
                return ActionResult(f"schedule {name} is disabled")
            case _:
                outcome = await self._scheduler.run_now(name)
                if outcome.error is not None:
                    raise error_from_report(outcome.error)
                return ActionResult(
                    f"schedule {name} requested {self._schedules.get(name).action}: {outcome.message}",
                    outcome.statement,
                    outcome.document,
                )

    def _asked(self, parameters: Mapping[str, Any]) -> Schedule:
        now = self._clock()
        return Schedule(
            name=parameters["name"],
            rule=parameters["rule"],
            zone=parameters.get("zone") or _DEFAULT_ZONE,
            action=parameters["action"],
            target=parameters.get("target", ""),
            parameters=parameters.get("parameters", {}),
            settings=parameters.get("settings", {}),
            priority=parameters.get("priority", 0),
            confirmed=parameters.get("confirmed", False),
            typed_name=parameters.get("typed_name", ""),
            misfire=Misfire(parameters.get("misfire", Misfire.ONCE.value)),
            misfire_limit=parameters.get("misfire_limit", 10),
            overlap=Overlap(parameters.get("overlap", Overlap.REFUSE.value)),
            enabled=True,
            created=now,
            changed=now,
            handled=now,
        )


def _require_coming(schedule: Schedule, now: float) -> None:
    if next_time(parse_rule(schedule.rule, schedule.zone, schedule.created), now) is None:
        raise RefusedError(
            f"the time of the schedule {schedule.name} has passed: {schedule.rule}",
            "add a schedule with a time to come",
            str(schedule.address),
        )
