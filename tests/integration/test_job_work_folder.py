"""What attempts at a job share: it outlives those that fail, in worker and host, and goes with a job that ends well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.jobs import JobState


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance()


@pytest.fixture
def client(instance: Any) -> Any:
    return instance.client()


def shared(instance: Any, job: str) -> list[str] | None:
    folder: Path = instance.paths.spool / job.rsplit("/", 1)[1]
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else None


@pytest.mark.parametrize("action", ["node.sleep", "node.host-sleep"])
def test_a_later_attempt_finds_what_one_before_has_left(
    action: str, client: Any, instance: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    parameters = {"seconds": 0, "steps": 1, "work": True, "fail": True}
    job = client.do_one(action, "exemplary/node/n1", parameters=parameters).job
    assert client.finished(job).state is JobState.FAILED
    assert shared(instance, job) == ["by-attempt-1"]
    assert client.do_one("job.retry", job).status == "done"
    assert client.finished(job).attempt == 2
    assert shared(instance, job) == ["by-attempt-1", "by-attempt-2"]
    done = client.do_one(action, "exemplary/node/n1", parameters={**parameters, "fail": False}).job
    assert client.finished(done).state is JobState.SUCCEEDED
    until(lambda: shared(instance, done) is None and not list(instance.paths.spool.glob(f"{done.rsplit('/', 1)[1]}.*")))


def test_a_cancelled_job_leaves_nothing(
    client: Any, instance: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    parameters = {"seconds": 60, "steps": 1, "work": True}
    job = client.do_one("node.sleep", "exemplary/node/n1", parameters=parameters).job
    client.running(job)
    (instance.paths.spool / job.rsplit("/", 1)[1]).mkdir()
    client.do_one("job.cancel", job)
    assert client.finished(job).state is JobState.CANCELLED
    until(lambda: shared(instance, job) is None)
