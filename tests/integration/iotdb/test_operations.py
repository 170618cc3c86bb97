"""What is done to a real cluster through a real runtime: planned before, sent once whatever happens, and seen to be so afterwards."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iotdb_cluster import Cluster
from own_ainode import Sql
from quarterdeck_api.documents import Document, FactsBlock, TextBlock
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import COMPLETE, CompleteParams
from scripted_ainode import LosingProxy, ScriptedAinode

Until = Callable[[Callable[[], bool]], None]

AINODE = "plant/node/ainode"


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own: only one AINode can be in it at a time."""
    return make_iotdb()


@pytest.fixture(scope="module")
def proxy(cluster: Cluster) -> Iterator[LosingProxy]:
    """Through it the console talks to the cluster."""
    found = LosingProxy(cluster.ports.client)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _keeps_answers(proxy: LosingProxy) -> Iterator[None]:
    yield
    proxy.lose = proxy.swallow = b""


@pytest.fixture(scope="module")
def instance(proxy: LosingProxy, make_instance: Callable[..., Any]) -> Any:
    config = f'[backends.plant]\ntype = "ainode.iotdb"\nnodes = ["127.0.0.1:{proxy.port}"]\nrefresh = 0.5\nrefresh_background = 1\n'
    return make_instance(config, ())


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    return instance.client()


@pytest.fixture
def ainode(cluster: Cluster, client: Any, until: Until, tmp_path: Path) -> Iterator[ScriptedAinode]:
    """An AINode that does what the test says, seen by the console as running."""
    found = ScriptedAinode(cluster, tmp_path / "node")
    try:
        until(lambda: _state(client) == "Running" and any(client.get("model", "plant").resources))
        yield found
    finally:
        found.close()
        until(lambda: _state(client) == "absent")


def _node(client: Any) -> Any:
    return next(each for each in client.get("node", "plant").resources if each.address == AINODE)


def _state(client: Any) -> str:
    return _node(client).state


def _refusal(client: Any, action: str, address: str, **more: Any) -> str:
    """Why an action was not begun, with what to do."""
    try:
        outcome = client.do_one(action, address, **more)
    except QuarterdeckError as error:
        return f"{error.message}. {error.remedy}"
    assert outcome.error is not None, outcome
    return f"{outcome.error.message}. {outcome.error.remedy}"


def _failure(client: Any, action: str, address: str, **more: Any) -> Any:
    """The record of a job that must fail."""
    record = client.finished(client.do_one(action, address, **more).job)
    assert record.state is JobState.FAILED, record
    return record


def _log(instance: Any, job: str) -> str:
    number = job.rsplit("/", 1)[1]
    return "".join(path.read_text("utf-8") for path in sorted((instance.paths.logs / "jobs").glob(f"{number}.*.log")))


def _said(document: Document) -> str:
    words = [document.title]
    for block in document.blocks:
        if isinstance(block, TextBlock):
            words.append(block.text)
        elif isinstance(block, FactsBlock):
            words.extend(f"{fact.label}: {fact.value}" for fact in block.facts)
    return "\n".join(words)


def test_without_an_ainode_everything_says_so_and_what_to_do(client: Any) -> None:
    assert _state(client) == "absent"
    parameters = {"model": "mine", "uri": "file:///tmp/x"}
    assert "start one" in _refusal(client, "model.create", AINODE, parameters=parameters)
    assert "no AINode" in _refusal(client, "node.remove-ainode", AINODE, typed_name="ainode")
    assert "does not run it" in _refusal(client, "node.stop-ainode", AINODE, confirmed=True)
    assert "on the node `ainode`" in _refusal(client, "node.start-ainode", "plant/node/datanode-1")


