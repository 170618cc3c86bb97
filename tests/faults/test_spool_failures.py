"""The spool refuses to be written, as a full disk does: the attempt is lost, and the job is tried again once there is room."""

from typing import Any

import pytest

ACTIONS = ["node.sleep", "node.host-sleep"]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_result_that_cannot_be_stored_is_made_again(instance: Any, action: str) -> None:
    number = instance.submit(action, seconds=0.5, artefact=False)
    instance.running(number)
    # A folder in the place of the result's file: whatever the user's rights are, it cannot be replaced.
    (instance.paths.spool / f"{number}.1" / "result.json" / "in the way").mkdir(parents=True)
    assert instance.check(number).attempt == 2
    instance.stop()


@pytest.mark.parametrize("action", ACTIONS)
def test_an_attempt_without_room_to_begin_is_tried_again(instance: Any, action: str) -> None:
    instance.host()
    instance.paths.spool.rmdir()
    instance.paths.spool.touch()
    number = instance.submit(action, seconds=0.1)
    instance.eventually(lambda: instance.job(number).attempt == 1 and instance.job(number).error, "a refused attempt")
    instance.paths.spool.unlink()
    assert instance.check(number).attempt > 1
    instance.stop()


def test_a_damaged_result_does_not_count(instance: Any) -> None:
    number = instance.submit(seconds=0.5)
    instance.running(number)
    runtime = instance.runtime()
    instance.freeze(runtime)
    instance.spooled(number)
    (instance.paths.spool / f"{number}.1" / "result.json").write_bytes(b'{"job":')
    instance.kill(runtime)
    assert instance.check(number).attempt == 2
    instance.stop()
