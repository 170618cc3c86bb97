"""The actions on schedules: checked before anything is kept, then carried out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck.runtime.schedules.conflicts import conflicts_of
from quarterdeck.runtime.schedules.rules import Misfire, next_time, parse_rule
from quarterdeck.runtime.schedules.schedule_store import Overlap, Schedule, ScheduleStore
from quarterdeck.runtime.schedules.scheduler import Scheduler
from quarterdeck.runtime.schedules.view import honesty, preview_document
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import RefusedError, UsageError, error_from_report
from quarterdeck_api.protocol import DoParams, Outcome
from quarterdeck_api.resources import Address

_DEFAULT_ZONE = "UTC"


class ScheduleActions:
    """Adds, removes, switches and runs schedules.

    `require_possible` raises when a request could not be carried out now as it stands, confirmation included; `installed` says whether the
    runtime starts with the machine.
    """

    def __init__(
        self,
        schedules: ScheduleStore,
        scheduler: Scheduler,
        require_possible: Callable[[DoParams], Awaitable[None]],
        clock: Callable[[], float],
        installed: Callable[[], bool],
    ) -> None:
        self._schedules = schedules
        self._scheduler = scheduler
        self._require_possible = require_possible
        self._clock = clock
        self._installed = installed

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError or RefusedError when a schedule could not be added or edited as asked, before anything is journalled or kept."""
        if request.action == "schedule.add":
            schedule = self._asked(request.parameters)
            self._schedules.refuse_existing(schedule.name)
        elif request.action == "schedule.edit" and request.address is not None:
            schedule = self._edited(request.address.name, request.parameters)
            if schedule.claimed:
                raise RefusedError(
                    f"schedule {schedule.name} is just requesting {schedule.action}", "try again", str(schedule.address)
                )
        else:
            return
        if schedule.action.startswith("schedule."):
            raise UsageError(f"a schedule cannot request {schedule.action}", "name an action of another kind")
        _require_coming(schedule, self._clock())
        await self._require_possible(schedule.request())

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """Schedules take no settings of their own."""
        return None

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """What adding, editing or previewing a rule would show, conflicts included; None for another action."""
        parameters, now = request.parameters, self._clock()
        if request.action == "schedule.add":
            return self._shown(self._asked(parameters))
        if request.action == "schedule.edit" and request.address is not None:
            return self._shown(self._edited(request.address.name, parameters))
        if request.action != "schedule.preview":
            return None
        zone = str(parameters.get("zone") or _DEFAULT_ZONE)
        document = preview_document(str(parameters["rule"]), zone, now, now, installed=self._installed())
        return ActionResult(document.title, document=document)

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Carries out an action on schedules; None when it is not one of them."""
        action, address = request.action, request.address
        match action:
            case "schedule.preview":
                return self.preview(request)
            case "schedule.add":
                schedule = self._asked(request.parameters)
                shown = self._shown(schedule)
                self._schedules.add(schedule)
                return ActionResult(f"schedule {schedule.name} is added{_clash(shown)}", document=shown.document)
            case "schedule.edit" if address is not None:
                schedule = self._edited(address.name, request.parameters)
                shown = self._shown(schedule)
                self._schedules.edit(schedule)
                return ActionResult(f"schedule {schedule.name} is changed{_clash(shown)}", document=shown.document)
            case "schedule.remove" | "schedule.enable" | "schedule.disable" | "schedule.run-now" if address is not None:
                return await self._change(action, address.name)
            case _:
                return None

    def _shown(self, schedule: Schedule) -> ActionResult:
        """A schedule's times and conflicts; the statement says the first conflict, and is empty when there is none."""
        now = self._clock()
        conflicts = conflicts_of(schedule, self._schedules.all(), now)
        document = preview_document(schedule.rule, schedule.zone, now, schedule.created, conflicts, self._installed())
        statement = conflicts[0].sentence(schedule.zone) if conflicts else ""
        return ActionResult(document.title, statement, document)

    async def _change(self, action: str, name: str) -> ActionResult:
        match action:
            case "schedule.remove":
                self._schedules.remove(name)
                return ActionResult(f"schedule {name} is removed")
            case "schedule.enable":
                _require_coming(self._schedules.get(name), self._clock())
                self._schedules.set_enabled(name, True, self._clock())
                return ActionResult(f"schedule {name} is enabled. {honesty(self._installed())}")
            case "schedule.disable":
                self._schedules.set_enabled(name, False, self._clock())
                return ActionResult(f"schedule {name} is disabled")
            case _:
                return _ran(self._schedules.get(name), await self._scheduler.run_now(name))

    def _asked(self, parameters: Mapping[str, Any]) -> Schedule:
        now = self._clock()
        return Schedule(
            name=parameters["name"],
            rule=parameters["rule"],
            zone=parameters.get("zone") or _DEFAULT_ZONE,
            action=parameters["action"],
            targets=_together(parameters, "target", "targets"),
            parameters=parameters.get("parameters", {}),
            settings=parameters.get("settings", {}),
            priority=parameters.get("priority", 0),
            confirmed=parameters.get("confirmed", False),
            typed_names=_together(parameters, "typed_name", "typed_names"),
            misfire=Misfire(parameters.get("misfire", Misfire.ONCE.value)),
            misfire_limit=parameters.get("misfire_limit", 10),
            overlap=Overlap(parameters.get("overlap", Overlap.REFUSE.value)),
            enabled=True,
            created=now,
            changed=now,
            handled=now,
        )

    def _edited(self, name: str, asked: Mapping[str, Any]) -> Schedule:
        """The schedule with what is asked for in place of what it has; confirmations hold for what they were given for only."""
        before, now = self._schedules.get(name), self._clock()
        unset = set(asked.get("unset", ()))
        names = {"target", "targets"} & asked.keys()
        after = replace(
            before,
            rule=asked.get("rule", before.rule),
            zone=asked.get("zone") or before.zone,
            action=asked.get("action", before.action),
            targets=_together(asked, "target", "targets") if names else before.targets,
            parameters=_merged(before.parameters, asked.get("parameters", {}), unset),
            settings=_merged(before.settings, asked.get("settings", {}), unset),
            priority=asked.get("priority", before.priority),
            misfire=Misfire(asked.get("misfire", before.misfire.value)),
            misfire_limit=asked.get("misfire_limit", before.misfire_limit),
            overlap=Overlap(asked.get("overlap", before.overlap.value)),
            changed=now,
        )
        same_act = (before.action, before.targets) == (after.action, after.targets)
        typed = {"typed_name", "typed_names"} & asked.keys() or not same_act
        confirmed = asked.get("confirmed", before.confirmed and same_act)
        typed_names = _together(asked, "typed_name", "typed_names") if typed else before.typed_names
        # A changed rule counts from now on: times that it would have had before are none that were missed.
        handled = before.handled if (before.rule, before.zone) == (after.rule, after.zone) else now
        return replace(after, confirmed=confirmed, typed_names=typed_names, handled=handled)


