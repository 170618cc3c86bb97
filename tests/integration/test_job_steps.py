"""Jobs of several steps, jobs that start others, maps and secrets, on a real runtime with the rollout plugin."""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import COMPLETE, CompleteParams, JobRecord

SHOP = "rollout/deployment/shop"
TOKEN = "hush-hush-token-7319"


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance("[runtime]\nmax_workers = 1\nmap_processes = 3\n", plugins=("rollout",), ROLLOUT_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def client(instance: Any) -> Iterator[Any]:
    client = instance.client()
    client.get("deployment")
    return client


def _job(client: Any, of: str, /, **parameters: Any) -> str:
    outcome = client.do_one(of, SHOP, parameters=parameters)
    assert outcome.status == "accepted", outcome
    return str(outcome.job)


def _trail(folder: Path) -> list[str]:
    path = folder / "trail"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _states(record: JobRecord) -> list[tuple[str, str, int]]:
    return [(step.name, step.state.value, step.attempt) for step in record.steps]


def test_steps_have_states(client: Any, tmp_path: Path) -> None:
    record = client.finished(_job(client, "deployment.roll-out", folder=str(tmp_path)))
    assert record.state is JobState.SUCCEEDED, record.error
    assert _states(record) == [("build", "succeeded", 1), ("push", "succeeded", 1), ("wait", "succeeded", 1)]
    assert all(step.ended >= step.started > 0 for step in record.steps)
    assert _trail(tmp_path) == ["build 1", "push image-1", "ask image-1", "ready image-1"]


def test_a_job_that_failed_goes_on_with_the_step_that_failed(client: Any, tmp_path: Path) -> None:
    job = _job(client, "deployment.roll-out", folder=str(tmp_path), fail="push")
    record = client.finished(job)
    assert record.state is JobState.FAILED
    assert _states(record) == [("build", "succeeded", 1), ("push", "failed", 1)]
    (tmp_path / "fixed").touch()
    client.do_one("job.retry", job)
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert _states(record) == [("build", "succeeded", 1), ("push", "succeeded", 2), ("wait", "succeeded", 2)]
    assert _trail(tmp_path) == ["build 1", "push image-1", "ask image-1", "ready image-1"]


def test_a_retry_from_a_step_keeps_what_was_before_it(client: Any, tmp_path: Path) -> None:
    job = _job(client, "deployment.roll-out", folder=str(tmp_path), version="2")
    client.finished(job)
    offered = client.call(COMPLETE, CompleteParams("job.retry", job, "from", "p"), 30.0)
    assert [choice.value for choice in offered.choices] == ["push"]
    [refused] = client.do("job.retry", job, parameters={"from": "deploy"})
    assert refused.status == "failed" and "it has: build, push, wait" in refused.error.remedy
    assert client.do_one("job.retry", job, parameters={"from": "push"}).status == "done"
    record = client.finished(job)
    assert _states(record) == [("build", "succeeded", 1), ("push", "succeeded", 2), ("wait", "succeeded", 2)]
    assert [line.split()[0] for line in _trail(tmp_path)] == ["build", "push", "ask", "ready", "push", "ask", "ready"]
    [steps] = [block for block in client.describe(job).document.blocks if getattr(block, "title", "") == "Steps"]
    assert [row[:2] for row in steps.rows] == [("build", "succeeded"), ("push", "succeeded"), ("wait", "succeeded")]


def test_a_job_goes_on_after_its_host_was_killed(
    instance: Any, client: Any, tmp_path: Path, until: Callable[..., None]
) -> None:
    job = _job(client, "deployment.roll-out", folder=str(tmp_path), hold="wait")
    until(lambda: "ask image-1" in _trail(tmp_path))
    until(lambda: [step.name for step in client.job(job).steps] == ["build", "push", "wait"])
    os.kill(instance.host_pid(client, "rollout"), signal.SIGKILL)
    (tmp_path / "go").touch()
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.attempt == 2 and record.result == {"image": "image-1", "attempt": 2}
    assert _trail(tmp_path) == ["build 1", "push image-1", "ask image-1", "ready image-1"]


def test_a_worker_shares_a_map_among_processes(client: Any) -> None:
    record = client.finished(_job(client, "deployment.score", items=60, seconds=0.05))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result["sum"] == sum(number * number for number in range(60))
    assert 2 <= len(record.result["pids"]) <= 3
    assert record.message == "60 of 60"


def test_an_item_that_fails_is_named_in_the_log(client: Any) -> None:
    record = client.finished(_job(client, "deployment.score", items=20, fail=4))
    assert record.state is JobState.DEAD and "this item has no score" in record.error.message
    assert "in item 5 of 20 of a map" in Path(record.log_paths[-1]).read_text(encoding="utf-8")


def test_a_cancelled_map_leaves_no_child(instance: Any, client: Any, until: Callable[..., None]) -> None:
    def children() -> list[psutil.Process]:
        return [each for each in instance.processes() if "quarterdeck_api.map_child" in each.cmdline()]

    job = _job(client, "deployment.score", items=100_000, seconds=0.02)
    until(lambda: len(children()) == 2)
    client.do_one("job.cancel", job)
    assert client.finished(job).state is JobState.CANCELLED


def test_children_of_a_map_end_with_a_killed_worker(instance: Any, client: Any, until: Callable[..., None]) -> None:
    def children() -> list[psutil.Process]:
        return [each for each in instance.processes() if "quarterdeck_api.map_child" in each.cmdline()]

    for role in ("pid", "guard_pid"):
        job = _job(client, "deployment.score", items=100_000, seconds=0.02)
        until(lambda: len(children()) == 2 and client.job(job).state is JobState.RUNNING)  # noqa: B023
        before = children()
        worker = next(each for each in client.status().workers if each.job)
        client.do_one("job.cancel", job) if role == "none" else os.kill(getattr(worker, role), signal.SIGKILL)
        until(lambda: not any(each.is_running() and each.status() != "zombie" for each in before))  # noqa: B023
        client.do_one("job.cancel", job)
        assert client.finished(job).state is JobState.CANCELLED


@pytest.mark.parametrize("action", ["deployment.release", "deployment.host-release"])
def test_a_job_starts_others_and_waits_for_them_without_taking_their_place(
    client: Any, tmp_path: Path, action: str
) -> None:
    job = _job(client, action, folder=str(tmp_path), scores=3)
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result["sums"] == [1, 5, 14]
    number = job.rpartition("/")[2]
    asked = [entry for entry in client.journal("deployment.score") if entry.actor == f"job {number}"]
    assert sorted(entry.job for entry in asked) == sorted(record.result["jobs"])


def test_a_later_attempt_finds_the_jobs_that_were_started(client: Any, tmp_path: Path) -> None:
    record = client.finished(_job(client, "deployment.release", folder=str(tmp_path), crash=True))
    assert record.state is JobState.SUCCEEDED, record.error
    started = [line.split() for line in _trail(tmp_path)]
    assert [attempt for attempt, _, _ in started] == ["1", "2", "2"]
    assert started[0][2] == started[1][2] == record.result["jobs"][0]


@pytest.mark.parametrize("action", ["deployment.release", "deployment.host-release"])
@pytest.mark.parametrize("wrong", ["deployment.nothing", "deployment.login"])
def test_what_cannot_be_started_fails_with_the_reason(client: Any, tmp_path: Path, action: str, wrong: str) -> None:
    record = client.finished(_job(client, action, folder=str(tmp_path), action=wrong))
    assert record.state is JobState.FAILED and record.error is not None and record.error.message
    assert _trail(tmp_path) == []


def test_a_job_that_waits_is_found_again_by_another_runtime(
    make_instance: Callable[..., Any], tmp_path: Path, until: Callable[..., None]
) -> None:
    instance = make_instance("[runtime]\nmax_workers = 2\n", plugins=("rollout",))
    client = instance.client()
    client.get("deployment")
    job = _job(client, "deployment.release", folder=str(tmp_path), action="deployment.roll-out", scores=1)
    record = client.finished(job)
    assert record.state is JobState.FAILED, record  # The action needs a folder: the reason comes from validation.
    outcome = client.do_one("deployment.release", SHOP, parameters={"folder": str(tmp_path), "scores": 40})
    until(lambda: len(_trail(tmp_path)) >= 3)
    instance.kill()
    client = instance.client()
    record = client.finished(outcome.job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.attempt == 1 and len(set(record.result["jobs"])) == 40


def test_a_plain_secret_is_refused_and_a_reference_reaches_the_job(instance: Any, client: Any) -> None:
    refused = client.do_one("deployment.login", SHOP, parameters={"token": TOKEN})
    assert refused.status == "failed" and "env:NAME" in refused.error.remedy
    unknown = client.do_one("deployment.login", SHOP, parameters={"token": "env:NOBODY_SETS_THIS"})
    assert unknown.status == "failed" and "NOBODY_SETS_THIS" in unknown.error.message
    record = client.finished(_job(client, "deployment.login", token="env:ROLLOUT_TOKEN"))
    assert record.result == {"sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}
    _require_unseen(instance)


def test_a_schedule_keeps_references_and_no_secrets(instance: Any, client: Any) -> None:
    def add(name: str, token: str) -> Any:
        given = {"name": name, "rule": "once 2099-01-01T00:00", "action": "deployment.login", "target": SHOP}
        return client.do_one("schedule.add", parameters={**given, "parameters": {"token": token}})

    refused = add("plain", TOKEN)
    assert refused.status != "done" and "env:NAME" in refused.error.remedy
    assert add("referring", "env:ROLLOUT_TOKEN").status == "done"
    client.do_one("schedule.remove", "core/schedule/referring", confirmed=True)
    _require_unseen(instance)


def _require_unseen(instance: Any) -> None:
    """The token stands in no file of the instance."""
    for path in instance.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
