"""Jobs that requests start in the real runtime: keys, priorities, cancel, retry, samples, documents and logs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.documents import FactsBlock, TableBlock
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import LOGS_LINES, LOGS_OPEN, LogsParams

N1 = "exemplary/node/n1"
ARIMA = "ainode/model/arima"
NAIVE = "ainode/model/naive_forecaster"

#: A job that runs until it is cancelled.
ENDLESS = {"seconds": 600.0, "steps": 6000}


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance("[runtime]\nmax_workers = 2\nmax_jobs = 2\n")


@pytest.fixture
def client(instance: Any) -> Any:
    return instance.client()


def sleep(client: Any, seconds: float = 0.1, in_host: bool = False, **more: Any) -> str:
    keywords = {name: more.pop(name) for name in ("key", "priority") if name in more}
    action = "node.host-sleep" if in_host else "node.sleep"
    outcome = client.do_one(action, N1, parameters={"seconds": seconds, "steps": 2, **more}, **keywords)
    assert outcome.status == "accepted", outcome
    return outcome.job


@pytest.mark.parametrize("in_host", [False, True])
def test_a_job_runs_and_leaves_everything_that_it_said(client: Any, in_host: bool) -> None:
    address = sleep(client, artefact=True, in_host=in_host)
    record = client.finished(address)
    assert record.state is JobState.SUCCEEDED, record.error
    assert (record.action, record.target) == ("node.host-sleep" if in_host else "node.sleep", N1)
    assert [step.name for step in record.steps] == ["step-1", "step-2"]
    assert all(step.ended for step in record.steps)
    assert record.result is not None
    assert record.result["attempt"] == 1
    assert Path(record.artefact_paths[0]).read_text(encoding="utf-8") == "well slept\n"
    entry = next(each for each in client.journal("sleep") if each.job == address)
    assert entry.outcome == "accepted"
    row = next(each for each in client.get("job").resources if each.address == address)
    assert row.actions_off.keys() == {"job.cancel"}
    titles = [block.title for block in client.describe(address).document.blocks]
    assert {"Asked for", "Steps", "Artefacts", "History"} <= set(titles)


def test_the_log_of_a_job_is_read_and_followed(client: Any) -> None:
    address = sleep(client)
    client.call(LOGS_OPEN, LogsParams(7, address, follow=True), 30.0)
    lines: list[str] = []
    while True:
        received = client.next_notification(30.0)
        assert received is not None
        if received.method != LOGS_LINES.name:
            continue
        assert received.params.stream == 7
        lines += received.params.lines
        if received.params.ended:
            break
    steps = [line for line in lines if "step 1 of 2" in line or "step 2 of 2" in line]
    assert len(steps) == 2, lines


def test_a_backend_without_logs_is_said_to_have_none(client: Any) -> None:
    client.call(LOGS_OPEN, LogsParams(77, "exemplary/node/n1"), 30.0)
    while (notification := client.next_notification(30.0)) is not None:
        if notification.method == LOGS_LINES.name and notification.params.stream == 77:
            break
    assert notification is not None
    found = notification.params
    assert found.ended and not found.lines
    assert found.error is not None and found.error.code == "unsupported" and found.error.message


@pytest.mark.parametrize("address", ["core/job/999999", "core/host/nobody"])
def test_what_has_no_log_says_so(client: Any, address: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.call(LOGS_OPEN, LogsParams(1, address), 30.0)
    assert caught.value.message


def test_a_failed_job_says_why_and_can_be_run_again(client: Any) -> None:
    address = sleep(client, fail=True)
    record = client.finished(address)
    assert record.state in (JobState.FAILED, JobState.DEAD)
    assert record.error is not None
    assert (record.error.message, record.error.remedy) == (f"the job on {N1} was told to fail", "leave out --fail")
    row = next(each for each in client.get("job").resources if each.address == address)
    assert row.reason == record.error.message
    assert client.do_one("job.retry", address).status == "done"
    again = client.finished(address)
    assert again.attempt > record.attempt
    assert client.do_one("job.cancel", address).status == "refused"


def test_a_key_allows_one_live_job(client: Any, until: Callable[..., None]) -> None:
    first = sleep(client, **ENDLESS, key="nightly")  # type: ignore[arg-type]
    second = client.do_one("node.sleep", N1, parameters={"seconds": 0.1}, key="nightly")
    assert second.status == "refused"
    assert first in second.message or first in second.error.remedy
    assert client.do_one("job.cancel", first).status == "done"
    until(lambda: client.job(first).state.final)
    assert client.finished(sleep(client, key="nightly")).state is JobState.SUCCEEDED


def test_running_and_queued_jobs_are_cancelled_and_higher_priority_runs_first(client: Any) -> None:
    busy = [sleep(client, **ENDLESS), sleep(client, **ENDLESS)]  # type: ignore[arg-type]
    for address in busy:
        client.running(address)
    low, high, never = sleep(client), sleep(client, priority=5), sleep(client)
    assert client.do_one("job.cancel", never).status == "done"
    assert client.job(never).state is JobState.CANCELLED
    assert client.job(never).attempt == 0
    early = client.do_one("job.retry", low)
    assert (early.status, "has not ended" in early.message) == ("refused", True)

    assert client.do_one("job.cancel", busy[0]).status == "done"
    ended = client.finished(busy[0])
    assert ended.state is JobState.CANCELLED
    assert next(event.event for event in ended.history) == "submitted"
    records = [client.finished(high), client.finished(low)]
    assert [record.state for record in records] == [JobState.SUCCEEDED] * 2
    assert records[0].started <= records[1].started
    client.do("job.cancel", busy[1])
    assert client.finished(busy[1]).state is JobState.CANCELLED


def test_a_sample_is_imported_when_it_is_first_used(client: Any) -> None:
    first = client.do_one("model.forecast", NAIVE, parameters={"dataset": "ships", "horizon": 3})
    second = client.do_one("model.forecast", NAIVE, parameters={"dataset": "core/dataset/ships", "horizon": 3})
    waits = client.job(first.job)
    assert len(waits.after) == 1
    records = [client.finished(first.job), client.finished(second.job)]
    assert [record.state for record in records] == [JobState.SUCCEEDED] * 2, [record.error for record in records]
    imports = [each for each in client.get("job").resources if each.cells[0] == "dataset.sample"]
    assert len([each for each in imports if each.cells[1] == "core/dataset/ships"]) == 1
    ships = next(each for each in client.get("dataset").resources if each.name == "ships")
    assert (ships.state, ships.cells[0]) == ("ready", 48)
    third = client.do_one("model.forecast", NAIVE, parameters={"dataset": "ships", "horizon": 3})
    assert client.finished(third.job).after == ()
    used_by = str(next(each for each in client.get("dataset").resources if each.name == "ships").cells[-1])
    assert third.job in used_by


def test_a_forecast_takes_the_settings_of_its_model(client: Any) -> None:
    outcome = client.do_one(
        "model.forecast", ARIMA, parameters={"dataset": "ships", "horizon": 2}, settings={"order": [1, 0, 0]}
    )
    record = client.finished(outcome.job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.settings == {"order": [1, 0, 0]}
    assert client.journal("action=model.forecast")[0].parameters["set"] == {"order": [1, 0, 0]}


def test_a_file_is_imported_used_and_removed(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "Tide Levels.csv"
    rows = "\n".join(f"2020-01-{day:02d},{day * 1.5}" for day in range(1, 29))
    file.write_text(f"day,level\n{rows}\n", encoding="utf-8")
    asked = {"file": str(file), "time": "day"}
    record = client.finished(client.do_one("dataset.import", parameters=asked).job)
    assert record.state is JobState.SUCCEEDED, record.error
    address = "core/dataset/tide-levels"
    assert record.target == address
    assert client.describe(address).resource.cells[0] == 28
    again = client.do_one("dataset.import", parameters=asked)
    assert (again.status, "already" in again.message) == ("refused", True)
    assert client.do_one("dataset.remove", address).error.remedy == "add --yes"
    assert client.do_one("dataset.remove", address, confirmed=True).status == "done"
    with pytest.raises(NotFoundError):
        client.describe(address)
    sample = client.do_one("dataset.remove", "core/dataset/lynx", confirmed=True)
    assert (sample.status, "not imported" in sample.message) == ("refused", True)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"file": "tides.csv", "time": "day"}, "absolute"),
        ({"file": "/no/such/file.csv", "time": "day"}, "/no/such/file.csv"),
        ({"file": __file__, "time": "day", "name": "Not A Name"}, "Not A Name"),
    ],
)
def test_a_wrong_import_is_told_before_anything_is_queued(client: Any, parameters: dict[str, str], said: str) -> None:
    jobs = client.status().jobs
    outcome = client.do_one("dataset.import", parameters=parameters)
    assert (outcome.status, said in outcome.message, bool(outcome.error.remedy)) == ("failed", True, True)
    assert client.status().jobs == jobs


def test_everything_that_is_listed_can_be_described(client: Any) -> None:
    client.finished(sleep(client))
    for kind in ("node", "model", "dataset", "job", "journal", "plugin"):
        rows = client.get(kind).resources
        assert rows, kind
        for row in rows[:5]:
            found = client.describe(row.address)
            assert found.resource.address == row.address
            blocks = [block for block in found.document.blocks if isinstance(block, FactsBlock)]
            assert ("Address", row.address) in [(fact.label, fact.value) for block in blocks for fact in block.facts]
            assert len(found.columns) == len(row.cells), row.address


def test_a_plugin_is_described_with_what_it_offers(client: Any) -> None:
    blocks = client.describe("core/plugin/exemplary").document.blocks
    tables = {block.title: block for block in blocks if isinstance(block, TableBlock)}
    assert "node.ping" in [row[0] for row in tables["Actions"].rows]
    assert "exemplary.many" in [row[0] for row in tables["Backend types"].rows]


def test_a_journal_entry_is_described_with_what_was_asked_for(client: Any) -> None:
    client.do_one("node.ping", N1, parameters={"text": "who asked?"})
    entry = client.journal("action=node.ping")[0]
    facts = [
        (fact.label, fact.value)
        for block in client.describe(f"core/journal/{entry.entry}").document.blocks
        if isinstance(block, FactsBlock)
        for fact in block.facts
    ]
    assert ("text", "who asked?") in facts
