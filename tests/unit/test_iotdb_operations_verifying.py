"""Whether something whose answer was lost has happened: what each operation leaves behind, looked for more than once before a no."""

from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.operations.verifying import verify
from quarterdeck_api.backend import ActionRequest, Verdict

DETAILS = (
    *("NodeID", "NodeType", "Status", "InternalAddress", "InternalPort", "ConfigConsensusPort"),
    *("RpcAddress", "RpcPort", "MppPort", "SchemaConsensusPort", "DataConsensusPort", "Version", "BuildInfo"),
)
QUERIES = ("QueryId", "DataNodeId", "ElapsedTime", "Statement", "ClientIp")
CONFIGURATION = ("name", "value", "default_value", "description")


def rows(columns: tuple[str, ...], *values: tuple[Any, ...]) -> Rows:
    return Rows(columns, ("TEXT",) * len(columns), values)


def ainode(status: str) -> tuple[Any, ...]:
    return (2, "AINode", status, "10.0.0.3", 10810, "", "", "", "", "", "", "2.0.10", "quarterdeck")


class Server:
    """Answers each statement with what stands next for it, and with the last of these again."""

    def __init__(self, **answers: Rows) -> None:
        self.answers: dict[str, list[Rows]] = {name.replace("_", " "): [answer] for name, answer in answers.items()}
        self.asked = 0

    def rows(self, statement: str, **more: Any) -> Rows:
        self.asked += 1
        found = self.answers[statement]
        return found.pop(0) if len(found) > 1 else found[0]


def models(*found: tuple[str, str]) -> Rows:
    columns = ("ModelId", "ModelType", "Category", "State")
    return rows(columns, *((name, "", "user_defined", state) for name, state in found))


def loaded(*found: tuple[str, str, int]) -> Rows:
    return rows(("DeviceId", "ModelId", "Count(instances)"), *found)


def check(server: Server, action: str, address: str, **parameters: Any) -> tuple[Verdict, str]:
    request = ActionRequest(action, address, parameters)
    found = verify(server, request, lambda seconds: None)  # type: ignore[arg-type]
    return found.verdict, found.sentence


MODEL = "plant/model/mine"
AINODE = "plant/node/ainode"


@pytest.mark.parametrize(
    ("action", "address", "parameters", "answers", "verdict", "sentence"),
    [
        (
            "model.create",
            AINODE,
            {"model": "mine"},
            {"SHOW_MODELS": models(("mine", "active"))},
            Verdict.DONE,
            "active",
        ),
        ("model.create", AINODE, {"model": "mine"}, {"SHOW_MODELS": models()}, Verdict.NOT_DONE, "no model mine"),
        ("model.drop", MODEL, {}, {"SHOW_MODELS": models()}, Verdict.DONE, "no model mine"),
        ("model.drop", MODEL, {}, {"SHOW_MODELS": models(("mine", "dropping"))}, Verdict.DONE, "being dropped"),
        ("model.drop", MODEL, {}, {"SHOW_MODELS": models(("mine", "active"))}, Verdict.NOT_DONE, "still listed"),
        ("model.load", MODEL, {}, {"SHOW_LOADED_MODELS": loaded(("cpu", "mine", 2))}, Verdict.DONE, "2 on cpu"),
        ("model.load", MODEL, {}, {"SHOW_LOADED_MODELS": loaded(("cpu", "mine", 0))}, Verdict.UNCLEAR, "0 instances"),
        ("model.load", MODEL, {}, {"SHOW_LOADED_MODELS": loaded()}, Verdict.NOT_DONE, "not loaded"),
        ("model.unload", MODEL, {}, {"SHOW_LOADED_MODELS": loaded(("cpu", "mine", 1))}, Verdict.NOT_DONE, "on cpu"),
        (
            "model.unload",
            MODEL,
            {"devices": ["0"]},
            {"SHOW_LOADED_MODELS": loaded(("cpu", "mine", 1))},
            Verdict.DONE,
            "no instance there",
        ),
        ("node.remove-ainode", AINODE, {}, {"SHOW_CLUSTER_DETAILS": rows(DETAILS)}, Verdict.DONE, "no AINode"),
        (
            "node.remove-ainode",
            AINODE,
            {},
            {"SHOW_CLUSTER_DETAILS": rows(DETAILS, ainode("Running"))},
            Verdict.NOT_DONE,
            "node 2 is Running",
        ),
        (
            "node.start-ainode",
            AINODE,
            {},
            {"SHOW_CLUSTER_DETAILS": rows(DETAILS, ainode("Running"))},
            Verdict.DONE,
            "is Running",
        ),
        (
            "node.stop-ainode",
            AINODE,
            {},
            {"SHOW_CLUSTER_DETAILS": rows(DETAILS, ainode("Unknown"))},
            Verdict.DONE,
            "is Unknown",
        ),
        ("query.kill", "plant/query/q1", {}, {"SHOW_QUERIES": rows(QUERIES)}, Verdict.DONE, "does not run"),
        (
            "query.kill",
            "plant/query/q1",
            {},
            {"SHOW_QUERIES": rows(QUERIES, ("q1", 1, 2.0, "select", "h"))},
            Verdict.NOT_DONE,
            "still runs",
        ),
        ("model.forecast", MODEL, {}, {}, Verdict.UNCLEAR, "nothing in the cluster shows"),
    ],
)
def test_what_an_operation_leaves_behind(
    action: str, address: str, parameters: dict[str, Any], answers: dict[str, Rows], verdict: Verdict, sentence: str
) -> None:
    found, said = check(Server(**answers), action, address, **parameters)
    assert found is verdict
    assert sentence in said


@pytest.mark.parametrize(
    ("value", "effect", "verdict"),
    [("20", "hot_reload", Verdict.DONE), ("10", "hot_reload", Verdict.NOT_DONE), ("10", "restart", Verdict.UNCLEAR)],
)
def test_configuration_is_judged_by_what_holds_where_that_can_be_seen(
    value: str, effect: str, verdict: Verdict
) -> None:
    listed = rows(CONFIGURATION, ("limit", value, "10", f"A limit\neffectiveMode: {effect}\nDatatype: int"))
    server = Server(SHOW_ALL_CONFIGURATION_WITH_DESC=listed)
    assert check(server, "node.set-configuration", "plant/configuration/limit", value="20")[0] is verdict


def test_a_no_is_said_only_after_several_looks() -> None:
    server = Server(SHOW_MODELS=models())
    server.answers["SHOW MODELS"] = [models(), models(), models(("mine", "activating"))]
    assert check(server, "model.create", AINODE, model="mine") == (
        Verdict.DONE,
        "the model mine is listed as activating",
    )
    assert server.asked == 3
