"""What becomes of an instance: the pure decisions, with properties that hold whatever is seen."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quarterdeck.runtime.processes.decisions import (
    CRASH_LOOP_STARTS,
    STABLE_SECONDS,
    Act,
    Ended,
    Limits,
    Seen,
    after_end,
    asked_anew,
    backoff_left,
    decide,
    limits_of,
    state_of,
)
from quarterdeck.runtime.processes.records import InstanceRecord, split_instance
from quarterdeck.runtime.processes.starting import command_line
from quarterdeck.runtime.processes.view import rounded
from quarterdeck_api.catalogue import ProcessTypeInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.processes import ProcessState

LIMITS = Limits(beats=True, ready_timeout=30.0, heartbeat_timeout=10.0, memory=1000)
WELL = Seen(wanted=True, alive=True, ready=True)

seconds = st.floats(min_value=0, max_value=1e6)
seen = st.builds(
    Seen,
    wanted=st.booleans(),
    alive=st.booleans(),
    stopping=st.booleans(),
    ready=st.booleans(),
    unready=seconds,
    silence=seconds,
    memory=st.integers(min_value=0, max_value=10_000),
    restart_asked=st.booleans(),
    crash_loop=st.booleans(),
    wait=seconds,
)
limits = st.builds(
    Limits,
    beats=st.booleans(),
    ready_timeout=seconds,
    heartbeat_timeout=seconds,
    memory=st.integers(min_value=0, max_value=10_000),
)


@given(seen, limits)
def test_only_what_is_wanted_and_does_not_live_is_started(seen: Seen, limits: Limits) -> None:
    decision = decide(seen, limits)
    if decision.act is Act.START:
        assert seen.wanted
        assert not seen.alive
        assert not seen.crash_loop
        assert seen.wait == 0


@given(seen, limits)
def test_only_what_lives_is_stopped_once_and_with_a_reason(seen: Seen, limits: Limits) -> None:
    decision = decide(seen, limits)
    if decision.act is Act.STOP:
        assert seen.alive
        assert not seen.stopping
        assert decision.reason
        assert decision.failure is False or seen.wanted  # A wish is no failure.


@given(seen, limits)
def test_what_is_not_wanted_ends(seen: Seen, limits: Limits) -> None:
    if seen.alive and not seen.stopping and not seen.wanted:
        assert decide(seen, limits).act is Act.STOP


@given(seen, limits)
def test_the_word_agrees_with_what_lives(seen: Seen, limits: Limits) -> None:
    state = state_of(seen)
    alive = {ProcessState.RUNNING, ProcessState.DRAINING}
    assert (state in alive) <= seen.alive
    assert (state is ProcessState.STOPPED) == (not seen.alive and not seen.wanted)
    if decide(seen, limits).act is Act.START:
        assert state is ProcessState.STARTING


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"memory": 1001}, "memory"),
        ({"silence": 10.1}, "it gave no sign of life for 10 s"),
        ({"ready": False, "unready": 30.1}, "it was not ready within 30 s"),
    ],
)
def test_what_is_not_well_is_ended_as_a_failure(change: dict[str, object], reason: str) -> None:
    decision = decide(replace(WELL, **change), LIMITS)
    assert decision.act is Act.STOP
    assert decision.failure
    assert reason in decision.reason


def test_what_is_well_is_left_alone() -> None:
    assert decide(WELL, LIMITS).act is Act.NOTHING
    assert decide(replace(WELL, ready=False, unready=29.0, silence=29.0), LIMITS).act is Act.NOTHING
    assert decide(replace(WELL, memory=10**9), replace(LIMITS, memory=0)).act is Act.NOTHING
    assert decide(replace(WELL, silence=1e9), replace(LIMITS, beats=False)).act is Act.NOTHING


def test_a_restart_that_was_asked_for_is_no_failure() -> None:
    decision = decide(replace(WELL, restart_asked=True, memory=2000), LIMITS)
    assert (decision.act, decision.failure) == (Act.STOP, False)


@given(st.lists(st.floats(min_value=0, max_value=STABLE_SECONDS * 3), max_size=30), st.integers())
def test_a_crash_loop_is_so_many_short_lives_in_a_row(lives: list[float], seed: int) -> None:
    record, now, rng = InstanceRecord("p", 1), 1_000_000.0, Random(seed)
    short = 0
    for lived in lives:
        record = after_end(replace(record, started=now), Ended(lived, False, "it fell"), now + lived, rng)
        short = 1 if lived >= STABLE_SECONDS else short + 1
        assert record.failures == short
        assert record.crash_loop == (short >= CRASH_LOOP_STARTS)
        assert (record.token, record.guard, record.started) == ("", "", 0.0)
        if record.crash_loop:
            assert record.not_before == 0.0
            return
        delay = record.not_before - (now + lived)
        assert 0.99 * 2 ** (short - 1) <= delay <= 1.26 * 2 ** (short - 1)
        now = record.not_before


@given(st.integers(min_value=1, max_value=100), st.integers())
def test_no_backoff_is_taken_for_a_clock_that_was_set_back(failures: int, seed: int) -> None:
    record = InstanceRecord("p", 1, failures=min(failures, CRASH_LOOP_STARTS - 2))
    record = after_end(record, Ended(1.0, False, "it fell"), 1000.0, Random(seed))
    assert backoff_left(record.not_before, 1000.0) == pytest.approx(record.not_before - 1000.0)
    assert backoff_left(record.not_before, record.not_before) == 0.0
    assert backoff_left(record.not_before, 1000.0 - 3600.0) == 0.0


@given(st.lists(st.booleans(), max_size=30))
def test_what_takes_a_process_along_is_not_blamed_on_it(guards: list[bool]) -> None:
    record = InstanceRecord("p", 1)
    for guard_died in guards:
        before = record.failures
        record = after_end(record, Ended(1.0, not guard_died, "it is gone", blameless=guard_died), 0.0, Random(1))
        assert record.failures == (before if guard_died else 0)
        assert not record.crash_loop


def test_what_was_asked_for_begins_anew() -> None:
    looped = InstanceRecord("p", 1, failures=5, crash_loop=True, restarts=4, reason="it fell")
    assert asked_anew(looped) == InstanceRecord("p", 1, restarts=4, reason="it fell")
    assert after_end(looped, Ended(1.0, True, "it was asked to stop"), 5.0, Random(1)).failures == 0


def test_limits_come_from_the_type() -> None:
    info = ProcessTypeInfo("a.b", "B", {}, implementation="m:f", memory_limit=2)
    assert limits_of(info) == Limits(True, 30.0, 10.0, 2 * 1024**2)
    assert not limits_of(replace(info, implementation="", command=("sleep", "1"))).beats


def test_a_programs_parameters_stand_in_their_places() -> None:
    schema = {"type": "object", "properties": {"port": {"type": "integer"}, "key": {"format": "secret"}}}
    info = ProcessTypeInfo("a.b", "B", schema, command=("serve", "--port={port}", "{verbose}", "{}", "{0}"))
    assert command_line(info, {"port": 8, "verbose": True}) == ["serve", "--port=8", "true", "{}", "{0}"]
    python = replace(info, command=("{python}", "-m", "http.server"))
    assert command_line(python, {}, "/usr/bin/python3")[0] == "/usr/bin/python3"
    with pytest.raises(UsageError, match="wants a parameter 'verbose'"):
        command_line(info, {"port": 8})
    with pytest.raises(UsageError, match="would show the secret 'key'"):
        command_line(replace(info, command=("serve", "{key}")), {"key": "hunter2"})


@pytest.mark.parametrize(
    ("text", "found"), [("a", ("a", 1)), ("a.2", ("a", 2)), ("a.0", ("a.0", 1)), ("a-b.64", ("a-b", 64))]
)
def test_a_bare_name_means_the_first_instance(text: str, found: tuple[str, int]) -> None:
    assert split_instance(text) == found


@given(st.integers(min_value=0, max_value=2**50))
def test_rounded_memory_is_close_and_steady(size: int) -> None:
    assert abs(rounded(size) - size) <= size / 32 + 1
    assert rounded(rounded(size)) == rounded(size)
