"""The form of an action: what is sent, what is wrong, what stands there at first."""

import pytest

from quarterdeck.tui.form_model import FormModel, make_form
from quarterdeck_api.catalogue import ActionInfo, JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.fields import only_with

PARAMETERS: JsonSchema = {
    "type": "object",
    "properties": {
        "horizon": {"type": "integer", "minimum": 1, "maximum": 5000, "default": 12},
        "dataset": {"type": "string", "format": "dataset"},
    },
    "required": ["dataset"],
}
OWN: JsonSchema = {
    "type": "object",
    "properties": {
        "order": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3, "default": [1, 0, 0]},
        "trend": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
}


def form() -> FormModel:
    action = ActionInfo("model.forecast", "Forecast", ("model",), PARAMETERS, own_parameters=True)
    return make_form(action, ["ainode/model/arima"], PARAMETERS, OWN)


def test_required_fields_come_first_with_defaults_filled_in() -> None:
    assert [(each.field.name, each.text, each.own) for each in form().fields] == [
        ("dataset", "", False),
        ("horizon", "12", False),
        ("order", "1,0,0", True),
        ("trend", "none", True),
    ]


def test_only_what_was_changed_is_sent() -> None:
    model = form()
    model.set_text(0, "airline")
    model.set_text(2, "2,1,1")
    request = model.request()
    assert request.parameters == {"dataset": "airline"}
    assert request.settings == {"order": [2, 1, 1]}
    assert request.addresses == ("ainode/model/arima",)


@pytest.mark.parametrize(
    ("index", "text", "said"),
    [(1, "0", "horizon cannot be 0"), (1, "many", "whole number"), (2, "1,2", "takes 3 values"), (0, "", "is needed")],
)
def test_a_wrong_field_says_so_while_typing_and_nothing_is_sent(index: int, text: str, said: str) -> None:
    model = form()
    model.set_text(0, "airline")
    model.set_text(index, text)
    assert said in model.fields[index].error
    with pytest.raises(UsageError, match=said):
        model.request()


def test_a_field_that_means_nothing_beside_the_others_is_neither_checked_nor_sent() -> None:
    parameters = {"type": "object", "properties": {"models": {"type": "array", "items": {"type": "string"}}}}
    own = {
        "type": "object",
        "properties": {
            "arima.d": {"type": "integer", "default": 0, **only_with("models", "arima", "all")},
            "stl.sp": {"type": "integer", "default": 1, **only_with("models", "stl", "all")},
        },
    }
    action = ActionInfo("series.forecast", "Forecast", ("series",), parameters, own_parameters=True)
    model = make_form(action, ["plant/series/s"], parameters, own)
    assert [model.counts(index) for index in range(3)] == [True, False, False]
    model.set_text(0, "naive, stl")
    assert [model.counts(index) for index in range(3)] == [True, False, True]
    model.set_text(1, "no number")
    model.set_text(2, "24")
    assert model.request().settings == {"stl.sp": 24}
    model.set_text(0, "all")
    with pytest.raises(UsageError, match="whole number"):
        model.request()
    model.set_text(1, "2")
    assert model.request().settings == {"arima.d": 2, "stl.sp": 24}


def test_what_is_right_so_far_is_given_to_whoever_completes() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "dataset": {"type": "string"},
            "horizon": {"type": "integer", "default": 12},
            "token": {"type": "string", "format": "secret", "default": ""},
        },
        "required": ["dataset"],
    }
    form = make_form(ActionInfo("a", "A", ("model",), parameters), ("x/model/y",), parameters, None)
    assert form.given() == {}
    names = [each.field.name for each in form.fields]
    for name, text in (("dataset", "air"), ("horizon", "many"), ("token", "t")):
        form.set_text(names.index(name), text)
    assert form.given() == {"dataset": "air"}


def test_a_form_becomes_the_form_of_a_schedule_that_requests_the_same() -> None:
    filled = form()
    filled.set_text(0, "airline")
    filled.set_text(2, "2,1,1")
    assert filled.schedule_texts() == {
        "name": "forecast-arima",
        "action": "model.forecast",
        "target": "ainode/model/arima",
        "targets": "",
        "parameters": '{"dataset": "airline"}',
        "settings": '{"order": [2, 1, 1]}',
    }


def test_a_form_that_is_wrong_becomes_no_schedule() -> None:
    with pytest.raises(UsageError, match="dataset is needed"):
        form().schedule_texts()


def test_texts_are_filled_into_the_fields_of_their_names_and_checked() -> None:
    filled = form()
    filled.fill({"horizon": "0", "order": "3,1,1", "nothing": "x", "dataset": ""})
    assert [each.text for each in filled.fields] == ["", "0", "3,1,1", "none"]
    assert filled.fields[1].error
    assert not filled.fields[2].error


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("plant/series/root.plant.`Dreh zahl`", "forecast-root-plant-dreh-zahl"),
        ("plant/series/Ä", "forecast"),
        ("plant/series/" + "x" * 80, ("forecast-" + "x" * 80)[:63]),
    ],
)
def test_the_schedule_is_called_by_letters_that_such_names_have(address: str, name: str) -> None:
    action = ActionInfo("series.forecast", "Forecast", ("series",), {"type": "object", "properties": {}})
    assert make_form(action, [address], action.parameters, None).schedule_texts()["name"] == name
