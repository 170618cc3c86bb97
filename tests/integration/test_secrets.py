"""Secrets of settings and parameters are in no file of the instance and in no message that a client gets."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.editing import TEXT_GET, TEXT_PUT, TextParams, TextPut
from quarterdeck_api.metrics import METRICS, MetricsParams
from quarterdeck_api.protocol import (
    BACKEND_RETRY,
    CATALOGUE,
    COMPLETE,
    DO,
    LOGS_OPEN,
    WATCH_OPEN,
    AddressParams,
    CompleteParams,
    DoParams,
    LogsParams,
    WatchParams,
)
from quarterdeck_api.testing.contract import files_with
from quarterdeck_api.wire import Nothing

SECRET = "correct-horse-battery-staple"

CONFIG = """
[runtime]
call_timeout = 1.0

[backends.vault]
type = "exemplary"
password = "env:QD_TEST_SECRET"

[backends.strict]
type = "exemplary"
nodes = "env:QD_TEST_SECRET"
"""


@pytest.mark.parametrize("offered", [False, True], ids=["of-the-runtime", "offered-by-the-client"])
def test_a_secret_of_the_settings_is_nowhere(
    make_instance: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, offered: bool, until: Callable[..., None]
) -> None:
    monkeypatch.delenv("QD_TEST_SECRET", raising=False)
    instance = make_instance(CONFIG, **({} if offered else {"QD_TEST_SECRET": SECRET}))
    if offered:
        monkeypatch.setenv("QD_TEST_SECRET", SECRET)
    client = instance.client()
    node = "vault/node/n1"

    def backends() -> dict[str, str]:
        return {each.name: each.state for each in client.call(CATALOGUE, Nothing(), 30.0).backends}

    until(lambda: backends()["vault"] == "ready" and backends()["strict"] == "failed")
    for number, kind in enumerate(("", "node", "job", "journal", "plugin"), 1):
        client.call(WATCH_OPEN, WatchParams(number, kind), 30.0)
    for log in ("core/runtime/runtime", "core/host/exemplary"):
        client.call(LOGS_OPEN, LogsParams(len(log), log), 30.0)
    for address in (node, "core/plugin/exemplary"):
        client.describe(address)
    client.call(COMPLETE, CompleteParams("node.ping", node, "text", ""), 30.0)
    client.call(BACKEND_RETRY, AddressParams("vault"), 30.0)
    for action in ("node.ping", "node.sleep", "node.host-sleep"):
        parameters = {} if action == "node.ping" else {"seconds": 0.2, "steps": 1, "fail": True}
        outcome = client.do_one(action, node, parameters=parameters)
        if outcome.job:
            client.finished(outcome.job)
            client.describe(outcome.job)
    assert [client.do_one(action, node).status for action in ("node.hang", "node.crash")] == ["unknown", "unknown"]
    until(lambda: backends()["vault"] == "ready")
    client.journal()
    client.status()
    while client.next_notification(0.3) is not None:
        pass

    assert SECRET.encode() not in client.recording.received
    assert files_with(instance.home, SECRET) == []
    assert instance.stop() == 0
    assert files_with(instance.home, SECRET) == []


def test_a_secret_written_into_the_configuration_stays_there(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(f'[backends.vault]\ntype = "exemplary"\npassword = "{SECRET}"\nnodes = 2\n')
    client = instance.client()
    client.get("node", "vault")
    job = client.do_one("node.sleep", "vault/node/n1", parameters={"seconds": 0.1, "steps": 1}).job
    client.finished(job)
    client.describe(job)
    assert "holds a secret as plain text" in instance.log()
    assert SECRET.encode() not in client.recording.received
    assert files_with(instance.home, SECRET) == [instance.paths.config_file]


def test_a_secret_parameter_is_used_and_forgotten(make_instance: Callable[..., Any]) -> None:
    instance = make_instance()
    client = instance.client()
    asked = {"text": "ahoy", "token": SECRET}
    result = client.call(DO, DoParams("node.ping", ("exemplary/node/n1",), asked), 30.0)
    assert result.outcomes[0].status == "done"
    assert result.command.endswith("--text ahoy --token '***'")
    refused = client.call(DO, DoParams("node.ping", ("exemplary/node/n9",), asked), 30.0)
    assert (refused.outcomes[0].status, "'***'" in refused.command) == ("failed", True)
    [entry] = client.journal()
    assert entry.parameters == {"text": "ahoy", "token": "***"}
    client.describe("core/journal/1")
    assert SECRET.encode() not in client.recording.received
    assert files_with(instance.home, SECRET) == []


WATCHFUL = """
[runtime]
call_timeout = 2.0

