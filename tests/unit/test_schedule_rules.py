"""Rules of schedules: what is due when, through changes of the clocks, steps of the clock and times without a runtime."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.runtime.schedules.rules import (
    GRACE,
    LARGEST_STEP_BACK,
    EveryRule,
    Misfire,
    Rule,
    clock_change_notes,
    due,
    newest_times,
    next_time,
    next_times,
    parse_rule,
    rule_words,
)
from quarterdeck_api.errors import UsageError

BERLIN = "Europe/Berlin"
ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
CRONS = (
    "30 2 * * *",
    "0 2 * * *",
    "0,30 1-3 * * *",
    "*/20 * * * *",
    "0 * * * *",
    "15 */6 * * *",
    "0 0 1 * *",
    "5 4 * * 1",
)
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
YEAR = 366 * 86_400

moments = st.integers(0, 2 * YEAR).map(lambda seconds: START + seconds)
crons = st.builds(lambda text, zone: parse_rule(text, zone, START), st.sampled_from(CRONS), st.sampled_from(ZONES))
intervals = st.builds(EveryRule, st.integers(1, 100_000), st.just(START))
rules: st.SearchStrategy[Rule] = st.one_of(crons, intervals)


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def walls(times: list[float], zone: str = BERLIN) -> list[str]:
    return [datetime.fromtimestamp(time, ZoneInfo(zone)).strftime("%d %H:%M %z") for time in times]


@given(rules, moments)
def test_next_times_rise_and_lie_after(rule: Rule, after: float) -> None:
    times = next_times(rule, after)
    assert len(times) == 5 and times == sorted(set(times)) and times[0] > after


@given(rules, moments, st.integers(1, 30))
def test_times_do_not_depend_on_where_one_begins_to_count(rule: Rule, after: float, count: int) -> None:
    times = next_times(rule, after, count)
    assert newest_times(rule, after, times[-1], count) == times
    between = after + (times[0] - after) / 2
    assert next_time(rule, between) == times[0]


@settings(max_examples=60)
@given(rules, moments, st.lists(st.integers(1, 4000), min_size=1, max_size=40))
def test_with_a_clock_that_goes_on_each_time_runs_exactly_once(rule: Rule, begin: float, steps: list[int]) -> None:
    last, now, ran = begin, begin, list[float]()
    for step in steps:
        now += step
        found = due(rule, last, now, Misfire.ALL, 100_000)
        ran += found.run
        assert all(last < time <= now for time in found.run)
        last = found.last
    expected = newest_times(rule, begin, now, 1_000_000)
    if len(expected) < 1000:  # More at once are not looked at.
        assert ran == expected


@settings(max_examples=60)
@given(rules, moments, st.lists(st.integers(-int(LARGEST_STEP_BACK) + 1, 7200), min_size=1, max_size=40))
def test_small_steps_of_the_clock_repeat_nothing(rule: Rule, begin: float, steps: list[int]) -> None:
    last, highest, ran = begin, begin, list[float]()
    for step in steps:
        now = max(highest + step, last - LARGEST_STEP_BACK)
        highest = max(highest, now)
        found = due(rule, last, now, Misfire.ALL, 1000)
        ran += found.run
        last = found.last
    assert ran == sorted(set(ran))


@given(rules, moments, st.integers(int(LARGEST_STEP_BACK) + 1, YEAR))
def test_a_clock_that_was_far_ahead_does_not_hold_the_schedule_up(rule: Rule, now: float, ahead: int) -> None:
    set_back = due(rule, now + ahead, now)
    assert (set_back.run, set_back.last) == ((), now)
    upcoming = next_time(rule, now)
    assert upcoming is not None and due(rule, set_back.last, upcoming).run == (upcoming,)


@given(rules, moments, st.integers(0, YEAR), st.integers(1, 20))
def test_missed_times_go_by_the_policy(rule: Rule, last: float, down: int, limit: int) -> None:
    now = last + down
    times = newest_times(rule, last, now, 1000)
    each, once, none = (due(rule, last, now, policy, limit) for policy in (Misfire.ALL, Misfire.ONCE, Misfire.SKIP))
    assert each.run == tuple(times[-limit:])
    assert once.run == tuple(times[-1:])
    assert none.run == tuple(time for time in times[-1:] if now - time <= GRACE)
    assert {each.last, once.last, none.last} == {times[-1] if times else last}
    assert all(len(found.run) + found.missed == len(times) for found in (each, once, none))


def test_the_hour_that_autumn_repeats_runs_once() -> None:
    rule = parse_rule("30 2 * * *", BERLIN, START)
    times = next_times(rule, at("2026-10-24T12:00"), 3)
    assert walls(times) == ["25 02:30 +0200", "26 02:30 +0100", "27 02:30 +0100"]
    in_second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp()
    assert walls([next_time(rule, in_second_pass) or 0.0]) == ["26 02:30 +0100"]
    assert due(rule, times[0], in_second_pass + 1800).run == ()


def test_the_hour_that_spring_leaves_out_runs_right_after_it() -> None:
    rule = parse_rule("0,30 2 * * *", BERLIN, START)
    times = next_times(rule, at("2026-03-28T12:00"), 3)
    assert walls(times) == ["29 03:00 +0200", "30 02:00 +0200", "30 02:30 +0200"]


def test_every_hour_goes_by_elapsed_time() -> None:
    rule = parse_rule("0 * * * *", BERLIN, START)
    assert walls(next_times(rule, at("2026-10-25T01:30"), 4)) == [
        "25 02:00 +0200",
        "25 02:00 +0100",
        "25 03:00 +0100",
        "25 04:00 +0100",
    ]
    assert clock_change_notes(rule, START) == []


def test_changes_of_the_clocks_are_explained() -> None:
    left_out, twice = clock_change_notes(parse_rule("30 2 * * *", BERLIN, START), START)
    assert "2026-03-29 02:30 does not exist" in left_out and "03:00:00+02:00" in left_out
    assert "2026-10-25 02:30 comes twice" in twice and "02:30:00+02:00" in twice
    assert clock_change_notes(parse_rule("30 2 * * *", "Asia/Kathmandu", START), START) == []
    assert clock_change_notes(parse_rule("30 12 * * *", BERLIN, START), START) == []


def test_a_year_of_minutes_is_counted_up_to_a_bound() -> None:
    found = due(parse_rule("* * * * *", BERLIN, START), START, START + YEAR, Misfire.ALL, 3)
    assert found.run == (START + YEAR - 120, START + YEAR - 60, START + YEAR)
    assert found.missed == 997


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 2 * * *", "at 02:00 every day, Europe/Berlin time"),
        ("every 90m", "every 1h30m"),
        ("once 2026-07-01T08:00", "once, at 2026-07-01 08:00:00+02:00"),
    ],
)
def test_rules_in_words(text: str, words: str) -> None:
    assert rule_words(parse_rule(text, BERLIN, START), BERLIN) == words


def test_once_comes_once() -> None:
    rule = parse_rule("once 2026-07-01T08:00", BERLIN, START)
    [time] = next_times(rule, START)
    assert time == at("2026-07-01T08:00")
    assert due(rule, START, time).run == (time,) and due(rule, time, time + YEAR).run == ()
    assert parse_rule("once 2026-07-01T08:00+00:00", BERLIN, START) == parse_rule(
        "once 2026-07-01T10:00", BERLIN, START
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a rule"),
        ("nightly", "not a rule"),
        ("0 2 * *", "not a rule"),
        ("0 0 2 * * *", "not a rule"),
        ("61 * * * *", "minute"),
        ("0 0 30 2 *", "day-of-month"),
        ("every", "not an interval"),
        ("every 0s", "out of range"),
        ("every 10y", "not an interval"),
        ("once", "not a date"),
        ("once 2026-03-29T02:30", "does not exist"),
    ],
)
def test_wrong_rules_are_explained(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_rule(text, BERLIN, START)
    assert caught.value.remedy


def test_a_wrong_zone_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Europe/Berln") as caught:
        parse_rule("0 2 * * *", "Europe/Berln", START)
    assert caught.value.remedy == "did you mean Europe/Berlin?"
