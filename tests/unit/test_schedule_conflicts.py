"""Which schedules meet, when, and that it is looked for again only when it can have changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quarterdeck.runtime.core_findings import schedule_findings
from quarterdeck.runtime.schedules.conflicts import ConflictWatch, conflicts_of, first_common_minute, opposing
from quarterdeck.runtime.schedules.rules import EveryRule, Misfire, parse_rule
from quarterdeck.runtime.schedules.schedule_store import Overlap, Schedule
from quarterdeck.runtime.schedules.view import schedule_resource
from quarterdeck_api.resources import Health

T0 = 1_800_000_000.0


def schedule(name: str, rule: str, action: str = "model.forecast", *targets: str, zone: str = "UTC") -> Schedule:
    return Schedule(
        name=name,
        rule=rule,
        zone=zone,
        action=action,
        targets=targets or ("plant/model/m",),
        parameters={},
        settings={},
        priority=0,
        confirmed=False,
        typed_names=(),
        misfire=Misfire.ONCE,
        misfire_limit=1,
        overlap=Overlap.REFUSE,
        enabled=True,
        created=T0,
        changed=T0,
        handled=T0,
    )


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("0 2 * * *", "0 2 * * 0", True),
        ("0 2 * * *", "30 2 * * *", False),
        ("*/7 * * * *", "*/11 * * * *", True),
        ("every 30s", "0 2 29 2 *", False),  # Within a year there is no 29 February after January 2027.
        ("every 30s", "0 2 1 3 *", True),
        ("once 2027-03-01T02:00", "0 2 * * *", True),
        ("once 2020-03-01T02:00", "0 2 * * *", False),
        ("0 0 1 1 *", "0 12 1 7 *", False),
    ],
)
def test_rules_that_meet(one: str, other: str, meet: bool) -> None:
    rules = parse_rule(one, "UTC", T0), parse_rule(other, "UTC", T0)
    found = first_common_minute(*rules, T0)
    back = first_common_minute(rules[1], rules[0], T0)
    assert (found is not None, back is not None) == (meet, meet)
    if found is not None and back is not None:
        assert found // 60 == back // 60


def test_zones_are_looked_through() -> None:
    berlin = schedule("berlin", "0 3 * * *", zone="Europe/Berlin")  # Winter: 02:00 UTC.
    utc = schedule("utc", "0 2 * * *")
    [conflict] = conflicts_of(berlin, [utc], T0)
    assert "03:00:00+01:00" in conflict.sentence("Europe/Berlin")


@given(st.integers(60, 4000), st.integers(60, 4000), st.integers(0, 3600))
def test_the_first_common_minute_is_what_going_through_all_times_finds(one: int, other: int, shift: int) -> None:
    rules = EveryRule(one, T0), EveryRule(other, T0 + shift)
    horizon = 40 * 4000
    mine = {int(T0 + step * one) // 60 for step in range(1, horizon // one)}
    theirs = {int(T0 + shift + step * other) // 60 for step in range(1, horizon // other)}
    common = sorted(mine & theirs)
    found = first_common_minute(*rules, T0)
    if common:
        assert found is not None
        assert found // 60 == common[0]
    elif found is not None:
        assert found > T0 + horizon - max(one, other) - shift


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("deployment.start", "deployment.stop", True),
        ("deployment.stop", "deployment.start", True),
        ("deployment.start", "model.stop", False),
        ("model.load", "model.forecast", False),
        ("start", "stop", True),
    ],
)
def test_opposing_actions(one: str, other: str, expected: bool) -> None:
    assert opposing(one, other) is expected


def test_only_the_same_resource_and_the_same_or_an_opposing_action_conflict() -> None:
    first = schedule("first", "0 2 * * *", "deployment.start", "a/deployment/x", "a/deployment/y")
    same = schedule("same", "0 2 * * *", "deployment.start", "a/deployment/y")
    against = schedule("against", "0 2 * * 1", "deployment.stop", "a/deployment/x")
    others = [
        first,
        same,
        against,
        schedule("elsewhere", "0 2 * * *", "deployment.start", "a/deployment/z"),
        schedule("otherwise", "0 2 * * *", "deployment.scale", "a/deployment/x"),
        replace(same, name="off", enabled=False),
        replace(same, name="broken", zone="Nowhere/Gone"),
    ]
    found = conflicts_of(first, others, T0)
    assert [(each.other, each.target, each.opposing) for each in found] == [
        ("same", "a/deployment/y", False),
        ("against", "a/deployment/x", True),
    ]
    assert "the opposing deployment.stop" in found[1].sentence("UTC")
    assert conflicts_of(replace(first, enabled=False), others, T0) == []


def test_conflicts_show_on_both_and_are_one_finding() -> None:
    schedules = [schedule("a", "0 2 * * *"), schedule("b", "0 2 * * *"), replace(schedule("c", "0 3 * * *"), zone="No")]
    watch = ConflictWatch()
    found = watch.look(schedules, T0)
    assert sorted(found) == ["a", "b"]
    shown = schedule_resource(schedules[0], found["a"])
    assert (shown.health, "schedule b requests model.forecast too" in shown.reason) == (Health.DEGRADED, True)
    codes = [(each.code, each.address) for each in schedule_findings(schedules, found)]
    assert codes == [("schedule-conflict", "core/schedule/a"), ("schedule-broken", "core/schedule/c")]
    failed = replace(schedules[0], last_outcome="failed", last_detail="no such model", last=T0)
    [finding] = schedule_findings([failed], {})
    assert (finding.code, finding.since, "no such model" in finding.sentence) == ("schedule-failed", T0, True)
    assert schedule_findings([replace(failed, enabled=False), replace(failed, last_outcome="done")], {}) == []
    assert watch.look(schedules, T0 + 1) is found
    assert watch.look([schedules[0], replace(schedules[1], rule="0 4 * * *")], T0 + 2) == {}


def test_a_meeting_that_is_past_is_followed_by_the_next_one() -> None:
    schedules = [schedule("a", "0 2 * * *"), schedule("b", "0 2 * * *")]
    watch = ConflictWatch()
    first = watch.look(schedules, T0)["a"][0].at
    assert watch.look(schedules, first)["a"][0].at == first + 86_400
