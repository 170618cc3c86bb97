"""Which models take part in a forecast, with which settings, and within which limits."""

from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.faults import refusal
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.workbench.asked import asked_forecast, check_limits
from quarterdeck_ainode.iotdb.workbench.entrants import (
    ClusterEntrant,
    ClusterFacts,
    LocalEntrant,
    choose,
    settings_of,
    settings_schema,
)
from quarterdeck_ainode.iotdb.workbench.facts import cluster_facts
from quarterdeck_ainode.iotdb.workbench.inferring import asked_inference
from quarterdeck_ainode.iotdb.workbench.parameters import InferParameters, SeriesForecastParameters
from quarterdeck_ainode.models.catalogue import Task
from quarterdeck_api.errors import (
    QuarterdeckError,
    UnreachableError,
    UsageError,
)
from quarterdeck_api.parameter_values import parse_settings, validate
from quarterdeck_api.parameters import Condition, fields
from scripted_iotdb import FACTS, ScriptedClient


def cluster(*names: str, ours: bool = True, kind: str = "sktime") -> ClusterFacts:
    models = tuple(CatalogueModel(name, kind, "builtin", "active") for name in names)
    return ClusterFacts(models, frozenset(), ours, FACTS)


def test_models_by_name_with_their_settings() -> None:
    found = choose(
        ["arima", "local/arima", "arima"], {"arima.order": [2, 1, 1]}, cluster("arima", "stray"), keep_shift=False
    )
    assert [each.name for each in found] == ["arima", "local/arima"]
    remote, local = found
    assert isinstance(remote, ClusterEntrant)
    assert isinstance(local, LocalEntrant)
    assert remote.options == {"order": "2;1;1"}
    assert not remote.late
    assert getattr(local.parameters, "order", None) == (2, 1, 1)


