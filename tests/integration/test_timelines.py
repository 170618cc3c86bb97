"""`quarterdeck timeline` as a user types it: what changed is known, after a restart too."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def run(make_instance: Callable[..., Any]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    environment = make_instance().environment

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "quarterdeck", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield run
    run("runtime", "stop")


def test_a_change_is_kept_over_a_restart_and_a_job_has_its_history(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    added = run("schedules", "add", "nightly", "0 3 * * *", "node.empty", "exemplary/node/n1")
    assert added.returncode == 0, added.stderr
    assert run("schedules", "disable", "nightly").returncode == 0
    before = json.loads(run("timeline", "core/schedule/nightly", "--json").stdout)
    assert [entry["health"] for entry in before["entries"]] == ["stopped", "ok"]
    assert run("runtime", "restart").returncode == 0
    after = json.loads(run("timeline", "core/schedule/nightly", "--json").stdout)
    assert after["entries"] == before["entries"]
    assert (after["gone"], after["more"]) == (False, False)

    assert run("do", "node.empty", "exemplary/node/n1").returncode == 0
    lines = run("timeline", "core/job/1").stdout.splitlines()
    assert lines[0].split() == ["SINCE", "FOR", "HEALTH", "STATE", "REASON"]
    assert [line.split()[3] for line in lines[1:]] == ["succeeded", "started", "submitted"]

    missing = run("timeline", "exemplary/node/never")
    assert missing.returncode == 2
    assert "nothing is known of exemplary/node/never" in missing.stderr
