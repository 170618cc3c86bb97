"""Parameters: schema to fields, text to values, checks with remedies."""

from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from quarterdeck_api.errors import UsageError
from quarterdeck_api.fields import only_with
from quarterdeck_api.parameter_values import describe_type, format_value, parse_settings, parse_text, validate
from quarterdeck_api.parameters import Condition, FieldType, field_named, fields


class Trend(Enum):
    CONSTANT = "c"
    LINEAR = "t"


class Example(Struct):
    dataset: Annotated[
        str, Meta(title="Series", description="What is forecast.", extra_json_schema={"format": "dataset"})
    ]
    horizon: Annotated[int, Meta(ge=1, le=1000)] = 12
    order: tuple[int, int, int] = (1, 0, 0)
    weights: tuple[float, ...] = ()
    trend: Trend = Trend.CONSTANT
    method: Literal["ols", "mle"] = "ols"
    seasonal_period: Annotated[int, Meta(ge=1)] | None = None
    lag: int | Literal["auto"] = "auto"
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    damped: bool = False
    extra: dict[str, Any] = {}


SCHEMA = msgspec.json.schema(Example)
BY_NAME = {field.name: field for field in fields(SCHEMA)}


def test_fields_keep_order_titles_formats_and_what_is_required() -> None:
    assert list(BY_NAME) == list(Example.__struct_fields__)
    dataset = BY_NAME["dataset"]
    assert (dataset.title, dataset.help, dataset.format, dataset.required) == (
        "Series",
        "What is forecast.",
        "dataset",
        True,
    )
    assert (BY_NAME["horizon"].minimum, BY_NAME["horizon"].maximum, BY_NAME["horizon"].default) == (1, 1000, 12)
    assert BY_NAME["trend"].choices == ("c", "t")
    assert BY_NAME["seasonal_period"].nullable and BY_NAME["seasonal_period"].type is FieldType.INTEGER
    assert BY_NAME["seasonal_period"].option == "--seasonal-period"
    assert BY_NAME["order"].fixed and len(BY_NAME["order"].items) == 3
    assert not BY_NAME["weights"].fixed and BY_NAME["weights"].items[0].type is FieldType.NUMBER


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("dataset", "airline", "airline"),
        ("horizon", "24", 24),
        ("order", "2,1,1", [2, 1, 1]),
        ("order", "(2, 1, 1)", [2, 1, 1]),
        ("order", "[2, 1, 1]", [2, 1, 1]),
        ("weights", "", []),
        ("weights", "0.5,2", [0.5, 2.0]),
        ("weights", "3,", [3.0]),
        ("trend", "t", "t"),
        ("seasonal_period", "none", None),
        ("seasonal_period", "12", 12),
        ("lag", "auto", "auto"),
        ("lag", "3", 3),
        ("share", "0.25", 0.25),
        ("damped", "Yes", True),
        ("damped", "off", False),
        ("extra", '{"a": 1}', {"a": 1}),
    ],
)
def test_text_becomes_a_value_and_back(name: str, text: str, value: object) -> None:
    field = BY_NAME[name]
    parsed = parse_text(field, text)
    assert parsed == value and type(parsed) is type(value)
    assert parse_text(field, format_value(field, parsed)) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("horizon", "twelve", "horizon is a whole number, not 'twelve'"),
        ("horizon", "0", "horizon cannot be 0"),
        ("horizon", "1001", "from 1 to 1000"),
        ("horizon", "9" * 400, "horizon cannot be a number of 400 digits"),
        ("order", "2,1", "order takes 3 values, not 2"),
        ("order", "2,x,1", "order is a whole number, not 'x'"),
        ("weights", "1,many", "weights is a number"),
        ("method", "old", "ols"),
        ("share", "1", "above 0 below 1"),
        ("share", "nan", "share cannot be nan"),
        ("damped", "perhaps", "true or false"),
        ("extra", "[1]", "a JSON object"),
        ("lag", "always", "lag"),
    ],
)
def test_bad_text_is_refused_with_field_and_remedy(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_text(BY_NAME[name], text)
    assert name in caught.value.message
    assert said in f"{caught.value.message}; {caught.value.remedy}"
    assert caught.value.remedy


def test_settings_are_read_by_key_and_unknown_keys_name_the_nearest() -> None:
    assert parse_settings(SCHEMA, ["order=2,1,1", "seasonal-period=12"]) == {"order": [2, 1, 1], "seasonal_period": 12}
    with pytest.raises(UsageError, match="no parameter 'horizn'") as caught:
        parse_settings(SCHEMA, ["horizn=3"])
    assert "horizon" in caught.value.remedy
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_settings(SCHEMA, ["order"])
    with pytest.raises(UsageError, match="twice"):
        parse_settings(SCHEMA, ["horizon=1", "horizon=2"])


def test_validate_checks_values_as_they_come_off_the_wire() -> None:
    assert validate(SCHEMA, {"dataset": "a", "horizon": 12.0, "order": (1, 0, 0), "seasonal_period": None}) == {
        "dataset": "a",
        "horizon": 12,
        "order": [1, 0, 0],
        "seasonal_period": None,
    }
    for wrong in (
        {"horizon": True},
        {"horizon": "12"},
        {"horizon": None},
        {"order": [1, 0]},
        {"order": [1, 0, "x"]},
        {"trend": "x"},
        {"share": 0},
        {"damped": 1},
        {"dataset": 3},
    ):
        with pytest.raises(UsageError):
            validate(SCHEMA, {"dataset": "a", **wrong})


def test_validate_names_what_is_missing_or_unknown() -> None:
    with pytest.raises(UsageError, match="missing: dataset") as caught:
        validate(SCHEMA, {})
    assert "--dataset" in caught.value.remedy
    with pytest.raises(UsageError, match="datset") as unknown:
        validate(SCHEMA, {"datset": "a"})
    assert "did you mean dataset?" in unknown.value.remedy


def test_field_named_takes_hyphens_and_describe_type_says_the_range() -> None:
    assert field_named(tuple(BY_NAME.values()), "seasonal-period").name == "seasonal_period"
    assert describe_type(BY_NAME["horizon"]) == "integer from 1 to 1000"
    assert describe_type(BY_NAME["order"]) == "integer,integer,integer"
    assert describe_type(BY_NAME["trend"]) == "c | t"
    assert describe_type(BY_NAME["seasonal_period"]) == "integer from 1 | none"


def test_a_field_says_beside_which_words_it_means_something() -> None:
    class Rollout(Struct):
        strategy: str = "all"
        share: Annotated[int, Meta(extra_json_schema=only_with("strategy", "canary", "shadow"))] = 5

    found = {field.name: field.only_with for field in fields(msgspec.json.schema(Rollout))}
    assert found == {"strategy": None, "share": Condition("strategy", ("canary", "shadow"))}
    with pytest.raises(UsageError, match="onlyWith of a is malformed"):
        fields({"type": "object", "properties": {"a": {"type": "string", "onlyWith": {"words": ["b"]}}}})


def test_a_broken_schema_is_the_plugins_fault() -> None:
    with pytest.raises(UsageError, match="cannot be followed"):
        fields({"type": "object", "properties": {"a": {"$ref": "other.json"}}})
    with pytest.raises(UsageError, match="no type"):
        fields({"type": "object", "properties": {"a": {}}})


def test_a_type_list_and_an_array_of_unsaid_elements() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "array"}}}
    assert parse_settings(schema, ["a=none", "b=x,y"]) == {"a": None, "b": ["x", "y"]}
