"""Several resources at once, for an action that wants names typed: all of them are confirmed by their names, or none is touched."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.errors import ExitCode

N1, N2, N3 = (f"exemplary/node/n{number}" for number in (1, 2, 3))


@pytest.fixture
def instance(make_instance: Callable[..., Any]) -> Any:
    made = make_instance()
    assert made.client("first").get("node", "exemplary").pending == {}
    return made


def names(client: Any) -> set[str]:
    return {each.name for each in client.get("node", "exemplary").resources}


def test_one_name_does_not_let_several_go(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    for typed in ({"typed_name": "n1"}, {"typed_names": ("n1",)}, {"typed_names": ("n2", "n3")}, {"confirmed": True}):
        outcomes = client.do("node.remove", N1, N2, **typed)
        assert [outcome.status for outcome in outcomes] == ["refused", "refused"], typed
        assert "needs the resource's name, and those of all 2 resources, to be typed" in outcomes[0].message
    assert names(client) == {"n1", "n2", "n3"}
    preview = client.do("node.remove", N1, N2, dry_run=True)
    assert [outcome.status for outcome in preview] == ["preview", "preview"]
    outcomes = client.do("node.remove", N1, N2, typed_names=("n2", "n1"))
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    until(lambda: names(client) == {"n3"})


def test_the_command_line_takes_a_name_for_each_and_says_which_are_missing(
    instance: Any, until: Callable[..., None]
) -> None:
    def do(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-m", "quarterdeck", "do", "node.remove", N1, N2, *words],
            env=instance.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    refused = do("--confirm", "n1")
    assert (refused.returncode, "add --confirm n2\n" in refused.stderr) == (ExitCode.REFUSED, True), refused.stderr
    assert do("--confirm", "n1", "--confirm", "n2").returncode == 0
    until(lambda: names(instance.client()) == {"n3"})
