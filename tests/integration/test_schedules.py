"""Schedules in the real runtime: requested once for each due time, through policy and journal, whatever is restarted in between."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from quarterdeck_api.errors import ExitCode, UsageError

N1 = "exemplary/node/n1"
ADD = "schedule.add"
HOURLY = {"rule": "every 1h", "action": "node.ping", "target": N1}


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance()


@pytest.fixture
def client(instance: Any) -> Any:
    return instance.client()


def cells(client: Any, name: str) -> dict[str, Any]:
    found = client.describe(f"core/schedule/{name}")
    return dict(zip(found.columns, found.resource.cells, strict=True))


def entries_of(client: Any, actor: str) -> list[Any]:
    return [entry for entry in client.journal() if entry.actor == actor]


def row_of(instance: Any, name: str) -> sqlite3.Row:
    with closing(sqlite3.connect(instance.paths.database)) as database:
        database.row_factory = sqlite3.Row
        return database.execute("SELECT * FROM schedule WHERE name = ?", (name,)).fetchone()


def test_each_due_time_is_requested_once_and_a_killed_runtime_goes_on(
    make_instance: Callable[..., Any], until: Callable[[Callable[[], bool]], None]
) -> None:
    # Without clients this runtime ends after a second, unless a schedule keeps it.
    instance = make_instance(QUARTERDECK_IDLE_EXIT="1")
    client = instance.client()
    asked = {"name": "tick", "rule": "every 1s", "action": "node.empty", "target": N1, "misfire": "all"}
    asked |= {"misfire_limit": 100, "overlap": "allow"}
    added = client.do_one(ADD, parameters=asked)
    assert added.status == "done" and "only while the runtime runs" in str(added.document)
    until(lambda: len(entries_of(client, "schedule tick")) >= 3)
    client.close()
    left = row_of(instance, "tick")["handled"]
    until(lambda: row_of(instance, "tick")["handled"] >= left + 3)
    assert instance.process.poll() is None
    instance.kill()
    client = instance.client()
    until(lambda: len(entries_of(client, "schedule tick")) >= 6)
    disabled = client.do_one("schedule.disable", "core/schedule/tick")
    assert disabled.status == "done", disabled
    until(lambda: row_of(instance, "tick")["claimed"] == 0)
    entries = entries_of(client, "schedule tick")
    jobs = [entry.job for entry in entries if entry.job]
    row = row_of(instance, "tick")
    # One request for each second of the grid that begins when the schedule was added.
    assert len(entries) == row["handled"] - int(row["created"])
    assert len(jobs) == len(set(jobs))
    assert {entry.outcome for entry in entries} <= {"accepted", "unknown"}
    client.do_one("schedule.remove", "core/schedule/tick", confirmed=True)


def test_a_schedule_is_a_resource_that_says_what_it_will_do(client: Any) -> None:
    client.do_one(ADD, parameters=HOURLY | {"name": "hourly", "zone": "Europe/Berlin", "parameters": {"text": "hoy"}})
    shown = cells(client, "hourly")
    assert (shown["rule"], shown["zone"], shown["action"]) == ("every 1h", "Europe/Berlin", "node.ping")
    assert shown["target"] == N1 and shown["last"] is None
    text = str(client.describe("core/schedule/hourly").document)
    assert "runtime install" in text and "hoy" in text and "+0" in text
    ran = client.do_one("schedule.run-now", "core/schedule/hourly")
    assert (ran.status, ran.statement) == ("done", "PING n1 hoy")
    assert [entry.outcome for entry in entries_of(client, "schedule hourly run now")] == ["done"]
    after = cells(client, "hourly")
    assert after["last_outcome"] == "done" and after["last"] > 0 and after["next"] == shown["next"]


def test_switching_off_and_on_and_removing(client: Any) -> None:
    client.do_one(ADD, parameters=HOURLY | {"name": "switched"})
    assert client.do_one("schedule.disable", "core/schedule/switched").status == "done"
    assert client.do_one("schedule.disable", "core/schedule/switched").status == "refused"
    assert cells(client, "switched")["next"] is None
    assert client.do_one("schedule.enable", "core/schedule/switched").status == "done"
    assert cells(client, "switched")["next"] is not None
    assert client.do_one("schedule.remove", "core/schedule/switched").status == "refused"
    assert client.do_one("schedule.remove", "core/schedule/switched", confirmed=True).status == "done"
    assert "core/schedule/switched" not in [each.address for each in client.get("schedule").resources]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rule": "61 * * * *"}, "minute"),
        ({"zone": "Europe/Berln"}, "Europe/Berln"),
        ({"action": "node.pong"}, "node.pong"),
        ({"target": "exemplary/node/n99"}, "n99"),
        ({"parameters": {"nothing": 1}}, "nothing"),
        ({"rule": "once 2020-01-01T00:00"}, "passed"),
        ({"action": "schedule.preview", "target": ""}, "schedule.preview"),
        ({"parameters": {"token": "swordfish"}}, "secret"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_kept(client: Any, wrong: dict[str, Any], says: str) -> None:
    outcome = client.do_one(ADD, parameters=HOURLY | {"name": "wrong"} | wrong)
    assert outcome.status in ("failed", "refused") and says in outcome.message + outcome.error.remedy
    assert "core/schedule/wrong" not in [each.address for each in client.get("schedule").resources]
    assert "swordfish" not in str(client.journal())


def test_a_name_has_few_letters(client: Any) -> None:
    with pytest.raises(UsageError, match="name"):
        client.do_one(ADD, parameters=HOURLY | {"name": "Not This"})


def test_a_dangerous_action_is_confirmed_when_it_is_scheduled(client: Any) -> None:
    asked = {"name": "restore", "rule": "0 2 * * *", "action": "node.restore", "target": N1}
    refused = client.do_one(ADD, parameters=asked)
    assert refused.status == "refused" and "--yes" in refused.error.remedy
    assert client.do_one(ADD, parameters=asked | {"confirmed": True}).status == "done"
    typed = {"name": "drop", "rule": "0 2 * * *", "action": "node.remove", "target": N1, "confirmed": True}
    refused = client.do_one(ADD, parameters=typed)
    assert refused.status == "refused" and "--confirm n1" in refused.error.remedy
    assert client.do_one(ADD, parameters=typed | {"typed_name": "n1"}).status == "done"


def test_a_second_job_is_refused_while_the_first_one_lives(client: Any) -> None:
    asked = {"name": "slow", "rule": "0 2 * * *", "action": "node.sleep", "target": N1, "parameters": {"seconds": 60}}
    client.do_one(ADD, parameters=asked)
    assert client.do_one("schedule.run-now", "core/schedule/slow").status == "done"
    again = client.do_one("schedule.run-now", "core/schedule/slow")
    assert again.status == "refused" and "core/job/" in str(again.error)
    job = next(entry.job for entry in entries_of(client, "schedule slow run now") if entry.job)
    client.do_one("job.cancel", job)
    assert client.finished(job).state.value == "cancelled"


def test_how_a_job_ended_is_the_schedules_last_outcome(
    client: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    asked = {"name": "failing", "rule": "0 2 * * *", "action": "node.sleep", "target": N1}
    client.do_one(ADD, parameters=asked | {"parameters": {"seconds": 0, "fail": True}})
    client.do_one("schedule.run-now", "core/schedule/failing")
    until(lambda: cells(client, "failing")["last_outcome"] == "failed")
    resource = client.describe("core/schedule/failing").resource
    assert resource.health.value == "degraded" and "failed" in resource.reason


def test_a_preview_says_times_and_words_and_is_not_journalled(client: Any) -> None:
    before = len(client.journal())
    shown = client.do_one("schedule.preview", parameters={"rule": "30 2 * * *", "zone": "Europe/Berlin"}, dry_run=True)
    assert shown.status == "preview" and shown.message.startswith("At 02:30 every day")
    table = next(block for block in shown.document.blocks if block.__class__.__name__ == "TableBlock")
    assert len(table.rows) == 5 and all(row[0].endswith(("+01:00", "+02:00")) for row in table.rows)
    assert "does not exist" in str(shown.document) and "comes twice" in str(shown.document)
    assert len(client.journal()) == before


def quarterdeck(instance: Any, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "quarterdeck", *words],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_does_it_all(instance: Any, client: Any) -> None:
    told = ["said", "0 2 * * *", "node.ping", N1, "--text", "a b", "--zone", "Asia/Kathmandu", "--misfire", "skip"]
    code, out, _ = quarterdeck(instance, "schedules", "add", *told, "--dry-run", "--json")
    assert code == 0 and json.loads(out)["status"] == "preview" and "+05:45" in out
    code, out, _ = quarterdeck(instance, "schedules", "add", *told, "--json")
    assert code == 0 and json.loads(out)["status"] == "done"
    code, out, error = quarterdeck(instance, "schedules", "list", "--filter", "zone=Asia/Kathmandu", "--json")
    [listed] = json.loads(out)
    assert code == 0 and listed["address"] == "core/schedule/said" and listed["cells"]["zone"] == "Asia/Kathmandu"
    assert "only while the runtime runs" in error
    assert quarterdeck(instance, "schedules", "run", "said", "--json")[0] == 0
    assert [entry.detail for entry in entries_of(client, "schedule said run now")] == ["a b"]
    assert json.loads(quarterdeck(instance, "schedules", "disable", "said", "--json")[1])["status"] == "done"
    assert json.loads(quarterdeck(instance, "schedules", "enable", "said", "--json")[1])["status"] == "done"
    assert quarterdeck(instance, "schedules", "remove", "said")[0] == ExitCode.REFUSED
    assert quarterdeck(instance, "schedules", "remove", "said", "--yes", "--json")[0] == 0
    code, out, _ = quarterdeck(instance, "schedules", "preview", "every 90m", "--json")
    assert code == 0 and json.loads(out)["message"] == "Every 1h30m"
    code, _, error = quarterdeck(instance, "schedules", "preview", "every now", "--json")
    assert code == ExitCode.USAGE and "every 15m" in error


def test_the_command_line_confirms_once_for_all(instance: Any) -> None:
    told = ["wipe", "0 2 * * *", "node.remove", N1]
    code, _, error = quarterdeck(instance, "schedules", "add", *told)
    assert code == ExitCode.REFUSED and "--confirm n1" in error
    assert quarterdeck(instance, "schedules", "add", *told, "--confirm", "n1")[0] == 0
    assert quarterdeck(instance, "schedules", "remove", "wipe", "--yes")[0] == 0


def test_a_schedule_is_edited_keeping_what_is_not_named(client: Any) -> None:
    asked = HOURLY | {"name": "edited", "parameters": {"text": "ahoy"}}
    assert client.do_one(ADD, parameters=asked).status == "done"
    address = "core/schedule/edited"
    assert client.do_one("schedule.run-now", address).status == "done"
    wanted = {"rule": "0 5 * * *", "parameters": {"token": "x"}, "zone": "Europe/Berlin"}
    secret = client.do_one("schedule.edit", address, parameters=wanted)
    assert secret.error.code == "usage"  # A secret would have to be kept in clear.
    wanted = {"rule": "0 5 * * *", "zone": "Europe/Berlin", "targets": [N1, "exemplary/node/n2"]}
    previewed = client.do_one("schedule.edit", address, parameters=wanted, dry_run=True)
    assert (previewed.status, "05:00" in str(previewed.document)) == ("preview", True)
    assert client.do_one("schedule.edit", address, parameters=wanted).status == "done"
    described = client.describe(address)
    cells = dict(zip(described.columns, described.resource.cells, strict=True))
    assert (cells["rule"], cells["zone"], cells["action"]) == ("0 5 * * *", "Europe/Berlin", "node.ping")
    assert cells["target"] == f"{N1}, exemplary/node/n2"
    assert cells["last_outcome"] == "done"
    assert "ahoy" in str(described.document)
    assert "What happened" in str(described.document)
    assert client.do_one("schedule.edit", address, parameters={"unset": ["text"]}).status == "done"
    assert "Asked for" not in str(client.describe(address).document)
    assert client.do_one("schedule.edit", address, parameters={"rule": "0 99 * * *"}).error.code == "usage"
    assert client.do_one("schedule.edit", address, parameters={"action": "node.nothing"}).error.code == "not-found"


def test_a_confirmation_does_not_outlive_what_it_was_given_for(client: Any) -> None:
    asked = {"name": "wiped", "rule": "0 2 * * *", "action": "node.remove", "target": N1, "typed_name": "n1"}
    assert client.do_one(ADD, parameters=asked).status == "done"
    address = "core/schedule/wiped"
    assert client.do_one("schedule.edit", address, parameters={"rule": "0 3 * * *"}).status == "done"
    other = {"targets": ["exemplary/node/n2"]}
    assert client.do_one("schedule.edit", address, parameters=other).status == "refused"
    assert client.do_one("schedule.edit", address, parameters=other | {"typed_names": ["n2"]}).status == "done"
    client.do_one("schedule.remove", address, confirmed=True)


def test_schedules_that_meet_say_so(client: Any, until: Callable[[Callable[[], bool]], None]) -> None:
    both = {"rule": "17 4 * * *", "action": "node.ping", "target": "exemplary/node/n3"}
    assert client.do_one(ADD, parameters=both | {"name": "meets-a"}).status == "done"
    previewed = client.do_one(ADD, parameters=both | {"name": "meets-b"}, dry_run=True)
    assert "same minute as schedule meets-a" in str(previewed.document)
    added = client.do_one(ADD, parameters=both | {"name": "meets-b"})
    assert "Mind: schedule meets-b requests node.ping" in added.message
    rows = {each.name: each for each in client.get("schedule", "core").resources}
    assert rows["meets-a"].health.value == rows["meets-b"].health.value == "degraded"
    until(lambda: "core/finding/schedule-conflict/core/schedule/meets-a" in addresses(client, "finding"))
    client.do_one("schedule.remove", "core/schedule/meets-b", confirmed=True)
    until(lambda: "core/finding/schedule-conflict/core/schedule/meets-a" not in addresses(client, "finding"))
    rows = {each.name: each for each in client.get("schedule", "core").resources}
    assert rows["meets-a"].health.value == "ok"


def addresses(client: Any, kind: str) -> list[str]:
    return [each.address for each in client.get(kind, "core").resources]