def _together(parameters: Mapping[str, Any], one: str, several: str) -> tuple[str, ...]:
    """The value that has a parameter of its own with the further ones, each once."""
    first = parameters.get(one, "")
    return tuple(dict.fromkeys([*([first] if first else []), *parameters.get(several, ())]))


def _merged(before: Mapping[str, Any], asked: Mapping[str, Any], unset: set[str]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **asked}.items() if name not in unset}


def _clash(shown: ActionResult) -> str:
    return f". Mind: {shown.statement}" if shown.statement else ""


def _ran(schedule: Schedule, outcomes: Sequence[Outcome]) -> ActionResult:
    """What requesting at once came to; raises the error of the first target that has one."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise error_from_report(outcome.error)
    first = outcomes[0]
    if len(outcomes) == 1:
        message = f"schedule {schedule.name} requested {schedule.action}: {first.message}"
        return ActionResult(message, first.statement, first.document)
    message = f"schedule {schedule.name} requested {schedule.action} on {len(outcomes)} resources: {first.message}"
    return ActionResult(message)


def _require_coming(schedule: Schedule, now: float) -> None:
    if next_time(parse_rule(schedule.rule, schedule.zone, schedule.created), now) is None:
        raise RefusedError(
            f"the time of the schedule {schedule.name} has passed: {schedule.rule}",
            "add a schedule with a time to come",
            str(schedule.address),
        )
