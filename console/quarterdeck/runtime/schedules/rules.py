"""When a schedule is due: rules by cron, interval or date, decided from times that are passed in.

Times are Unix seconds. Cron rules follow Debian's cron in their time zone, by cronsim: a rule at fixed hours runs once in the hour that autumn
repeats, and right after the hour that spring leaves out; a rule whose minute or hour begins with `*` follows elapsed time.
"""

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError
from msgspec import Struct

from quarterdeck_api.errors import UsageError
from quarterdeck_api.nearest import nearest

#: Seconds after which a due time counts as missed.
GRACE = 60.0
#: A clock that was set back by more seconds than this was wrong before: what is due is counted from the new time on.
LARGEST_STEP_BACK = 3 * 3600.0
#: Missed times are counted up to here.
MOST_COUNTED = 1000

_DAY = 86_400.0
_LONGEST_INTERVAL = 366 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVAL = re.compile(r"(?:\d+[smhd])+")
_LOOK_AHEAD_DAYS = 400
_FORMS = 'write a cron rule ("0 2 * * *"), "every 15m", or "once 2030-01-31T08:00"'


class Misfire(Enum):
    """What happens with due times that passed while the runtime did not run: none, one run for all, or each up to a bound."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class CronRule(Struct, frozen=True):
    """Five fields of cron, in a time zone."""

    expression: str
    zone: str


class EveryRule(Struct, frozen=True):
    """A fixed interval in seconds, counted from `anchor`; no time zone changes it."""

    seconds: int
    anchor: float


class OnceRule(Struct, frozen=True):
    """One moment."""

    at: float


Rule = CronRule | EveryRule | OnceRule


class Due(Struct, frozen=True):
    """What is to be requested now, oldest first; `missed` other due times are passed over; `last` is handled once all that is done."""

    run: tuple[float, ...]
    missed: int
    last: float


def check_zone(name: str) -> ZoneInfo:
    """The IANA time zone; raises UsageError with the nearest name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = nearest(name, available_timezones())
        remedy = close if close.startswith("did you mean") else "write an IANA name, as in Europe/Berlin"
        raise UsageError(f"there is no time zone {name!r}", remedy) from None


@lru_cache(maxsize=1024)
def parse_rule(text: str, zone: str, anchor: float) -> Rule:
    """Reads a rule; intervals count from `anchor`. Raises UsageError that says what is wrong."""
    where = check_zone(zone)
    word, _, rest = text.strip().partition(" ")
    match word.lower():
        case "every":
            return EveryRule(_interval(rest.replace(" ", "")), float(math.floor(anchor)))
        case "once":
            return OnceRule(_moment(rest.strip(), where))
        case _:
            rule = CronRule(" ".join(text.split()), zone)
            _check_cron(rule, anchor)
            return rule


@lru_cache(maxsize=4096)
def next_time(rule: Rule, after: float) -> float | None:
    """The first time after `after`, None when there is none any more."""
    match rule:
        case CronRule():
            return next(_cron_times(rule, after), None)
        case EveryRule(seconds, anchor):
            return anchor + (max(math.floor((after - anchor) / seconds), 0) + 1) * seconds
        case OnceRule(at):
            return at if at > after else None


def next_times(rule: Rule, after: float, count: int = 5) -> list[float]:
    """The next `count` times, fewer when there are no more."""
    times: list[float] = []
    while len(times) < count and (found := next_time(rule, times[-1] if times else after)) is not None:
        times.append(found)
    return times


def newest_times(rule: Rule, after: float, until: float, limit: int) -> list[float]:
    """The newest `limit` times that lie after `after` and not after `until`, oldest first."""
    if until <= after:
        return []
    if isinstance(rule, EveryRule):
        first = max(math.floor((after - rule.anchor) / rule.seconds), 0) + 1
        newest = math.floor((until - rule.anchor) / rule.seconds)
        return [rule.anchor + step * rule.seconds for step in range(max(first, newest - limit + 1), newest + 1)]
    if isinstance(rule, OnceRule):
        return [rule.at] if after < rule.at <= until else []
    width = _DAY
    while True:  # Backwards in growing windows: a year without a runtime has half a million minutes.
        begin = max(after, until - width)
        found = _cron_between(rule, begin, until)
        if len(found) >= limit or begin == after:
            return found[-limit:]
        width *= 8


