"""Plans of operations for users who may not see everything: what is unknown is said, and does not stand in the way."""

from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.operations import plans
from quarterdeck_ainode.iotdb.operations.parameters import CreateModel, LoadModel
from quarterdeck_api.errors import RefusedError

FORBIDDEN = IotdbError("803 not permitted: No permissions for this operation", status=803)


def rows(columns: tuple[str, ...], *values: tuple[Any, ...]) -> Rows:
    return Rows(columns, ("TEXT",) * len(columns), values)


class Server:
    """Answers some statements and forbids the others."""

    def __init__(self, **answers: Rows) -> None:
        self.answers = {name.replace("_", " "): answer for name, answer in answers.items()}

    def rows(self, statement: str, *, dialect: Dialect = Dialect.TREE, **more: Any) -> Rows:
        if statement.replace("_", " ") not in self.answers:
            raise FORBIDDEN
        return self.answers[statement.replace("_", " ")]


@pytest.fixture
def server() -> Any:
    return Server(
        SHOW_MODELS=rows(("ModelId", "ModelType", "Category", "State"), ("arima", "sktime", "builtin", "active")),
        SHOW_LOADED_MODELS=rows(("DeviceId", "ModelId", "Count(instances)")),
        SHOW_AI_DEVICES=rows(("DeviceId", "DeviceType"), ("cpu", "cpu")),
    )


def test_a_user_who_may_not_see_nodes_may_load(server: Any) -> None:
    plan = plans.load_model(server, "arima", LoadModel())
    assert plan.statement == "LOAD MODEL arima TO DEVICES 'cpu'"
    assert plan.facts == {"devices": ["cpu"]}


def test_what_a_user_may_not_see_before_creating_is_said(server: Any) -> None:
    plan = plans.create_model(server, CreateModel(model="mine", uri="file:///srv/mine"))
    assert plan.statement == "CREATE MODEL mine USING URI 'file:///srv/mine'"
    assert any("trusted_uri_pattern may not be read" in notice for notice in plan.notices)
    assert any("this user may not see" in notice for notice in plan.notices)


def test_a_built_in_model_is_not_dropped(server: Any) -> None:
    with pytest.raises(RefusedError, match="built in"):
        plans.drop_model(server, "arima")


def test_what_is_forbidden_itself_is_the_servers_sentence(server: Any) -> None:
    with pytest.raises(IotdbError, match="No permissions"):
        plans.remove_ainode(server, "plant")
