"""A request as a command line: quoted for a shell, with what danger asks for."""

import shlex

import pytest

from quarterdeck.runtime.command_text import command_text, value_text
from quarterdeck_api.catalogue import Danger
from quarterdeck_api.protocol import DoParams


def test_every_part_of_a_request_is_there_and_quoted() -> None:
    request = DoParams(
        "model.forecast",
        ("plant/model/it's mine",),
        {"dataset": "air line", "time_zone": "UTC", "level": 0.9},
        {"order": [2, 1, 1], "trend": None, "robust": True},
        priority=-2,
        key="nightly run",
    )
    text = command_text(request, Danger.NONE, ["it's mine"])
    assert shlex.split(text) == [
        *("quarterdeck", "do", "model.forecast", "plant/model/it's mine"),
        *("--dataset", "air line", "--time-zone", "UTC", "--level", "0.9"),
        *("--set", "order=2,1,1", "--set", "trend=none", "--set", "robust=true"),
        *("--priority", "-2", "--key", "nightly run"),
    ]


@pytest.mark.parametrize(
    ("danger", "ends"),
    [(Danger.NONE, "a/node/n 1'"), (Danger.CONFIRM, "--yes"), (Danger.TYPE_NAME, "--confirm 'n 1'")],
)
def test_danger_adds_what_it_asks_for(danger: Danger, ends: str) -> None:
    assert command_text(DoParams("node.drop", ("a/node/n 1",)), danger, ["n 1"]).endswith(ends)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (False, "false"),
        (1.5, "1.5"),
        ("a", "a"),
        ([], ""),
        ((1, None), "1,none"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_values_are_written_as_they_are_typed(value: object, text: str) -> None:
    assert value_text(value) == text