def due(rule: Rule, last: float, now: float, misfire: Misfire = Misfire.ONCE, limit: int = 10) -> Due:
    """What is due at `now` when everything up to `last` is handled already.

    Only the newest due time can be on time. After a small step of the clock backwards nothing is repeated; after one of more than
    LARGEST_STEP_BACK the schedule goes on from the new time. A step forwards is like time without a runtime.
    """
    if now < last:
        return Due((), 0, now if last - now > LARGEST_STEP_BACK else last)
    times = newest_times(rule, last, now, MOST_COUNTED)
    if not times:
        return Due((), 0, last)
    match misfire:
        case Misfire.SKIP:
            run = times[-1:] if now - times[-1] <= GRACE else []
        case Misfire.ONCE:
            run = times[-1:]
        case Misfire.ALL:
            run = times[-max(limit, 1) :]
    return Due(tuple(run), len(times) - len(run), times[-1])


def rule_words(rule: Rule, zone: str) -> str:
    """The rule as a sentence without its end."""
    match rule:
        case CronRule(expression, where):
            words = CronSim(expression, datetime(2000, 1, 1)).explain()
            return f"{words[:1].lower()}{words[1:]}, {where} time"
        case EveryRule(seconds):
            return f"every {_interval_text(seconds)}"
        case OnceRule(at):
            return f"once, at {moment_text(at, zone)}"


def moment_text(moment: float, zone: str) -> str:
    """A time in a zone, with its UTC offset."""
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat(sep=" ", timespec="seconds")


def clock_change_notes(rule: Rule, after: float) -> list[str]:
    """What the next changes of the clocks, within 400 days, do to a cron rule at fixed hours."""
    if not isinstance(rule, CronRule) or _follows_elapsed_time(rule):
        return []
    zone = ZoneInfo(rule.zone)
    start = datetime.fromtimestamp(after, zone).replace(tzinfo=None)
    notes: dict[str, str] = {}
    for wall in CronSim(rule.expression, start):
        if (wall - start).days > _LOOK_AHEAD_DAYS or len(notes) == 2:
            break
        first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
        if first.utcoffset() == second.utcoffset():
            continue
        if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
            runs = next_time(rule, first.astimezone(UTC).timestamp() - 2 * 3600)
            at = f"it runs at {moment_text(runs, rule.zone)}" if runs is not None else "it does not run"
            notes.setdefault("left out", f"{wall:%Y-%m-%d %H:%M} does not exist in {rule.zone}: {at}")
        else:
            at = moment_text(first.timestamp(), rule.zone)
            notes.setdefault("twice", f"{wall:%Y-%m-%d %H:%M} comes twice in {rule.zone}: it runs once, at {at}")
    return list(notes.values())


def _cron_times(rule: CronRule, after: float) -> Iterator[float]:
    latest = after
    for found in CronSim(rule.expression, datetime.fromtimestamp(math.floor(after), ZoneInfo(rule.zone))):
        moment = found.timestamp()
        # In the repeated hour cronsim names the first pass, which lies before a start in the second one.
        if moment > latest:
            latest = moment
            yield moment


def _cron_between(rule: CronRule, after: float, until: float) -> list[float]:
    found: list[float] = []
    for moment in _cron_times(rule, after):
        if moment > until:
            break
        found.append(moment)
    return found


def _follows_elapsed_time(rule: CronRule) -> bool:
    minute, hour = rule.expression.split()[:2]
    return minute.startswith("*") or hour.startswith("*")


def _check_cron(rule: CronRule, now: float) -> None:
    if len(rule.expression.split()) != 5:
        raise UsageError(f"{rule.expression!r} is not a rule", _FORMS)
    try:
        if next_time(rule, now) is None:
            raise UsageError(f"the rule {rule.expression!r} never comes", "correct its day or month")
    except CronSimError as error:
        what = str(error).removeprefix("Bad ")
        raise UsageError(
            f"the rule {rule.expression!r} is wrong: its {what} cannot be that",
            "its fields are minute, hour, day of month, month, day of week",
        ) from error


def _interval(text: str) -> int:
    if not _INTERVAL.fullmatch(text.lower()):
        raise UsageError(
            f"{text!r} is not an interval", "write for example every 30s, every 15m, every 1h30m, every 1d"
        )
    seconds = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text.lower()))
    if not 1 <= seconds <= _LONGEST_INTERVAL:
        raise UsageError(f"the interval {text!r} is out of range", "it takes one second to 366 days")
    return seconds


def _interval_text(seconds: int) -> str:
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def _moment(text: str, zone: ZoneInfo) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a date with a time", "write for example once 2030-01-31T08:00, or with an offset"
        ) from None
    if found.tzinfo is not None:
        return found.timestamp()
    placed = found.replace(tzinfo=zone)
    if placed.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise UsageError(f"{text} does not exist in {zone.key}: the clocks go forward", "write a time beside that hour")
    return placed.timestamp()