def test_the_life_of_our_ainode_and_its_models(client: Any, cluster: Cluster, until: Until, tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text('base = "arima"\n[parameters]\norder = [2, 1, 1]\n', "utf-8")
    uri = tmp_path.as_uri()
    wanted = {"workers": 1, "trust": str(tmp_path), "data": str(tmp_path / "node")}

    preview = client.do_one("node.start-ainode", AINODE, parameters=wanted, dry_run=True)
    assert cluster.config_node in _said(preview.document)
    assert _state(client) == "absent"

    started = client.finished(client.do_one("node.start-ainode", AINODE, parameters=wanted).job)
    assert started.state is JobState.SUCCEEDED, started
    assert started.result["process"] == "plant-ainode"
    assert _state(client) == "Running"
    assert "runs already" in _refusal(client, "node.start-ainode", AINODE)
    until(lambda: bool(client.get("model", "plant").resources))

    arima = "plant/model/arima"
    preview = client.do_one("model.load", arima, dry_run=True)
    assert preview.statement == "LOAD MODEL arima TO DEVICES 'cpu'"
    loaded = client.finished(client.do_one("model.load", arima).job)
    assert loaded.result["instances"] == {"cpu": 1}
    assert "loaded already" in _refusal(client, "model.load", arima)
    assert "built in" in _refusal(client, "model.drop", arima, typed_name="arima")
    assert "cannot fine-tune" in _refusal(client, "model.fine-tune", arima)
    unloaded = client.finished(client.do_one("model.unload", arima, confirmed=True).job)
    assert unloaded.result["instances"] == {}

    preview = client.do_one("model.create", AINODE, parameters={"model": "mine", "uri": uri}, dry_run=True)
    assert preview.statement == f"CREATE MODEL mine USING URI '{uri}'"
    created = client.finished(client.do_one("model.create", AINODE, parameters={"model": "mine", "uri": uri}).job)
    assert created.state is JobState.SUCCEEDED, created
    session = Sql(cluster)
    assert "mine" in session.query("SHOW MODELS").column()
    again = _refusal(client, "model.create", AINODE, parameters={"model": "mine", "uri": uri}, dry_run=True)
    assert "there is a model mine already" in again
    assert "name to be typed" in _refusal(client, "model.drop", "plant/model/mine", confirmed=True)
    dropped = client.finished(client.do_one("model.drop", "plant/model/mine", typed_name="mine").job)
    assert dropped.state is JobState.SUCCEEDED
    assert "mine" not in session.query("SHOW MODELS").column()

    number = started.result["node_id"]
    stopped = client.finished(client.do_one("node.stop-ainode", AINODE, confirmed=True).job)
    assert stopped.state is JobState.SUCCEEDED
    assert session.query("SHOW AINODES").cells[0][:2] == [str(number), "Unknown"]
    back = client.finished(client.do_one("node.start-ainode", AINODE, parameters=wanted).job)
    assert back.result["node_id"] == number

    removed = client.finished(client.do_one("node.remove-ainode", AINODE, typed_name="ainode").job)
    assert removed.result["node_id"] == number
    assert session.query("SHOW AINODES").cells == []
    session.close()
    assert not client.get("process").resources
    until(lambda: _state(client) == "absent")


def test_a_crash_of_our_ainode_is_the_supervisors_work_and_it_comes_back_as_the_same_node(
    client: Any, cluster: Cluster, until: Until, tmp_path: Path
) -> None:
    wanted = {"workers": 1, "data": str(tmp_path / "node")}
    started = client.finished(client.do_one("node.start-ainode", AINODE, parameters=wanted).job)
    assert started.state is JobState.SUCCEEDED, started

    def pid() -> int:
        rows = client.get("instance").resources
        return next((int(each.cells[2] or 0) for each in rows if each.address == "core/instance/plant-ainode.1"), 0)

    until(lambda: pid() > 0)
    before = pid()
    os.kill(before, signal.SIGKILL)
    until(lambda: pid() not in (0, before))
    session = Sql(cluster)
    until(lambda: session.query("SHOW AINODES").column(1) == ["Running"])
    assert session.query("SHOW AINODES").column(0) == [str(started.result["node_id"])]
    session.close()
    removed = client.finished(client.do_one("node.remove-ainode", AINODE, typed_name="ainode").job)
    assert removed.state is JobState.SUCCEEDED


def test_a_start_that_fails_says_why_and_can_be_stopped(
    client: Any, cluster: Cluster, until: Until, tmp_path: Path
) -> None:
    wanted = {"port": cluster.ports.client, "data": str(tmp_path / "node"), "wait": 5.0}  # The port is the DataNode's.
    record = _failure(client, "node.start-ainode", AINODE, parameters=wanted)
    assert "the cluster lists no AINode" in record.error.message
    assert "plant-ainode.1 is not ready" in record.error.message
    assert "quarterdeck logs core/process/plant-ainode" in record.error.remedy
    until(lambda: "node.stop-ainode" not in _node(client).actions_off)
    stopped = client.finished(client.do_one("node.stop-ainode", AINODE, confirmed=True).job)
    assert stopped.state is JobState.SUCCEEDED
    assert not client.get("process").resources


def test_an_ainode_that_sql_removed_is_started_again(
    client: Any, cluster: Cluster, until: Until, tmp_path: Path
) -> None:
    wanted = {"workers": 1, "data": str(tmp_path / "node")}
    first = client.finished(client.do_one("node.start-ainode", AINODE, parameters=wanted).job)
    session = Sql(cluster)
    session.do("REMOVE AINODE")
    until(lambda: session.query("SHOW AINODES").cells == [] and _state(client) == "absent")
    until(lambda: "node.start-ainode" not in _node(client).actions_off)
    second = client.finished(client.do_one("node.start-ainode", AINODE, parameters=wanted).job)
    assert second.state is JobState.SUCCEEDED, second
    assert second.result["node_id"] > first.result["node_id"]
    removed = client.finished(client.do_one("node.remove-ainode", AINODE, typed_name="ainode").job)
    assert removed.state is JobState.SUCCEEDED
    session.close()
    until(lambda: _state(client) == "absent")


def test_a_load_that_stays_at_no_instance_is_a_failure_with_advice(client: Any, ainode: ScriptedAinode) -> None:
    parameters = {"devices": ["cpu", "0"], "wait": 1.0}
    record = _failure(client, "model.load", "plant/model/lazy", parameters=parameters)
    assert "lazy: 0 instances on cpu, 0 instances on 0" in record.error.message
    assert "quarterdeck-ainode" in record.error.remedy
    assert ainode.engine.loads == [("lazy", ("cpu", "0"))]


def test_what_would_stay_at_no_instance_is_not_sent(client: Any, ainode: ScriptedAinode) -> None:
    assert "inactive" in _refusal(client, "model.load", "plant/model/broken", parameters={"devices": ["cpu"]})
    for devices, why in ((["9"], "no device '9'"), (["cpu", "cpu"], "twice"), ([], "has the devices")):
        refusal = _refusal(client, "model.load", "plant/model/lazy", parameters={"devices": devices}, dry_run=True)
        assert why in refusal
        assert why in _failure(client, "model.load", "plant/model/lazy", parameters={"devices": devices}).error.message
    assert ainode.engine.loads == []


def test_a_host_that_is_killed_while_a_load_is_waited_for_sends_nothing_again(
    client: Any, instance: Any, ainode: ScriptedAinode, until: Until
) -> None:
    job = client.do_one("model.load", "plant/model/lazy", parameters={"devices": ["cpu"]}).job
    until(lambda: "accepted" in _log(instance, job) and client.job(job).steps[-1].name == "wait")
    os.kill(instance.host_pid(client, "ainode"), signal.SIGKILL)
    until(lambda: client.job(job).attempt > 1 and "not sent again" in _log(instance, job))
    ainode.engine.come_up.set()
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record
    assert ainode.engine.loads == [("lazy", ("cpu",))]


def test_a_statement_whose_answer_is_lost_is_looked_up_and_not_sent_again(
    client: Any, instance: Any, ainode: ScriptedAinode, proxy: LosingProxy
) -> None:
    ainode.engine.come_up.set()
    seen = proxy.seen
    proxy.lose = b"LOAD MODEL"
    job = client.do_one("model.load", "plant/model/lazy", parameters={"devices": ["cpu"]}).job
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record
    assert "seen afterwards" in _said(record.document)
    assert "no answer" in _log(instance, job)
    assert proxy.seen == seen + 1
    assert ainode.engine.loads == [("lazy", ("cpu",))]


def test_a_statement_that_got_lost_itself_ends_as_unknown(
    client: Any, ainode: ScriptedAinode, proxy: LosingProxy
) -> None:
    seen = proxy.seen
    proxy.swallow = b"LOAD MODEL"
    parameters = {"devices": ["cpu"], "wait": 1.0}
    record = _failure(client, "model.load", "plant/model/lazy", parameters=parameters)
    assert record.error.code == "unknown-outcome"
    assert "not sent again" in record.error.remedy
    assert proxy.seen == seen + 1
    assert ainode.engine.loads == []


def test_a_load_that_is_cancelled_ends(client: Any, instance: Any, ainode: ScriptedAinode, until: Until) -> None:
    job = client.do_one("model.load", "plant/model/lazy", parameters={"devices": ["cpu"]}).job
    until(lambda: client.job(job).steps != () and client.job(job).steps[-1].name == "wait")
    client.do_one("job.cancel", job, confirmed=True)
    assert client.finished(job).state is JobState.CANCELLED


def test_a_model_that_stays_inactive_is_a_failure(client: Any, ainode: ScriptedAinode, tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text("x", "utf-8")
    ainode.engine.state_of_new = "inactive"
    wanted = {"model": "useless", "uri": (tmp_path / "model.toml").as_uri()}
    record = _failure(client, "model.create", AINODE, parameters=wanted)
    assert "stays inactive" in record.error.message


def test_what_the_ainode_refuses_is_its_sentence_with_the_codes_meaning(
    client: Any, ainode: ScriptedAinode, tmp_path: Path
) -> None:
    (tmp_path / "refused").write_text("x", "utf-8")
    wanted = {"model": "useless", "uri": (tmp_path / "refused").as_uri()}
    record = _failure(client, "model.create", AINODE, parameters=wanted)
    assert "1505" in record.error.message
    assert "no such file" in record.error.message


def test_rules_and_files_are_checked_before_anything_is_sent(client: Any, ainode: ScriptedAinode) -> None:
    for model, uri, why in (
        ("9lives", "file:///tmp", "begins with '9'"),
        ("mine", "/srv/mine", "file:///srv/mine"),
        ("mine", "file:///no/such/folder", "does not exist"),
        ("mine", "https://example.org/x", "file:// URIs only"),
    ):
        parameters = {"model": model, "uri": uri}
        assert why in _refusal(client, "model.create", AINODE, parameters=parameters, dry_run=True)
    assert set(ainode.engine.known) == {"lazy", "broken"}


def test_the_servers_pattern_of_trusted_uris_is_asked_for(
    client: Any, ainode: ScriptedAinode, cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "model.toml").write_text("x", "utf-8")
    parameters = {"model": "mine", "uri": tmp_path.as_uri()}
    session = Sql(cluster)
    try:
        session.do("SET CONFIGURATION \"trusted_uri_pattern\"='file:///srv/.*'")
        refusal = _refusal(client, "model.create", AINODE, parameters=parameters, dry_run=True)
        assert "file:///srv/.*" in refusal
        assert "node.set-configuration" in refusal
    finally:
        session.do("SET CONFIGURATION \"trusted_uri_pattern\"='file:.*'")
        session.close()
    assert client.do_one("model.create", AINODE, parameters=parameters, dry_run=True).status == "preview"


def test_another_ainode_is_named_and_ours_is_not_started(client: Any, ainode: ScriptedAinode) -> None:
    refusal = _refusal(client, "node.start-ainode", AINODE)
    assert "remove that one first" in refusal


def test_an_ainode_that_does_not_end_is_explained(
    client: Any, ainode: ScriptedAinode, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(ainode.engine, "metrics", hangs.wait)
    service = ainode.server._service
    assert service is not None
    stop = service._methods["stopAINode"]
    monkeypatch.setitem(service._methods, "stopAINode", lambda request: (hangs.wait(120), stop(request))[1])
    job = client.do_one("node.remove-ainode", AINODE, parameters={"wait": 2.0}, typed_name="ainode").job
    record = client.finished(job)
    hangs.set()
    assert record.state is JobState.FAILED
    assert "still listed" in record.error.message
    assert "1501" in record.error.remedy


def test_configuration_is_changed_read_back_and_checked(client: Any, cluster: Cluster) -> None:
    def change(setting: str, value: str, **more: Any) -> dict[str, Any]:
        return {"parameters": {"setting": setting, "value": value, **more}}

    node = "plant/node/datanode-1"
    wanted = change("slow_query_threshold", "12345")
    preview = client.do_one("node.set-configuration", node, dry_run=True, **wanted)
    assert preview.statement == "SET CONFIGURATION \"slow_query_threshold\"='12345'"
    assert "Holds: at once" in _said(preview.document)
    assert "confirm" in _refusal(client, "node.set-configuration", node, **wanted).lower()
    done = client.do_one("node.set-configuration", node, confirmed=True, **wanted)
    assert done.status == "done"
    assert done.message.startswith("slow_query_threshold is 12345 now; it was ")
    session = Sql(cluster, "table")
    assert ["slow_query_threshold", "12345"] in [row[:2] for row in session.query("SHOW CONFIGURATION").cells]
    session.close()

    later = change("query_timeout_threshold", "61000", this_node_only=True)
    preview = client.do_one("node.set-configuration", node, dry_run=True, **later)
    assert preview.statement.endswith("'61000' ON 1")
    assert "started again" in _said(preview.document)
    assert "a whole number" in _refusal(
        client, "node.set-configuration", node, dry_run=True, **change("query_timeout_threshold", "abc")
    )
    assert "first start" in _refusal(
        client, "node.set-configuration", node, dry_run=True, **change("timestamp_precision", "us")
    )
    assert "settings" in _refusal(client, "node.set-configuration", AINODE, confirmed=True, **wanted)

    key = "plant/configuration/slow_query_threshold"
    done = client.do_one("node.set-configuration", key, parameters={"value": "34567"}, confirmed=True)
    assert done.message == "slow_query_threshold is 34567 now; it was 12345"
    assert "no key is named" in _refusal(
        client, "node.set-configuration", node, parameters={"value": "1"}, dry_run=True
    )
    assert "leave --setting out" in _refusal(
        client, "node.set-configuration", key, dry_run=True, **change("cluster_name", "x")
    )


def test_keys_and_devices_are_completed_from_the_cluster(client: Any, ainode: ScriptedAinode) -> None:
    def choices(action: str, address: str, field: str, prefix: str) -> dict[str, str]:
        found = client.call(COMPLETE, CompleteParams(action, address, field, prefix), 60.0).choices
        return {each.value: each.help for each in found}

    keys = choices("node.set-configuration", "plant/node/datanode-1", "setting", "trusted_")
    assert list(keys) == ["trusted_uri_pattern"]
    assert "regex" in keys["trusted_uri_pattern"]
    assert "timestamp_precision" not in choices("node.set-configuration", "plant/node/datanode-1", "setting", "time")
    assert choices("model.load", "plant/model/lazy", "devices", "") == {"cpu": "cpu", "0": "cuda"}
    assert choices("model.unload", "plant/model/lazy", "devices", "") == {}


def test_a_change_of_the_configuration_whose_answer_is_lost_is_unknown_and_can_be_checked(
    client: Any, proxy: LosingProxy
) -> None:
    node, parameters = "plant/node/datanode-1", {"setting": "slow_query_threshold", "value": "23456"}
    proxy.lose = b"SET CONFIGURATION"
    outcome = client.do_one("node.set-configuration", node, parameters=parameters, confirmed=True)
    assert outcome.status == "unknown"
    proxy.lose = b""
    [entry] = [each for each in client.journal() if each.outcome == "unknown"]
    checked = client.do_one("journal.check", f"core/journal/{entry.entry}")
    assert "slow_query_threshold is 23456" in checked.message


def test_a_query_is_killed(client: Any, cluster: Cluster, ainode: ScriptedAinode, until: Until) -> None:
    session = Sql(cluster)
    session.do("INSERT INTO root.kill.d(time, s) VALUES (1, 1.5), (2, 2.5)")
    session.close()
    said: list[str] = []

    def infer() -> None:
        slow = Sql(cluster)
        said.append(slow.error('CALL INFERENCE(lazy, "SELECT s FROM root.kill.d", outputLength=2)'))

    thread = threading.Thread(target=infer, daemon=True)
    thread.start()
    assert ainode.engine.asked.wait(60)

    def queries() -> list[str]:
        found = client.get("query", "plant").resources  # The console's own questions may be among them for a moment.
        return [each.address for each in found if any("INFERENCE" in str(cell) for cell in each.cells)]

    until(lambda: bool(queries()))
    [query] = queries()
    preview = client.do_one("query.kill", query, dry_run=True)
    assert preview.statement == f"KILL QUERY '{query.rsplit('/', 1)[1]}'"
    done = client.do_one("query.kill", query, confirmed=True)
    assert done.status == "done", done
    ainode.engine.answer.set()
    thread.join(60)
    assert said and not thread.is_alive()
    until(lambda: not queries())
