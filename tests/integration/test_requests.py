"""Requests to the real runtime: what is done, previewed, refused and wrong, and what the journal keeps of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.protocol import (
    COMPLETE,
    DO,
    PARAMETERS,
    CompleteParams,
    DoParams,
    ParametersParams,
)

N1 = "exemplary/node/n1"
ARIMA = "ainode/model/arima"

CONFIG = """
[backends.frozen]
type = "exemplary"
read_only = true

[backends.plant]
type = "exemplary"

[backends.vault]
type = "exemplary"
nodes = 5

[[guardrails]]
actions = ["node.restore"]
backends = "plant"
require = "deny"

[[guardrails]]
actions = ["node.ping"]
backends = "vault"
require = "type-name"

[[guardrails]]
actions = ["node.empty"]
backends = "pl*"
max_bulk = 2
"""


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance(CONFIG)


@pytest.fixture
def client(instance: Any) -> Any:
    return instance.client()


def test_a_short_action_is_done_once_and_journalled(client: Any) -> None:
    before = client.get("node", "exemplary").resources[0].cells[0]
    outcome = client.do_one("node.ping", N1, parameters={"text": "ahoy"})
    assert (outcome.status, outcome.message, outcome.statement) == ("done", "ahoy", "PING n1 ahoy")
    entry = next(each for each in client.journal("action=node.ping") if each.address == N1)
    assert (entry.decision, entry.outcome, entry.detail) == ("allowed", "done", "ahoy")
    assert entry.parameters == {"text": "ahoy"}
    assert "(test)" in entry.actor
    after = client.describe(N1).document.blocks[-1].facts[0].value
    assert after == before + 1


def test_the_answer_says_the_command_that_does_the_same(client: Any) -> None:
    request = DoParams("node.ping", (N1,), {"text": "a b"}, dry_run=True, priority=3)
    result = client.call(DO, request, 30.0)
    assert result.command == f"quarterdeck do node.ping {N1} --text 'a b' --priority 3"
    guarded = client.call(DO, DoParams("node.ping", ("vault/node/n2",), dry_run=True), 30.0)
    assert guarded.command.endswith("--confirm n2")


def test_a_preview_of_the_backend_changes_nothing_and_is_not_journalled(client: Any) -> None:
    entries, pings = len(client.journal()), client.describe(N1).document.blocks[-1]
    outcome = client.do_one("node.ping", N1, parameters={"text": "ahoy"}, dry_run=True)
    assert (outcome.status, outcome.statement) == ("preview", "PING n1 ahoy")
    assert client.describe(N1).document.blocks[-1] == pings
    assert len(client.journal()) == entries


def test_a_preview_of_a_job_queues_nothing(client: Any) -> None:
    jobs = client.status().jobs
    outcome = client.do_one("model.forecast", ARIMA, parameters={"dataset": "airline"}, dry_run=True)
    assert outcome.status == "preview"
    assert "ainode.forecast" in outcome.message
    assert client.status().jobs == jobs
    assert next(each for each in client.get("dataset").resources if each.name == "airline").state == "sample"


def test_a_preview_says_what_the_request_itself_would_meet(client: Any) -> None:
    refused = client.do_one("node.ping", "frozen/node/n1", dry_run=True)
    assert (refused.status, refused.error.code) == ("refused", "refused")
    no_data = client.do_one("model.forecast", ARIMA, parameters={"dataset": "airlime"}, dry_run=True)
    assert (no_data.status, no_data.error.code) == ("failed", "not-found")
    assert "airline" in no_data.error.remedy
    no_file = client.do_one("dataset.import", parameters={"file": "/no/such.csv", "time": "t"}, dry_run=True)
    assert no_file.status == "failed"
    assert "/no/such.csv" in no_file.message
    unconfirmed = client.do_one("node.remove", N1, dry_run=True)
    assert unconfirmed.status == "preview"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"dataset": "airline", "horizon": 0}, "horizon"),
        ({"dataset": "airline", "horizon": "soon"}, "horizon"),
        ({"dataset": "airline", "level": 1.0}, "level"),
        ({"dataset": "airline", "horizn": 3}, "horizn"),
        ({}, "dataset"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_recorded(client: Any, parameters: dict[str, Any], said: str) -> None:
    entries = len(client.journal())
    with pytest.raises(UsageError, match=said) as caught:
        client.do("model.forecast", ARIMA, parameters=parameters)
    assert caught.value.remedy
    assert len(client.journal()) == entries


@pytest.mark.parametrize(
    ("action", "addresses", "said", "remedy"),
    [
        ("node.pong", (N1,), "node.pong", "node.ping"),
        ("node.ping", ("exemplar/node/n1",), "exemplar", "exemplary"),
        ("node.ping", (ARIMA,), "node.ping", "model.forecast"),
        ("model.forecast", ("ainode/node/local",), "is for a model", "quarterdeck get model"),
        ("node.ping", (), "needs the address", "after the action"),
        ("node.ping", ("n1",), "not an address", "BACKEND/KIND/NAME"),
        ("node.ping", (N1, "exemplary"), "not an address", "BACKEND/KIND/NAME"),
    ],
)
def test_a_wrong_name_gets_the_nearest(
    client: Any, action: str, addresses: tuple[str, ...], said: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        client.do(action, *addresses)
    assert remedy in caught.value.remedy


def test_an_unknown_resource_gets_the_nearest_name(client: Any) -> None:
    outcome = client.do_one("model.forecast", "ainode/model/arimo", parameters={"dataset": "airline"})
    assert (outcome.status, outcome.error.code) == ("failed", "not-found")
    assert "arima" in outcome.error.remedy
    with pytest.raises(NotFoundError) as caught:
        client.describe("ainode/model/arimo")
    assert "arima" in caught.value.remedy
    with pytest.raises(NotFoundError, match="no 'modell'") as wrong_kind:
        client.describe("ainode/modell/arima")
    assert "model" in wrong_kind.value.remedy


def test_each_model_has_parameters_of_its_own(client: Any) -> None:
    arima = client.call(PARAMETERS, ParametersParams("model.forecast", ARIMA), 30.0)
    assert "dataset" in arima.parameters["properties"]
    assert "order" in arima.settings["properties"]
    naive = client.call(PARAMETERS, ParametersParams("model.forecast", "ainode/model/naive_forecaster"), 30.0)
    assert "order" not in naive.settings["properties"]
    assert client.call(PARAMETERS, ParametersParams("node.ping", N1), 30.0).settings is None


@pytest.mark.parametrize(
    ("settings", "said", "remedy"),
    [
        ({"order": [2, 1]}, "order takes 3 values", "1,1,1"),
        ({"ordr": [2, 1, 1]}, "ordr", "order"),
        ({"order": "many"}, "order", "integer,integer,integer"),
    ],
)
def test_a_wrong_own_parameter_is_named(client: Any, settings: dict[str, Any], said: str, remedy: str) -> None:
    outcome = client.do_one("model.forecast", ARIMA, parameters={"dataset": "airline"}, settings=settings)
    assert (outcome.status, outcome.error.code) == ("failed", "usage")
    assert said in outcome.message
    assert remedy in outcome.error.remedy


def test_settings_where_there_are_none_are_an_error(client: Any) -> None:
    outcome = client.do_one("node.ping", N1, settings={"order": [1, 1, 1]})
    assert outcome.status == "failed"
    assert "takes no --set" in outcome.message


def test_a_read_only_backend_refuses_what_changes_something(client: Any) -> None:
    outcome = client.do_one("node.ping", "frozen/node/n1")
    assert outcome.status == "refused"
    assert "backend frozen is read-only" in outcome.message
    entry = client.journal("decision=refused")[0]
    assert (entry.action, entry.address, entry.outcome) == ("node.ping", "frozen/node/n1", "refused")
    assert "read-only" in entry.detail
    assert client.describe("frozen/node/n1").document.blocks


def test_guardrails_deny_want_the_name_and_bound_the_number(client: Any) -> None:
    denied = client.do_one("node.restore", "plant/node/n1", confirmed=True)
    assert (denied.status, "guardrail" in denied.message) == ("refused", True)
    assert client.do_one("node.restore", "exemplary/node/n1", confirmed=True).status == "done"

    unnamed = client.do_one("node.ping", "vault/node/n2", confirmed=True)
    assert (unnamed.status, unnamed.error.remedy) == ("refused", "add --confirm n2")
    assert client.do_one("node.ping", "vault/node/n2", typed_name="n2").status == "done"

    three = [f"plant/node/n{number}" for number in (1, 2, 3)]
    assert [each.status for each in client.do("node.empty", *three)] == ["refused"] * 3
    assert [each.status for each in client.do("node.empty", *three[:2])] == ["accepted"] * 2


def test_danger_wants_confirmation_or_the_name(client: Any, until: Callable[..., None]) -> None:
    assert client.do_one("node.restore", "vault/node/n1").error.remedy == "add --yes"
    wrong = client.do_one("node.remove", "vault/node/n5", typed_name="n4", confirmed=True)
    assert (wrong.status, wrong.error.remedy) == ("refused", "add --confirm n5")
    assert "vault/node/n5" in [each.address for each in client.get("node", "vault").resources]
    assert client.do_one("node.remove", "vault/node/n5", typed_name="n5").status == "done"
    until(lambda: "vault/node/n5" not in [each.address for each in client.get("node", "vault").resources])
    gone = client.do_one("node.ping", "vault/node/n5", typed_name="n5")
    assert (gone.status, gone.error.code) == ("failed", "not-found")


def test_bulk_gives_one_outcome_for_each_address(client: Any) -> None:
    mixed = client.do("node.ping", N1, "frozen/node/n1", "exemplary/node/n9", "plant/node/n2")
    assert [each.status for each in mixed] == ["done", "refused", "failed", "done"]
    assert [each.address for each in mixed] == [N1, "frozen/node/n1", "exemplary/node/n9", "plant/node/n2"]
    single = client.do("node.restore", N1, "exemplary/node/n2", confirmed=True)
    assert [each.status for each in single] == ["refused", "refused"]
    assert "one resource at a time" in single[0].message


def test_what_a_resource_cannot_do_is_refused_with_its_reason(client: Any) -> None:
    stray = next(each for each in client.get("model").resources if each.name == "stray")
    outcome = client.do_one("model.forecast", stray.address, parameters={"dataset": "airline"})
    assert outcome.status == "refused"
    assert stray.actions_off["model.forecast"] in outcome.message


def test_a_failed_action_is_journalled_as_failed(client: Any) -> None:
    outcome = client.do_one("job.cancel", "core/job/999999")
    assert (outcome.status, outcome.error.code) == ("failed", "not-found")
    outcome = client.do_one("model.forecast", ARIMA, parameters={"dataset": "core/dataset/nowhere"})
    assert outcome.error.code == "not-found"
    entry = client.journal("outcome=failed")[0]
    assert (entry.action, entry.decision) == ("model.forecast", "allowed")
    assert "nowhere" in entry.detail


def test_values_are_completed_by_whoever_knows_them(client: Any) -> None:
    def choices(action: str, address: str, field: str, prefix: str) -> list[str]:
        asked = CompleteParams(action, address, field, prefix)
        return [choice.value for choice in client.call(COMPLETE, asked, 30.0).choices]

    assert choices("model.forecast", ARIMA, "dataset", "air") == ["airline"]
    assert choices("model.forecast", ARIMA, "dataset", "core/dataset/air") == ["airline"]
    assert choices("model.forecast", ARIMA, "dataset", "zzz") == []
    assert choices("node.ping", N1, "text", "pi") == ["ping"]
    assert choices("job.cancel", "core/job/1", "anything", "") == []
    assert choices("model.forecast", ARIMA, "with_intercept", "t") == ["true"]


def test_a_filter_of_the_journal_that_is_wrong_is_an_error(client: Any) -> None:
    with pytest.raises(UsageError) as caught:
        client.journal("actio=node.ping")
    assert caught.value.remedy


def test_nothing_but_reading_passes_when_the_instance_is_read_only(make_instance: Callable[..., Any]) -> None:
    client = make_instance("[runtime]\nread_only = true\n").client()
    assert client.status().read_only
    refused = [
        client.do_one("node.ping", N1),
        client.do_one("node.remove", N1, typed_name="n1"),
        client.do_one("model.forecast", ARIMA, parameters={"dataset": "airline"}),
        client.do_one("dataset.import", parameters={"file": str(Path(__file__)), "time": "t"}),
    ]
    assert [each.status for each in refused] == ["refused"] * 4
    assert all("read-only" in each.message for each in refused)
    assert [each.decision for each in client.journal()] == ["refused"] * 4
    assert client.describe(N1).document.blocks
    assert not client.status().jobs.get("queued")
