"""Options of statements as text: read against each model's parameters, refused with a sentence, never with another exception."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, model_named, parameters_schema, read_parameters
from quarterdeck_ainode.models.forecaster_parameters import ArimaParameters, HoltWintersParameters, NaiveParameters
from quarterdeck_ainode.models.statsforecast_parameters import AutoArimaParameters, MstlParameters
from quarterdeck_ainode.serving.inference_task import Horizon, sentence_of
from quarterdeck_ainode.serving.model_options import End, InputWindow, read_options
from quarterdeck_api.errors import QuarterdeckError, UsageError
from quarterdeck_api.parameter_values import format_value
from quarterdeck_api.parameters import fields


def refusal(model: str, options: dict[str, str]) -> str:
    with pytest.raises(UsageError) as caught:
        read_options(model_named(model), {}, options)
    return sentence_of(caught.value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_without_options_a_model_has_the_local_engines_defaults(model: ModelInfo) -> None:
    found = read_options(model, {}, {})
    assert found.parameters == read_parameters(model, {})
    assert found.horizon is Horizon.NEXT and found.window is None


def test_texts_become_numbers_lists_and_choices() -> None:
    found = read_options(model_named("arima"), {}, {"order": "2;1;1", "seasonal-order": "0,1,1,12", "method": "nm"})
    assert isinstance(found.parameters, ArimaParameters)
    assert found.parameters.order == (2, 1, 1) and found.parameters.seasonal_order == (0, 1, 1, 12)
    assert found.parameters.method == "nm"
    seasons = read_options(model_named("mstl"), {}, {"season_length": "24;168"}).parameters
    assert isinstance(seasons, MstlParameters) and seasons.season_length == (24, 168)
    smoothing = read_options(model_named("holtwinters"), {}, {"damped_trend": "True", "sp": " 24 "}).parameters
    assert isinstance(smoothing, HoltWintersParameters) and smoothing.damped_trend and smoothing.sp == 24


@pytest.mark.parametrize(
    "text", ["2;1;1", "2,1,1", "2 1 1", " 2  1 1 ", "2; 1; 1", "2 ,1 , 1", "[2, 1, 1]", "[2; 1; 1]"]
)
def test_a_list_is_written_as_the_way_to_the_node_allows(text: str) -> None:
    """IoTDB splits options at commas, and its command line every statement at semicolons, quoted or not."""
    found = read_options(model_named("arima"), {}, {"order": text}).parameters
    assert isinstance(found, ArimaParameters) and found.order == (2, 1, 1)


def test_small_and_capital_letters_are_different_parameters() -> None:
    found = read_options(model_named("auto_arima"), {}, {"max_p": "3", "max_P": "1"}).parameters
    assert isinstance(found, AutoArimaParameters) and (found.max_p, found.max_P) == (3, 1)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("500", InputWindow(End.TAIL, 500)),
        ("tail(500)", InputWindow(End.TAIL, 500)),
        (" HEAD( 3 ) ", InputWindow(End.HEAD, 3)),
    ],
)
def test_a_window_is_the_last_or_the_first_rows(text: str, window: InputWindow) -> None:
    assert read_options(model_named("arima"), {}, {"window": text}).window == window


def test_a_window_keeps_its_end() -> None:
    rows = list(range(10))
    assert rows[InputWindow(End.TAIL, 3).of(10)] == [7, 8, 9]
    assert rows[InputWindow(End.HEAD, 3).of(10)] == [0, 1, 2]
    assert rows[InputWindow(End.TAIL, 10).of(10)] == rows
    with pytest.raises(UsageError, match="the window has 11 rows, and only 10 came"):
        InputWindow(End.TAIL, 11).of(10)


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ("naive_forecaster", {"stategy": "mean"}, "no option 'stategy'; did you mean strategy?"),
        (
            "naive_forecaster",
            {"strategy": "media"},
            "strategy cannot be 'media'; did you mean mean?",
        ),
        ("naive_forecaster", {"sp": "often"}, "sp is a whole number, not 'often'"),
        ("naive_forecaster", {"sp": "0"}, "sp cannot be 0"),
        ("naive_forecaster", {"sp": "24;strategy=mean"}, "separate options with commas"),
        ("naive_forecaster", {"window_length": "5", "window-length": "6"}, "window_length is set twice"),
        ("naive_forecaster", {"strategy": "drift", "window_length": "1"}, "needs a window_length of at least 2"),
        ("naive_forecaster", {"horizon": "now"}, "horizon cannot be 'now'; it is next"),
        ("naive_forecaster", {"horzon": "ainode"}, "did you mean horizon?"),
        ("naive_forecaster", {"horizon": "ainode", "sp": "24"}, "ignores parameters such as sp; leave out sp"),
        ("naive_forecaster", {"window": "count(3,1)"}, "window cannot be 'count(3,1)'"),
        ("naive_forecaster", {"window": "0"}, "window cannot be '0'"),
        (
            "arima",
            {"order": "2;1"},
            "order takes 3 values, not 2; write it as 1,1,1, with ; or spaces in the place of commas",
        ),
        ("arima", {"order": "[" * 5000}, "order is"),
        ("holtwinters", {"smoothing_level": "nan"}, "smoothing_level cannot be nan"),
        ("exponential_smoothing", {"initial_level": "inf"}, "write a finite number"),
        ("stray", {"alpha": "2"}, "alpha cannot be 2"),
        ("gaussian_hmm", {"n_components": "9" * 400}, "n_components cannot be a number of 400 digits"),
        ("gaussian_hmm", {"n_components": "9" * 5000}, "n_components is a whole number"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(model: str, options: dict[str, str], sentence: str) -> None:
    assert sentence in refusal(model, options)


def test_too_many_and_too_long_options_are_refused() -> None:
    assert "65 options are more than any model has" in refusal("arima", {f"o{n}": "1" for n in range(65)})
    assert "is longer than 10000 characters" in refusal("arima", {"trend": "1" * 10_001})
    assert len(refusal("arima", {"trend": "x" * 9_999})) < 2_000


def test_a_users_settings_are_overruled_by_the_statement() -> None:
    own = {"strategy": "mean", "sp": 7}
    found = read_options(model_named("naive_forecaster"), own, {"sp": "3"}).parameters
    assert found == NaiveParameters("mean", None, 3)
    assert own == {"strategy": "mean", "sp": 7}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_parameters_default_can_be_written(model: ModelInfo) -> None:
    for field in fields(parameters_schema(model)):
        text = format_value(field, field.default)
        assert read_options(model, {}, {field.name: text}) == read_options(model, {}, {}), field.name


KEYS = sorted({field.name for model in MODELS for field in fields(parameters_schema(model))} | {"horizon", "window"})
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=string.digits + "-+.,;[]()eE ", max_size=20),
    st.sampled_from(("none", "true", "null", "add", "ct", "1e400", "-0", "[[1]]", "{}", "ainode", "tail(3)")),
    st.integers().map(str),
    st.floats().map(str),
)


@given(
    st.sampled_from(MODELS), st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=12)), TEXTS, max_size=4)
)
def test_any_options_give_parameters_or_a_sentence(model: ModelInfo, options: dict[str, str]) -> None:
    try:
        found = read_options(model, {}, options)
    except UsageError as error:
        assert error.message and error.remedy
        assert len(sentence_of(error)) < 3_000
    else:
        assert isinstance(found.parameters, model.parameters)


def test_a_sentence_has_message_and_remedy() -> None:
    assert sentence_of(QuarterdeckError("it is wrong", "change it")) == "it is wrong; change it"
    assert sentence_of(QuarterdeckError("it is wrong")) == "it is wrong"