def test_all_are_those_that_forecast() -> None:
    facts = cluster("arima", "stray", "gaussian_hmm", "sundial")
    assert [each.name for each in choose(["all"], {}, facts, keep_shift=False)] == ["arima", "sundial"]
    local = choose(["local/all"], {}, facts, keep_shift=False)
    assert all(each.name.startswith("local/") for each in local)
    assert "local/stray" not in {each.name for each in local}


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        (["arma"], {}, "no model 'arma'"),
        (["local/arma"], {}, "no model 'arma'"),
        (["stray"], {}, "labels points"),
        (["arima"], {"holtwinters.sp": 2}, "not among the models"),
        (["arima"], {"order": [1, 0, 0]}, "names no model"),
        (["sundial"], {"sundial.options": "revin"}, "not NAME=VALUE"),
    ],
)
def test_wrong_models_and_settings(names: list[str], settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        choose(names, settings, cluster("arima", "stray", "sundial"), keep_shift=False)


def test_a_model_that_is_not_active_is_refused() -> None:
    facts = ClusterFacts((CatalogueModel("sundial", "sundial", "builtin", "activating"),), frozenset(), False, FACTS)
    with pytest.raises(UsageError, match="activating"):
        choose(["sundial"], {}, facts, keep_shift=False)


def test_the_official_ainode_is_late_and_ignores_parameters() -> None:
    facts = cluster("arima", ours=False)
    [late] = choose(["arima"], {}, facts, keep_shift=False)
    [kept] = choose(["arima"], {}, facts, keep_shift=True)
    assert isinstance(late, ClusterEntrant)
    assert isinstance(kept, ClusterEntrant)
    assert late.late
    assert not kept.late
    with pytest.raises(UsageError, match="ignores the parameters"):
        choose(["arima"], {"arima.order": [1, 0, 0]}, facts, keep_shift=False)
    [sundial] = choose(
        ["sundial"],
        {"sundial.options": "revin=true, x=1"},
        cluster("sundial", ours=False, kind="sundial"),
        keep_shift=False,
    )
    assert isinstance(sundial, ClusterEntrant)
    assert (sundial.late, sundial.options) == (False, {"revin": "true", "x": "1"})


def test_who_may_not_see_the_models_names_them() -> None:
    hidden = ClusterFacts(None, None, None, FACTS)
    [found] = choose(["sundial"], {}, hidden, keep_shift=False)
    assert isinstance(found, ClusterEntrant)
    assert not found.late
    with pytest.raises(UsageError, match="may not see"):
        choose(["all"], {}, hidden, keep_shift=False)


def test_settings_are_read_as_the_models_own() -> None:
    schema = settings_schema(["arima", "sundial", "stray"], Task.FORECAST, "models")
    assert parse_settings(schema, ["arima.order=2,1,1"]) == {"arima.order": [2, 1, 1]}
    assert validate(schema, {"sundial.options": "a=b"}) == {"sundial.options": "a=b"}
    assert not [name for name in schema["properties"] if name.startswith(("stray.", "gaussian_hmm."))]
    named = {field.name: field.only_with for field in fields(schema)}
    assert named["arima.order"] == Condition("models", ("arima", "local/arima", "all", "local/all"))
    assert named["sundial.options"] == Condition("models", ("sundial", "local/sundial", "all", "local/all"))
    labelling = settings_schema([], Task.DETECTION, "model")["properties"]
    assert "stray.k" in labelling
    assert "arima.order" not in labelling


def test_an_ainode_that_is_registered_and_silent_may_be_asked_again_and_one_that_is_not_there_may_not() -> None:
    titles = ("NodeID", "NodeType", "Status", "InternalAddress", "InternalPort", "Version", "BuildInfo")
    server = ("0", "ConfigNode", "Running", "127.0.0.1", "10710", "2.0.10", "")
    ours = ("2", "AINode", "Unknown", "127.0.0.1", "10810", "2.0.10", "quarterdeck")
    gone = refusal(1011, "Failed to connect to AINode")

    def facts(*nodes: tuple[str, ...]) -> ClusterFacts:
        listed = Rows(titles, ("TEXT",) * len(titles), nodes)
        return cluster_facts(ScriptedClient({"CLUSTER DETAILS": listed, "SHOW MODELS": gone}).client, ("arima",))

    with pytest.raises(UnreachableError, match=r"node 2 at .* is Unknown and does not answer") as silent:
        facts(server, ours)
    assert "local/" in silent.value.remedy
    with pytest.raises(QuarterdeckError, match="has no AINode") as absent:
        facts(server)
    assert not isinstance(absent.value, UnreachableError)


def test_settings_of_a_model_that_is_not_asked_are_refused() -> None:
    assert settings_of("stray", {"stray.k": 3}) == {"k": 3}
    assert settings_of("stray", {}) == {}
    with pytest.raises(UsageError, match="arima has settings, and the model is stray"):
        settings_of("stray", {"stray.k": 3, "arima.order": [1, 0, 0]})
    with pytest.raises(UsageError, match="is the local engine's"):
        asked_inference(ScriptedClient({}).client, "plant/series/root.p.d.t", InferParameters("local/arima"), {})


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (SeriesForecastParameters(("local/naive_forecaster",), write_model="local/arima"), "nothing says where"),
        (
            SeriesForecastParameters(("local/arima",), write_model="arima", write_to="{series}_x"),
            "not among the models",
        ),
        (SeriesForecastParameters(("local/arima",), start="2024-02-01", end="2024-01-01"), "is after"),
    ],
)
def test_wishes_that_contradict_one_another_are_refused_before_a_row_is_read(
    wanted: SeriesForecastParameters, sentence: str
) -> None:
    client = ScriptedClient({})
    with pytest.raises(UsageError, match=sentence):
        asked_forecast(client.client, "plant/series/root.p.d.t", wanted, {})
    assert client.sent == []


def test_limits_are_said_before_the_server_drops_rows() -> None:
    check_limits(2880, 2880)
    with pytest.raises(UsageError, match="2880 rows"):
        check_limits(2881, 1)
    with pytest.raises(UsageError, match="2880 values"):
        check_limits(10, 2881)
