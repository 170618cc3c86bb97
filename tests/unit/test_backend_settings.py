"""Settings of a new backend on the command line: typed by the schema, secrets as references only, errors without secrets."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from quarterdeck.cli.backend_settings import read_backend_settings, setting_lines
from quarterdeck_api.catalogue import BackendTypeInfo
from quarterdeck_api.declare_schema import plain_schema
from quarterdeck_api.errors import RefusedError, UsageError


class PlantSettings(Struct):
    """Where the plant is."""

    nodes: Annotated[list[str], Meta(description="Where it listens.")]
    fetch_size: Annotated[int, Meta(ge=1)] = 5000
    phrase: Annotated[str, Meta(extra_json_schema={"format": "secret"})] = ""
    api_key: int = 0
    certificate: Annotated[str, Meta(extra_json_schema={"format": "file"})] = ""
    headers: dict[str, str] = {}


PLANT = BackendTypeInfo("plant.tcp", "Plant", plain_schema(PlantSettings), "plant:open")


def read(*words: str) -> dict[str, Any]:
    return read_backend_settings("yard", PLANT, words, Path("/data"))


def test_values_have_the_types_of_the_schema() -> None:
    found = read("--nodes", "a:1,b:2", "--fetch-size=9", "--certificate", "c.pem", "--headers", '{"accept": "x"}')
    assert found == {
        "nodes": ["a:1", "b:2"],
        "fetch_size": 9,
        "certificate": "/data/c.pem",
        "headers": {"accept": "x"},
    }


def test_every_setting_may_be_a_reference() -> None:
    found = read("--nodes", "a", "--phrase", "env:P", "--api_key", "file:/run/key", "--fetch-size", "env:SIZE")
    assert (found["phrase"], found["api_key"], found["fetch_size"]) == ("env:P", "file:/run/key", "env:SIZE")


@pytest.mark.parametrize(
    "words",
    [
        ("--phrase", "cucumber"),
        ("--phrase=cucumber",),
        ("--api_key", "cucumber"),
        ("--headers", '{"token": "cucumber"}'),
        ("--phrase", "env:not a name cucumber"),
    ],
)
def test_a_secret_in_plain_text_is_refused_without_being_shown(words: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError, match="references to secrets only") as caught:
        read("--nodes", "a", *words)
    assert "cucumber" not in caught.value.message + caught.value.remedy
    assert "env:YARD_" in caught.value.remedy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs nodes"),
        (("--nodes", "a", "--fetch-size", "many"), "fetch_size"),
        (("--nodes", "a", "--fetch-size", "0"), "fetch_size"),
        (("--nodes", "a", "--nods", "b"), "nods"),
        (("--nodes", "a", "stray"), "stray"),
    ],
)
def test_what_is_wrong_is_named(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(*words)


def test_help_shows_every_setting() -> None:
    text = "\n".join(setting_lines(PLANT))
    assert all(option in text for option in ("--nodes", "--fetch-size", "--phrase", "required", "Where it listens."))
