"""Schedules that come into each other's way: the same or an opposing action on the same resource in the same minute."""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from quarterdeck.runtime.schedules.rules import Rule, moment_text, next_time
from quarterdeck.runtime.schedules.schedule_store import Schedule
from quarterdeck_api.errors import UsageError

#: Seconds ahead, and steps from time to time, within which a common minute is looked for.
HORIZON = 366 * 86_400.0
MOST_STEPS = 600

_OPPOSITES = (
    ("start", "stop"),
    ("enable", "disable"),
    ("load", "unload"),
    ("deploy", "undeploy"),
    ("open", "close"),
    ("pause", "resume"),
    ("create", "delete"),
    ("create", "drop"),
    ("add", "remove"),
    ("attach", "detach"),
    ("activate", "deactivate"),
    ("lock", "unlock"),
)
_OPPOSING = frozenset(pair for one, other in _OPPOSITES for pair in ((one, other), (other, one)))


class Conflict(Struct, frozen=True):
    """Two schedules that meet for the first time at `at` (Unix time) on `target`; `opposing` when they want opposite things."""

    name: str
    other: str
    action: str
    other_action: str
    target: str
    at: float
    opposing: bool

    def sentence(self, zone: str) -> str:
        """What comes into whose way, and when."""
        what = f"the opposing {self.other_action}" if self.opposing else f"{self.other_action} too"
        where = f" on {self.target}" if self.target else ""
        return (
            f"schedule {self.name} requests {self.action}{where} in the same minute as schedule {self.other} requests {what}: "
            f"{moment_text(self.at, zone)}"
        )


def opposing(action: str, other: str) -> bool:
    """Whether two actions undo each other, by their names: `deployment.start` and `deployment.stop`."""
    kind, _, verb = action.rpartition(".")
    other_kind, _, other_verb = other.rpartition(".")
    return kind == other_kind and (verb, other_verb) in _OPPOSING


def first_common_minute(rule: Rule, other: Rule, after: float) -> float | None:
    """The first time of `rule` after `after` in whose minute `other` comes as well; None when none is found in time."""
    mine, theirs = next_time(rule, after), next_time(other, after)
    for _ in range(MOST_STEPS):
        if mine is None or theirs is None or min(mine, theirs) > after + HORIZON:
            return None
        my_minute, their_minute = math.floor(mine / 60), math.floor(theirs / 60)
        if my_minute == their_minute:
            return mine
        # The earlier one goes on to the minute of the later one, however often it comes before.
        if my_minute < their_minute:
            mine = next_time(rule, their_minute * 60 - 0.001)
        else:
            theirs = next_time(other, my_minute * 60 - 0.001)
    return None


def conflicts_of(schedule: Schedule, others: Iterable[Schedule], after: float) -> list[Conflict]:
    """Where an enabled schedule meets other enabled ones; one conflict for each of them, the soonest first."""
    found: list[Conflict] = []
    for other in others:
        if other.name == schedule.name or not (other.enabled and schedule.enabled):
            continue
        against = opposing(schedule.action, other.action)
        common = [target for target in schedule.targets if target in other.targets]
        if not common or not (against or schedule.action == other.action):
            continue
        try:
            at = first_common_minute(schedule.when(), other.when(), after)
        except UsageError:
            continue  # The resource of the broken schedule says what is wrong with its rule.
        if at is not None:
            found.append(Conflict(schedule.name, other.name, schedule.action, other.action, common[0], at, against))
    return sorted(found, key=lambda each: each.at)


class ConflictWatch:
    """Remembers what meets what until a schedule changes in what it wants, or the first meeting is past."""

    def __init__(self) -> None:
        self._known: dict[str, list[Conflict]] = {}
        self._definitions: tuple[object, ...] = ()

    def look(self, schedules: Sequence[Schedule], now: float) -> dict[str, list[Conflict]]:
        """Every schedule's conflicts, by its name; those without any are left out."""
        definitions = tuple(
            (each.name, each.rule, each.zone, each.action, each.targets, each.enabled, each.created)
            for each in schedules
        )
        past = any(each.at <= now for found in self._known.values() for each in found)
        if definitions != self._definitions or past:
            self._definitions = definitions
            found = {each.name: conflicts_of(each, schedules, now) for each in schedules}
            self._known = {name: conflicts for name, conflicts in found.items() if conflicts}
        return self._known
