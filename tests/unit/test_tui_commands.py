"""What can be typed after the colon."""

import pytest

from quarterdeck.tui.commands import (
    Help,
    OpenAddress,
    Quit,
    RetryBackend,
    ShowPane,
    UseTheme,
    World,
    common_start,
    complete_command,
    parse_command,
)
from quarterdeck_api.errors import UsageError

WORLD = World(
    ("deck", "models", "jobs", "journal"),
    ("ainode", "plant"),
    ("dark", "light"),
    ("ainode/model/arima", "ainode/model/naive", "core/job/1"),
    {"models": ("state", "mae")},
)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("models", ShowPane("models", "")),
        ("model", ShowPane("models", "")),
        ("mo @plant", ShowPane("models", "backend=plant")),
        ("models @ainode /arima", ShowPane("models", "backend=ainode arima")),
        ("models @plant /ar[i]ma/", ShowPane("models", "backend=plant /ar[i]ma/")),
        ("models mae<2 !failed", ShowPane("models", "mae<2 !failed")),
        ("ainode/model/arima", OpenAddress("ainode/model/arima")),
        ("theme light", UseTheme("light")),
        ("retry plant", RetryBackend("plant")),
        ("q", Quit()),
        ("help", Help()),
    ],
)
def test_commands(text: str, command: object) -> None:
    assert parse_command(text, WORLD) == command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modles", "did you mean models"),
        ("models @nowhere", "ainode, plant"),
        ("theme neon", "dark, light"),
        ("retry", "ainode, plant"),
        ("", "models"),
        ("jo", "did you mean jobs"),
    ],
)
def test_wrong_commands_say_what_is_right(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_command(text, WORLD)
    assert message in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("mo", ["models"]),
        ("models @a", ["models @ainode"]),
        ("models @ainode /na", ["models @ainode /naive"]),
        ("models m", ["models mae="]),
        ("jobs /", ["jobs /1"]),
        ("theme l", ["theme light"]),
        ("ainode/model/n", ["ainode/model/naive"]),
        ("models x", []),
        ("zzz", []),
    ],
)
def test_completion_offers_what_exists(text: str, lines: list[str]) -> None:
    assert complete_command(text, WORLD) == lines


def test_common_start() -> None:
    assert common_start(["theme dark", "theme light"]) == "theme "
    assert common_start(["a", "ab"]) == "a"
    assert common_start([]) == ""