[backends.tank]
type = "watchful"
password = "env:QD_TEST_SECRET"
"""


def test_a_secret_is_nowhere_after_controllers_commands_events_findings_and_authorising(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make_instance(WATCHFUL, ("watchful",), QD_TEST_SECRET=SECRET)
    (instance.home / "watchful").mkdir(parents=True)
    client = instance.client()
    for number, kind in enumerate(("", "gauge", "controller", "finding", "journal", "schedule"), 1):
        client.call(WATCH_OPEN, WatchParams(number, kind), 30.0)
    assert client.get("gauge", "tank").pending == {}
    gauge, refill = "tank/gauge/g1", "core/controller/tank/refill"
    # Findings, events and authorising: the request is noted by the plugin's hooks.
    assert client.do_one("gauge.set", gauge, parameters={"level": 3, "token": SECRET}).status == "done"
    # A controller: never in clear; a reference is resolved for its look, and its request hides it from the journal.
    plain = client.call(DO, DoParams("controller.configure", (refill,), {}, {"token": SECRET}), 30.0)
    assert (plain.outcomes[0].error.code, "***" in plain.command) == ("usage", True)  # type: ignore[union-attr]
    assert client.do_one("controller.configure", refill, settings={"token": "env:QD_TEST_SECRET"}).status == "done"
    looked = client.do_one("controller.look", refill)
    assert looked.status == "done", looked.message
    assert (instance.home / "watchful" / "token-length").read_text().strip() == str(len(SECRET))
    [asked] = [each for each in client.journal() if each.actor == "controller tank/refill"]
    assert asked.parameters["token"] == "***"
    client.describe(refill)
    # A schedule: refused, and what was asked for is not repeated.
    nested = {"level": 4, "token": SECRET}
    wanted = {"name": "n", "rule": "every 1h", "action": "gauge.set", "target": gauge, "parameters": nested}
    scheduled = client.call(DO, DoParams("schedule.add", (), wanted), 30.0)
    assert scheduled.outcomes[0].status == "failed"
    # A lost outcome, and its check.
    lost = client.do_one("gauge.set-silently", gauge, parameters={"level": 9, "token": SECRET})
    assert lost.status == "unknown"
    entry = client.journal("action=gauge.set-silently")[0].entry
    until(lambda: client.do_one("journal.check", f"core/journal/{entry}").status == "done")
    # A command: its parameters go through a pipe, not through arguments or the environment.
    words = ["watchful", "fill", "--gauge", "g1", "--level", "8", "--token", SECRET]
    done = quarterdeck(instance, *words)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    noted = (instance.home / "watchful" / "asked").read_text()
    assert noted.count('"***"') >= 3
    client.journal()
    client.status()
    until(lambda: (instance.home / "watchful" / "events").exists())
    while client.next_notification(0.3) is not None:
        pass
    assert SECRET.encode() not in client.recording.received
    assert instance.stop() == 0
    assert files_with(instance.home, SECRET) == []


WORKING = """
[backends.shelf]
type = "editable.shelf"
password = "env:QD_TEST_SECRET"
"""


def test_a_secret_is_nowhere_after_processes_jobs_edits_and_metrics(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make_instance(WORKING, ("editable", "stages", "rollout"), QD_TEST_SECRET=SECRET)
    client = instance.client()
    for number, kind in enumerate(("", "process", "instance", "job", "note", "journal"), 1):
        client.call(WATCH_OPEN, WatchParams(number, kind), 30.0)
    assert client.get("note", "shelf").pending == {}
    reference = "env:QD_TEST_SECRET"
    # A managed process: by reference only; its instances get the value.
    asked = {"type": "stages.stage", "name": "sieve"}
    plain = client.call(DO, DoParams("process.create", (), asked, {"token": SECRET}), 30.0)
    assert (plain.outcomes[0].status in ("failed", "refused"), SECRET in plain.command) == (True, False)
    made = client.do_one("process.create", parameters=asked, settings={"token": reference})
    assert made.status == "done", made.message
    until(lambda: any(each.state == "running" for each in client.get("instance").resources))
    client.describe("core/process/sieve")
    client.call(LOGS_OPEN, LogsParams(77, "core/process/sieve"), 30.0)
    client.call(METRICS, MetricsParams("core/instance/sieve.1"), 30.0)
    # A text, and a short action with a secret.
    note = "shelf/note/a"
    before = client.call(TEXT_GET, TextParams(note), 30.0)
    client.call(TEXT_PUT, TextPut(note, "other\n", before.version, confirmed=True), 30.0)
    client.do_one("note.unlock", note, parameters={"password": SECRET})
    client.describe(note)
    # A job: by reference only.
    [deployment, *_] = [each.address for each in client.get("deployment").resources]
    job = client.call(DO, DoParams("deployment.login", (deployment,), {"token": SECRET}), 30.0)
    assert (job.outcomes[0].job, SECRET in job.command) == ("", False)
    started = client.do_one("deployment.login", deployment, parameters={"token": reference})
    assert client.finished(started.job).state.value == "succeeded"
    client.describe(started.job)
    client.call(LOGS_OPEN, LogsParams(78, started.job), 30.0)
    client.journal()
    client.status()
    assert client.do_one("process.remove", "core/process/sieve", confirmed=True).status == "done"
    while client.next_notification(0.3) is not None:
        pass
    assert SECRET.encode() not in client.recording.received
    assert files_with(instance.home, SECRET) == []
    assert instance.stop() == 0
    assert files_with(instance.home, SECRET) == []


def quarterdeck(instance: Any, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in instance.environment.items() if name != "QD_TEST_SECRET"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "quarterdeck", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
