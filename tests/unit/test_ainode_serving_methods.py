"""What each method of an AINode answers over a real connection: values, codes, sentences; with an engine of a few lines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from listening_ainode import MakeNode, forecast, listening_ainodes, told, values
from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving.engine import AinodeStatus
from quarterdeck_ainode.tsblock import encode_doubles


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    with listening_ainodes(tmp_path) as make:
        yield make


def test_every_method_answers(make_node: MakeNode) -> None:
    node = make_node()
    asker = node.asker()
    beat = asker.ask("getAIHeartbeat", messages.HeartbeatRequest(42, True))
    assert isinstance(beat, messages.HeartbeatAnswer)
    assert (beat.timestamp, beat.status, beat.reason) == (42, "Running", None)
    assert beat.load is not None
    assert 0 <= beat.load.memory_usage_rate <= 100
    assert beat.load.free_disk_space > 0
    quiet = asker.ask("getAIHeartbeat", messages.HeartbeatRequest(43, False))
    assert isinstance(quiet, messages.HeartbeatAnswer)
    assert quiet.load is None
    models = asker.ask("showModels", messages.ModelsRequest())
    assert isinstance(models, messages.ModelsAnswer)
    assert models.model_ids == ["broken", "last", "slow"]
    assert models.states == dict.fromkeys(models.model_ids, "active")
    one = asker.ask("showModels", messages.ModelsRequest("last"))
    assert isinstance(one, messages.ModelsAnswer)
    assert one.model_ids == ["last"]
    assert asker.ask("showAIDevices") == messages.DevicesAnswer(messages.Status(200), {"cpu": "cpu"})
    every = asker.ask("showLoadedModels", messages.LoadedModelsRequest([]))
    assert every == messages.LoadedModelsAnswer(messages.Status(200), {"cpu": {"last": 2}})
    assert told(asker.ask("showLoadedModels", messages.LoadedModelsRequest(["9"])))[0] == AinodeStatus.DEVICE_NOT_FOUND
    assert told(asker.ask("loadModel", messages.LoadModelRequest("last", ["cpu"])))[0] == 200
    assert told(asker.ask("unloadModel", messages.UnloadModelRequest("last", ["cpu"])))[0] == 200
    twice = told(asker.ask("loadModel", messages.LoadModelRequest("last", ["cpu", "cpu"])))
    assert twice[0] == AinodeStatus.LOAD_MODEL_FAILED
    assert "twice" in twice[1]
    assert told(asker.ask("registerModel", messages.RegisterModelRequest("mine", "file:///a/b")))[0] == 200
    assert told(asker.ask("deleteModel", messages.DeleteModelRequest("last"))) == (1506, "last is built in")
    assert node.engine.asked == [
        ("load", ("last", ("cpu",))),
        ("unload", ("last", ("cpu",))),
        ("register", ("mine", "file:///a/b")),
    ]
    assert "does not fine-tune" in told(asker.ask("createTuningTask", messages.TuningRequest("tree", "a", "b")))[1]
    assert values(asker.ask("forecast", forecast("last", 4))) == [2.5] * 4
    dataset = encode_doubles(np.array([7.0]))
    assert values(asker.ask("inference", messages.InferenceRequestMessage("last", dataset))) == [7.0] * 96
    attributes = {"outputLength": "2", "sp": "12"}
    assert values(asker.ask("inference", messages.InferenceRequestMessage("last", dataset, attributes))) == [7.0] * 2
    assert node.engine.asked[-1] == ("infer", (2, {"sp": "12"}, [7.0]))
    assert not node.stops.is_set()
    assert told(asker.ask("stopAINode"))[0] == 200
    assert node.stops.is_set()


@pytest.mark.parametrize(
    ("request_", "code", "sentence"),
    [
        (messages.InferenceRequestMessage("last", b"junk"), 1512, "the input cannot be read"),
        (
            messages.InferenceRequestMessage("last", encode_doubles(np.ones(2)), {"outputLength": "many"}),
            1512,
            "'many' is no number",
        ),
        (
            messages.InferenceRequestMessage("last", encode_doubles(np.ones(2)), {"outputLength": "9" * 5000}),
            1512,
            "is no number",
        ),
        (messages.InferenceRequestMessage("broken", encode_doubles(np.ones(2))), 1599, "ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_is_told(
    make_node: MakeNode, request_: messages.InferenceRequestMessage, code: int, sentence: str
) -> None:
    asker = make_node().asker()
    said = told(asker.ask("inference", request_))
    assert said[0] == code
    assert sentence in said[1]
    assert "secret" not in said[1]
    assert values(asker.ask("forecast", forecast("last", 1))) == [2.5], "the connection goes on"


def test_covariates_are_refused(make_node: MakeNode) -> None:
    asked = messages.ForecastRequestMessage("last", encode_doubles(np.ones(2)), 1, history_covariates="SELECT 1")
    assert "covariates" in told(make_node().asker().ask("forecast", asked))[1]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/a/b",
        "http://example/a",
        "file:a/b",
        "file://other/a",
        "file:///a?b",
        "file:///a#b",
        "file:///a\0b",
        "file:///a\nb",
        "file://[/a",
        "repo://a/b",
        "file:///" + "a" * 5000,
    ],
)
def test_a_uri_that_is_no_file_of_this_machine_never_reaches_the_engine(make_node: MakeNode, uri: str) -> None:
    node = make_node()
    code, sentence = told(node.asker().ask("registerModel", messages.RegisterModelRequest("mine", uri)))
    assert code == AinodeStatus.CREATE_MODEL_FAILED
    assert "cannot be used" in sentence
    assert node.engine.asked == []
