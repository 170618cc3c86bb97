"""The page on clusters is complete: it names every setting, kind, action and parameter that the plugin declares for them."""

from pathlib import Path

import pytest
from msgspec.structs import fields

from quarterdeck.cli.kinds import plural
from quarterdeck_ainode.plugin import quarterdeck_actions, quarterdeck_backend_types, quarterdeck_kinds
from quarterdeck_api.declarations import Action

PAGE = (Path(__file__).parents[2] / "docs" / "iotdb.md").read_text(encoding="utf-8")
CLUSTER = "ainode.iotdb"
ACTIONS = [action for action in quarterdeck_actions() if CLUSTER in action.backend_types]


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def test_every_setting_is_named() -> None:
    [cluster] = [backend for backend in quarterdeck_backend_types() if backend.id == CLUSTER]
    assert cluster.settings is not None
    for setting in fields(cluster.settings):
        assert f"`{setting.name}" in PAGE or option(setting.name) in PAGE, setting.name


def test_every_kind_is_named() -> None:
    for kind in quarterdeck_kinds():
        assert f"`{kind.id}`" in PAGE or plural(kind.id).replace("-", " ") in PAGE.lower(), kind.id


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: each.id)
def test_every_action_is_named_with_its_parameters(action: Action) -> None:
    assert f"`{action.id}" in PAGE or f" {action.id} " in PAGE
    for parameter in fields(action.parameters) if action.parameters else ():
        assert option(parameter.name) in PAGE, parameter.name
