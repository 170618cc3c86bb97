"""The host's pure decisions: breaker, backoff, crash loops, exit codes, environment, differences, rotation."""

from pathlib import Path
from random import Random

import pytest

from quarterdeck.runtime.hosts.environment import host_environment
from quarterdeck.runtime.hosts.log import RotatingLog
from quarterdeck.runtime.hosts.restarts import CrashHistory
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.host.backoff import backoff_delay
from quarterdeck_api.host.breaker import CircuitBreaker
from quarterdeck_api.host.exits import HostExit, exit_sentence
from quarterdeck_api.host.polling import differences
from quarterdeck_api.resources import Remove, Resource, Upsert


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_three_failures_within_a_minute_open_the_breaker_until_retry() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    assert [breaker.failed("no"), breaker.failed("no")] == [False, False]
    breaker.check("plant")
    clock.now = 59
    assert breaker.failed("the last straw")
    with pytest.raises(UnreachableError, match=r"plant .* the last straw") as caught:
        breaker.check("plant")
    assert caught.value.remedy == "retry plant"
    breaker.succeeded()
    assert breaker.open
    breaker.close()
    breaker.check("plant")
    assert not breaker.failed("no")


def test_old_failures_and_failures_before_a_success_do_not_count() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    for second in (0, 40, 61, 102):
        clock.now = second
        assert not breaker.failed("no")
    breaker.succeeded()
    assert [breaker.failed("no"), breaker.failed("no"), breaker.failed("no")] == [False, False, True]


def test_backoff_doubles_up_to_a_minute_with_a_quarter_of_jitter() -> None:
    rng = Random(1)
    delays = [backoff_delay(failures, rng) for failures in range(1, 12)]
    for delay, base in zip(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60], strict=True):
        assert base <= delay <= base * 1.25
    assert len({delay / 60 for delay in delays[6:]}) == 5


def test_five_crashes_in_five_minutes_are_a_crash_loop() -> None:
    crashes = CrashHistory(Random(1))
    delays = [crashes.crashed(float(second)) for second in (0, 10, 20, 30, 299)]
    assert delays[4] is None and all(delay is not None for delay in delays[:4])
    crashes.forget()
    first = crashes.crashed(300.0)
    assert first is not None and first <= 1.25


def test_crashes_that_are_rare_never_end_in_a_crash_loop() -> None:
    crashes = CrashHistory(Random(1))
    assert None not in [crashes.crashed(second * 100.0) for second in range(50)]


def test_exit_codes_have_sentences() -> None:
    assert "stuck" in exit_sentence(HostExit.POOL_STUCK)
    assert exit_sentence(3) == "it exited with code 3"


def test_the_environment_is_an_allow_list() -> None:
    variables = {
        "PATH": "/bin",
        "PLANT_PASSWORD": "secret",
        "LC_ALL": "C",
        "PYTHONINSPECT": "1",
        "https_proxy": "http://proxy",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    found = host_environment(variables, {"EXTRA": "1"})
    assert found == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "https_proxy": "http://proxy",
        "PYTHONUNBUFFERED": "1",
        "EXTRA": "1",
    }


def test_differences_are_upserts_then_removes() -> None:
    old, same, new = (Resource(f"a/model/{name}", name) for name in ("old", "same", "new"))
    before = {each.address: each for each in (old, same)}
    after = {each.address: each for each in (same, new)}
    assert differences(before, after) == [Upsert(new), Remove("a/model/old")]
    assert differences(after, after) == []


def test_the_log_rotates_and_keeps_three_files(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "logs" / "host.log", limit=10, keep=3)
    for number in range(6):
        log.write(f"line {number}\n".encode())
    log.close()
    found = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert found == ["host.log", "host.log.1", "host.log.2"]
    assert (tmp_path / "logs" / "host.log").read_text() == "line 5\n"
    assert (tmp_path / "logs" / "host.log.2").read_text() == "line 3\n"


def test_a_full_disk_stops_no_host_and_is_said_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RotatingLog(tmp_path / "host.log")

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(log, "_append", full)
        log.write(b"12345")
    log.write(b"later\n")
    log.close()
    assert (tmp_path / "host.log").read_text() == "-- 5 bytes could not be written\nlater\n"
