"""The words behind `do ACTION`, read against what actions take."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.cli.request import find_action, help_lines, read_words
from quarterdeck_api.catalogue import ActionInfo, Catalogue, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import UsageError
from quarterdeck_api.fields import only_with
from quarterdeck_api.parameters import fields
from quarterdeck_api.protocol import BackendState, CatalogueResult

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "file"},
        "horizon": {"type": "integer", "minimum": 1, "default": 12},
        "offset": {"type": "integer", "default": 0},
        "replace": {"type": "boolean", "default": False},
        "time_zone": {"type": "string", "default": ""},
        "weights": {"type": "array", "items": {"type": "number"}, "default": []},
    },
    "required": ["file"],
}
KNOWN = fields(SCHEMA)
FOLDER = Path("/data")


def action(action_id: str, title: str = "", **more: Any) -> ActionInfo:
    return ActionInfo(action_id, title, ("model",), SCHEMA, **more)


def catalogue() -> CatalogueResult:
    plugins = tuple(
        PluginStatus(
            name, name, "1", PluginPhase.READY, catalogue=Catalogue(PluginInfo(name, name, "1", "1.0"), actions=actions)
        )
        for name, actions in (
            ("ainode", (action("model.forecast", "ainode's"),)),
            ("learner", (action("model.forecast", "learner's"), action("model.train"))),
        )
    )
    backends = tuple(
        BackendState(name, "t", plugin, name, "ready") for name, plugin in (("plant", "learner"), ("ainode", "ainode"))
    )
    return CatalogueResult(plugins, backends)


def test_addresses_and_parameters_in_any_order() -> None:
    said = read_words(
        ["a/model/x", "--horizon", "24", "b/model/y z", "--time-zone=UTC", "--weights", "1,2.5", "--offset", "-3"],
        KNOWN,
        FOLDER,
    )
    assert said.addresses == ("a/model/x", "b/model/y z")
    assert said.parameters == {"horizon": 24, "time_zone": "UTC", "weights": [1.0, 2.5], "offset": -3}


def test_a_name_that_looks_like_an_option_stands_behind_two_hyphens() -> None:
    assert read_words(["--", "--odd/model/x"], KNOWN, FOLDER).addresses == ("--odd/model/x",)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--replace"], True),
        (["--replace", "a/model/x"], True),
        (["--replace", "no"], False),
        (["--replace=yes"], True),
        (["--no-replace"], False),
    ],
)
def test_booleans_are_flags_that_may_have_a_value(words: list[str], value: bool) -> None:
    assert read_words(words, KNOWN, FOLDER).parameters == {"replace": value}


def test_files_become_absolute() -> None:
    assert read_words(["--file", "x.csv"], KNOWN, FOLDER).parameters == {"file": "/data/x.csv"}
    assert read_words(["--file", "/other/x.csv"], KNOWN, FOLDER).parameters == {"file": "/other/x.csv"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--horizn", "3"], "did you mean horizon?"),
        (["--horizon"], "--horizon has no value"),
        (["--horizon", "many"], "horizon is a whole number"),
        (["--horizon", "3", "--horizon", "4"], "given twice"),
        (["--no-horizon"], "no-horizon"),
        (["-x"], "there is no option -x"),
    ],
)
def test_mistakes_are_named(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_words(words, KNOWN, FOLDER)
    assert said in f"{caught.value.message}; {caught.value.remedy}"


def test_the_address_decides_whose_action_is_meant() -> None:
    known = catalogue()
    assert find_action(known, "model.forecast", ["plant/model/x"]).title == "learner's"
    assert find_action(known, "model.forecast", ["--horizon", "3", "ainode/model/x"]).title == "ainode's"
    assert find_action(known, "model.train", []).id == "model.train"
    with pytest.raises(UsageError) as caught:
        find_action(known, "model.forcast", [])
    assert "did you mean model.forecast?" in caught.value.remedy


def test_help_shows_every_parameter_and_own_setting() -> None:
    own = {"type": "object", "properties": {"seasonal_order": {"type": "string", "default": "0,0"}}}
    text = "\n".join(help_lines(action("model.forecast", "Forecast", own_parameters=True), own))
    assert "--time-zone" in text and "integer from 1 [default 12]" in text and "[required]" in text
    assert "--set seasonal_order=…" in text
    assert "name its address" in "\n".join(help_lines(action("model.forecast", own_parameters=True)))


def test_help_shows_the_settings_that_come_with_what_was_typed() -> None:
    own = {
        "type": "object",
        "properties": {
            "arima.d": {"type": "integer", "default": 0, **only_with("horizon", "1", "2")},
            "stl.sp": {"type": "integer", "default": 1, **only_with("horizon", "2")},
            "seed": {"type": "integer", "default": 0},
        },
    }

    def shown(*words: str) -> str:
        return "\n".join(help_lines(action("model.forecast", own_parameters=True), own, words))

    assert "--set seed" in shown() and "--set arima.d" not in shown()
    assert "2 more come with other values of --horizon" in shown() and "as in --horizon 1" in shown()
    assert "--set arima.d" in shown("x/model/y", "--horizon", "1") and "--set stl.sp" not in shown("--horizon", "1")
    assert "1 more" in shown("--horizon=1")
    assert "--set stl.sp" in shown("--horizon=2, 3") and "more come" not in shown("--horizon=2,3")
