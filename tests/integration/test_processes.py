"""Managed processes of a real plugin behind a real runtime: created, heard, told, drained, scaled, and given up when they do not stay up."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck_api.metrics import METRICS, MetricsParams
from quarterdeck_api.protocol import LOGS_LINES, LOGS_OPEN, PARAMETERS, LogsParams, Outcome, ParametersParams
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.runtime_requests import STOP, StopParams
from quarterdeck_api.wire import to_builtins


@pytest.fixture(scope="module")
def runtime(make_instance: Callable[..., Any]) -> Any:
    """One runtime with the plugin `stages`."""
    return make_instance(plugins=("stages",), STAGE_TOKEN="kept-under-the-hat")


@pytest.fixture
def client(runtime: Any) -> Iterator[Any]:
    """A connection; every process is removed afterwards."""
    found = runtime.client()
    yield found
    for row in found.get("process").resources:
        found.do("process.remove", row.address, confirmed=True)


def create(client: Any, process_type: str, name: str, **more: Any) -> Outcome:
    outcome = client.do_one("process.create", parameters={"type": f"stages.{process_type}", "name": name, **more})
    assert outcome.status == "done", outcome
    return outcome


def row(client: Any, kind: str, name: str) -> Resource | None:
    return next((each for each in client.get(kind).resources if each.name == name), None)


def cells(client: Any, row: Resource) -> dict[str, Any]:
    columns = client.get(row.kind).columns[row.backend]
    return dict(zip(columns, row.cells, strict=True))


def running(client: Any, until: Any, name: str, count: int = 1) -> list[Resource]:
    """The instances once so many of them run."""

    def all_run() -> bool:
        found = row(client, "process", name)
        return found is not None and found.state == "running" and cells(client, found)["running"] == count

    until(all_run)
    return [each for each in client.get("instance").resources if each.parent == f"core/process/{name}"]


def pids(client: Any, instances: list[Resource]) -> list[int]:
    return [cells(client, each)["pid"] for each in instances]


def test_an_instance_is_heard_ten_times_a_second_by_its_backend_and_kept_as_metrics(client: Any, until: Any) -> None:
    create(client, "stage", "heard", parameters={"rate": 200})
    [instance] = running(client, until, "heard")
    assert instance.health is Health.OK
    assert cells(client, instance)["message"] == "threshold 0.5"

    def stage() -> dict[str, Any]:
        found = row(client, "stage", "heard.1")
        return cells(client, found) if found is not None else {}

    until(lambda: stage().get("calls", 0) >= 20)
    found = stage()
    assert found["connected"] is True
    assert found["phase"] == "working"
    # What it reports more often than ten times a second is coalesced to the latest.
    assert found["seen"] > 3 * found["calls"]
    asked = MetricsParams("core/instance/heard.1", ("seen", "threshold"))
    until(lambda: len(client.call(METRICS, asked).series) == 2)
    series = {each.name: each for each in client.call(METRICS, asked).series}
    assert series["threshold"].values[-1] == 0.5
    assert series["threshold"].unit == "1"
    assert series["seen"].values[-1] > 0
    used = MetricsParams("core/instance/heard.1", ("memory", "cpu"))
    until(lambda: {each.name for each in client.call(METRICS, used).series} == {"memory", "cpu"})


def test_control_messages_are_answered(client: Any, until: Any) -> None:
    create(client, "stage", "told", count=2)
    running(client, until, "told", 2)
    both = client.do_one(
        "process.control", "core/process/told", parameters={"message": "threshold", "body": {"value": 0.9}}
    )
    assert both.status == "done"
    [block] = both.document.blocks
    assert block.rows == (("told.1", '{"threshold":0.9}'), ("told.2", '{"threshold":0.9}'))
    until(lambda: all(cells(client, each)["message"] == "threshold 0.9" for each in running(client, until, "told", 2)))

    def tell(message: str, **more: Any) -> Outcome:
        return client.do_one("process.control", "core/instance/told.2", parameters={"message": message, **more})

    assert tell("nonsense").error.code == "usage"
    for body in ({"a": [1]}, [1, "two"], 5, 0.5, False, "text", None):
        assert json.loads(tell("echo", body=body).message.removeprefix("echo: ")) == body
    failed = tell("fail")
    assert failed.status == "failed"
    assert "ValueError: told to fail" in failed.message
    lost = tell("sleep", body={"seconds": 2}, timeout=0.2)
    assert lost.status == "unknown"
    assert "told.2 did not answer 'sleep' within 0.2 s" in lost.message


def test_a_backend_reaches_its_processes(client: Any, until: Any) -> None:
    create(client, "stage", "tuned")
    until(lambda: row(client, "stage", "tuned.1") is not None)
    running(client, until, "tuned")
    outcome = client.do_one("stage.tune", "stages/stage/tuned.1", parameters={"value": 0.25})
    assert (outcome.status, outcome.message) == ("done", "threshold 0.25")


def test_what_a_process_judges_of_itself_is_its_health(client: Any, until: Any) -> None:
    create(client, "stage", "judged")
    running(client, until, "judged")
    body = {"health": "degraded", "message": "the engine is cold"}
    client.do_one("process.control", "core/process/judged", parameters={"message": "judge", "body": body})
    until(lambda: (found := row(client, "process", "judged")) is not None and found.health is Health.DEGRADED)
    found = row(client, "process", "judged")
    assert found is not None
    assert found.reason == "the engine is cold"


def test_a_stop_drains_and_a_start_starts_anew(client: Any, until: Any, tmp_path: Path) -> None:
    create(client, "stage", "drained", parameters={"trail": str(tmp_path)})
    [pid] = pids(client, running(client, until, "drained"))
    outcome = client.do_one("process.stop", "core/process/drained")
    assert outcome.message == "process drained is stopped"
    assert not psutil.pid_exists(pid)
    trail = (tmp_path / "drained.1").read_text().splitlines()
    assert trail == [f"begin {pid}", f"drained {pid}"]
    found = row(client, "process", "drained")
    assert found is not None
    assert (found.state, found.health, cells(client, found)["desired"]) == ("stopped", Health.STOPPED, "stopped")
    assert client.do_one("process.stop", "core/process/drained").status == "refused"
    client.do_one("process.start", "core/process/drained")
    [again] = pids(client, running(client, until, "drained"))
    assert again != pid
    client.do_one("process.restart", "core/instance/drained.1")
    until(lambda: pids(client, running(client, until, "drained")) not in ([again], [None]))
    assert (tmp_path / "drained.1").read_text().count("drained") == 2
    [restarted] = running(client, until, "drained")
    assert cells(client, restarted)["restarts"] == 0  # What was asked for is no failure.


def test_a_process_is_scaled_up_and_down(client: Any, until: Any) -> None:
    create(client, "stage", "scaled")
    first = pids(client, running(client, until, "scaled"))
    client.do_one("process.scale", "core/process/scaled", parameters={"count": 4})
    four = pids(client, running(client, until, "scaled", 4))
    assert four[0] == first[0]
    assert len(set(four)) == 4
    client.do_one("process.scale", "core/process/scaled", parameters={"count": 1})
    until(lambda: row(client, "instance", "scaled.2") is None and row(client, "instance", "scaled.4") is None)
    assert pids(client, running(client, until, "scaled")) == first
    assert client.do_one("process.scale", "core/process/scaled", parameters={"count": 3}).status == "done"
    assert len(set(pids(client, running(client, until, "scaled", 3)))) == 3


def test_configuring_restarts_with_the_new_parameters(client: Any, until: Any) -> None:
    create(client, "stage", "tuned-anew", parameters={"threshold": 0.1})
    [before] = pids(client, running(client, until, "tuned-anew"))
    outcome = client.do_one("process.configure", "core/process/tuned-anew", settings={"threshold": 0.2})
    assert outcome.status == "done", outcome
    until(lambda: pids(client, running(client, until, "tuned-anew")) != [before])
    until(lambda: cells(client, running(client, until, "tuned-anew")[0])["message"] == "threshold 0.2")


def test_what_does_not_stay_up_is_a_crash_loop_with_its_last_lines(client: Any, until: Any) -> None:
    create(client, "failing", "broken")

    def in_loop() -> bool:
        found = row(client, "process", "broken")
        return found is not None and found.state == "crash-loop"

    until(in_loop)
    found = row(client, "process", "broken")
    assert found is not None
    assert found.health is Health.FAILED
    assert found.reason == (
        "it ended soon after each of its last 5 starts; the last time it ended by itself with exit code 1"
    )
    assert cells(client, found)["restarts"] == 4
    document = to_builtins(client.describe("core/process/broken").document)
    [tail] = [block for block in document["blocks"] if block.get("title") == "Last lines of broken.1"]
    assert "broken.1 ends: the engine has no oil. fill some in" in tail["text"]
    [finding] = [each for each in client.get("finding").resources if "broken.1" in str(each.cells)]
    assert finding.health is Health.FAILED
    assert "the engine has no oil" in finding.reason
    client.do_one("process.start", "core/process/broken")
    until(lambda: not in_loop())
    until(lambda: not any("broken.1" in str(each.cells) for each in client.get("finding").resources))


@pytest.mark.parametrize(
    ("process_type", "parameters", "reason"),
    [
        ("hungry", {"megabytes": 300}, "MiB of memory, more than its limit of 150 MiB"),
        ("stuck", {"how": "silent"}, "it gave no sign of life for 3 s"),
        ("stuck", {"how": "unready"}, "it was not ready within 3 s"),
        ("failing", {"how": "kill"}, "it was ended by SIGKILL"),
        ("failing", {"how": "exit"}, "it ended by itself with exit code 3"),
        ("failing", {"how": "return", "seconds": 0.1}, "it ended by itself with exit code 0"),
    ],
)
def test_what_is_not_well_is_restarted_for_a_reason(
    client: Any, until: Any, process_type: str, parameters: dict[str, Any], reason: str
) -> None:
    create(client, process_type, "unwell", parameters=parameters)

    def told() -> bool:
        document = to_builtins(client.describe("core/process/unwell").document)
        history = next(block for block in document["blocks"] if block.get("title") == "History")
        return any(line[2] == "ended" and reason in line[3] for line in history["rows"])

    until(told)
    until(lambda: cells(client, row(client, "process", "unwell"))["restarts"] >= 1)  # type: ignore[arg-type]


def test_a_deaf_process_is_ended_firmly_with_the_daemons_that_it_left(runtime: Any, client: Any, until: Any) -> None:
    before = {process.pid for process in runtime.processes()}
    create(client, "stuck", "deaf", parameters={"how": "deaf", "daemon": True})
    [pid] = pids(client, running(client, until, "deaf"))
    until(lambda: len({process.pid for process in runtime.processes()} - before) == 3)  # Guard, process and daemon.
    client.do_one("process.stop", "core/process/deaf")
    until(lambda: row(client, "process", "deaf").state == "stopped")  # type: ignore[union-attr]
    assert not psutil.pid_exists(pid)
    assert {process.pid for process in runtime.processes()} <= before


def test_a_program_that_knows_nothing_of_us_is_kept_too(client: Any, until: Any) -> None:
    create(client, "program", "plain", parameters={"seconds": 1234})
    create(client, "program", "by-default")
    [pid] = pids(client, running(client, until, "plain"))
    assert psutil.Process(pid).cmdline() == ["sleep", "1234"]
    [pid] = pids(client, running(client, until, "by-default"))
    assert psutil.Process(pid).cmdline() == ["sleep", "1000"]
    refused = client.do_one("process.control", "core/process/plain", parameters={"message": "hello"})
    assert refused.error.code == "unreachable"


def test_a_process_type_may_be_bound_to_some_processors(client: Any, until: Any) -> None:
    if not hasattr(psutil.Process, "cpu_affinity"):
        pytest.skip("this system binds no process to processors")
    create(client, "bound", "bound")
    [pid] = pids(client, running(client, until, "bound"))
    assert len(psutil.Process(pid).cpu_affinity() or ()) == 1


def test_logs_are_followed(client: Any, until: Any) -> None:
    create(client, "failing", "talkative", parameters={"seconds": 0.1})
    client.call(LOGS_OPEN, LogsParams(7, "core/process/talkative", follow=True))
    lines: list[str] = []
    while not any("talkative.1 ended: exit code 1" in line for line in lines):
        notification = client.next_notification(60.0)
        assert notification is not None
        if notification.method == LOGS_LINES.name:
            lines += notification.params.lines
    assert "about to end" in lines


def test_what_a_new_process_takes_depends_on_its_type(client: Any, until: Any) -> None:
    def settings(**said: Any) -> Any:
        return client.call(PARAMETERS, ParametersParams("process.create", parameters=said)).settings

    assert settings() is None
    assert settings(type="stages.stage")["properties"]["threshold"]["default"] == 0.5
    given = {"type": "stages.stage", "name": "given", "parameters": {"threshold": 0.125}}
    assert client.do_one("process.create", parameters=given, settings={"rate": 5}).status == "done"
    running(client, until, "given")
    document = to_builtins(client.describe("core/process/given").document)
    [facts] = [block["facts"] for block in document["blocks"] if block.get("title") == "Given"]
    said = {fact[0]: fact[1] for fact in facts}
    assert (said["threshold"], said["rate"]) == (0.125, 5)
    wrong = client.do_one("process.create", parameters={"type": "stages.stage", "name": "b"}, settings={"rat": 1})
    assert wrong.error.code == "usage"


def test_a_secret_reaches_the_process_by_reference_only(runtime: Any, client: Any, until: Any) -> None:
    secret = runtime.environment["STAGE_TOKEN"]
    given = {"type": "stages.stage", "name": "secretive"}
    assert client.do_one("process.create", parameters=given, settings={"token": "env:STAGE_TOKEN"}).status == "done"
    running(client, until, "secretive")
    spelt = client.do_one("process.control", "core/process/secretive", parameters={"message": "spell"})
    assert spelt.message == f'spell: {{"letters":{len(secret)}}}'
    files = [path for path in runtime.home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def test_wrong_requests_are_refused_before_anything_is_kept(client: Any) -> None:
    def refused(**parameters: Any) -> str:
        outcome = client.do_one("process.create", parameters=parameters)
        assert outcome.status in ("failed", "refused"), outcome
        return outcome.message

    assert "no plugin has the process type 'stages.stag'" in refused(type="stages.stag", name="a")
    assert "has no backend 'elsewhere'" in refused(type="stages.stage", name="a", backend="elsewhere")
    assert "threshold" in refused(type="stages.stage", name="a", parameters={"threshold": 2})
    secret = refused(type="stages.stage", name="a", parameters={"token": "hunter2"})
    assert "kept in clear" in secret
    assert "hunter2" not in secret
    scheduled = {
        "name": "leaky",
        "rule": "every 1h",
        "action": "process.create",
        "parameters": {"type": "stages.stage", "name": "a", "parameters": {"token": "hunter2"}},
    }
    kept = client.do_one("schedule.add", parameters=scheduled)
    assert "kept in clear" in kept.message
    create(client, "stage", "a", start=False)
    assert "there is a process a already" in refused(type="stages.stage", name="a")
    assert row(client, "process", "a").state == "stopped"  # type: ignore[union-attr]
    assert client.do_one("process.remove", "core/process/a").status == "refused"  # It wants to be confirmed.


def test_the_journal_has_every_action_with_its_actor(client: Any, until: Any) -> None:
    create(client, "stage", "noted")
    running(client, until, "noted")
    client.do_one("process.stop", "core/process/noted")
    client.do_one("process.remove", "core/process/noted", confirmed=True)
    entries = [entry for entry in client.journal("noted") if entry.address == "core/process/noted"]
    assert [(entry.action, entry.outcome) for entry in entries[:2]] == [
        ("process.remove", "done"),
        ("process.stop", "done"),
    ]
    assert all("(test)" in entry.actor for entry in entries)


def test_a_job_has_a_process_run_talks_to_it_and_removes_it(client: Any, until: Any) -> None:
    create(client, "stage", "carrier")
    until(lambda: row(client, "stage", "carrier.1") is not None)
    outcome = client.do_one("stage.trial", "stages/stage/carrier.1")
    record = client.finished(outcome.job)
    assert record.result == {"address": "core/process/trial", "answer": {"threshold": 0.75}}, record
    assert row(client, "process", "trial") is None
    entries = client.journal("process.")
    actors = {entry.actor for entry in entries if entry.address.endswith("/trial") or "trial" in str(entry.parameters)}
    assert actors == {f"job {record.job}"}


def test_status_counts_processes_and_wanted_ones_keep_the_runtime_alive(make_instance: Any, until: Any) -> None:
    instance = make_instance(plugins=("stages",), QUARTERDECK_IDLE_EXIT="1")
    client = instance.client()
    create(client, "stage", "kept", count=2)
    running(client, until, "kept", 2)
    assert client.status().processes == {"running": 1, "stopped": 0, "instances": 2}
    until(lambda: row(client, "instance", "kept.1") is not None)
    pid = client.status().pid
    client.close()
    instance.clients.clear()
    again = instance.client()
    assert again.status().pid == pid
    again.do_one("process.stop", "core/process/kept")
    again.close()
    instance.clients.clear()
    assert instance.process.wait(60) == 0  # Nothing is wanted any more, so it ends by itself.
    instance.process = None
    assert not instance.processes()


def test_a_restart_of_the_runtime_leaves_processes_running_and_a_stop_keeps_what_is_wanted(
    make_instance: Any, until: Any
) -> None:
    instance = make_instance(plugins=("stages",))
    client = instance.client()
    create(client, "stage", "kept", count=2)
    create(client, "stage", "idle", start=False)
    before = pids(client, running(client, until, "kept", 2))
    client.call(STOP, StopParams("restart", keep_workers=True))
    assert instance.process.wait(60) == 0
    assert all(map(psutil.pid_exists, before))
    instance.process = None
    client = instance.client()
    assert pids(client, running(client, until, "kept", 2)) == before
    instance.stop()
    assert not instance.processes()
    client = instance.client()
    after = pids(client, running(client, until, "kept", 2))
    assert not set(after) & set(before)
    assert row(client, "process", "idle").state == "stopped"  # type: ignore[union-attr]
    assert all(cells(client, each)["restarts"] == 0 for each in client.get("instance").resources)


def test_an_instance_drains_to_its_end_while_the_runtime_is_restarted(
    make_instance: Any, until: Any, tmp_path: Path
) -> None:
    instance = make_instance(plugins=("stages",))
    client = instance.client()
    create(client, "slow", "slow", parameters={"trail": str(tmp_path)})
    [pid] = pids(client, running(client, until, "slow"))
    client.do_one("process.restart", "core/process/slow")
    until(lambda: row(client, "instance", "slow.1").state == "draining")  # type: ignore[union-attr]
    client.call(STOP, StopParams("restart", keep_workers=True))
    assert instance.process.wait(60) == 0
    assert psutil.pid_exists(pid)
    instance.process = None
    client = instance.client()
    until(lambda: pids(client, running(client, until, "slow")) != [pid])
    [again] = pids(client, running(client, until, "slow"))
    trail = (tmp_path / "slow.1").read_text().splitlines()
    assert trail[:2] == [f"begin {pid}", f"drained {pid}"]
    assert again != pid
    assert not [line for line in trail if line.startswith("overlap")]


def test_no_process_works_for_a_backend_that_is_read_only(make_instance: Any) -> None:
    instance = make_instance('[backends.plant]\ntype = "stages"\nread_only = true\n', plugins=("stages",))
    client = instance.client()
    asked = {"type": "stages.stage", "name": "a", "backend": "plant"}
    outcome = client.do_one("process.create", parameters=asked)
    assert outcome.status == "refused"
    assert "backend plant is read-only" in outcome.message
    assert client.journal("process.create")[0].outcome == "refused"
    ambiguous = client.do_one("process.create", parameters={"type": "stages.stage", "name": "a"})
    assert "plugin stages has 2 backends" in ambiguous.message
