"""The life of our AINode in a real cluster: ends and restarts of every node, removal, as a managed process, as a command, with TLS."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from iotdb.Session import Session
from iotdb.utils.exception import StatementExecutionException

from iotdb_cluster import LOOPBACK, Cluster, Node, new_cluster
from own_ainode import OwnAinode, Sql, answers, until
from quarterdeck_ainode.serving.node_folder import read_record

_CALL = 'CALL INFERENCE(naive_forecaster, "SELECT s FROM root.life.d", outputLength=2, sp=1)'
_PATIENCE = 120.0


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster of this module's own, whose nodes are killed; it keeps what it has acknowledged."""
    found = make_iotdb(wal_mode="SYNC")
    session = Sql(found)
    session.do("INSERT INTO root.life.d(time, s) VALUES (1, 1.5), (2, 2.5), (3, 3.5)")
    session.close()
    return found


@pytest.fixture
def ainode(cluster: Cluster, tmp_path: Path) -> Iterator[OwnAinode]:
    """A node that has joined, and is removed from the cluster at the end."""
    node = OwnAinode(cluster, tmp_path / "node", "--port", "0", "--workers", "1")
    node.start()
    try:
        node.wait_member()
        yield node
    finally:
        _remove(cluster)  # A node that still runs is removed in a moment; for one that is gone the cluster takes 18 s.
        node.close()


def _remove(cluster: Cluster) -> None:
    session = Sql(cluster)
    try:
        if session.query("SHOW AINODES").cells:
            session.do("REMOVE AINODE")
            until(lambda: session.query("SHOW AINODES").cells == [])
    finally:
        session.close()


def _answers(cluster: Cluster) -> bool:
    """Whether a forecast comes through the whole cluster."""
    found = answers(cluster, _CALL)
    return found is not None and found[0].numbers() == [3.5, 3.5]


def test_removed_by_sql_it_ends_and_joins_anew(cluster: Cluster, ainode: OwnAinode) -> None:
    before = ainode.node_id()
    workers = ainode.children()
    session = Sql(cluster)
    session.do("REMOVE AINODE")
    assert ainode.process is not None
    assert ainode.process.wait(_PATIENCE) == 0
    assert session.query("SHOW AINODES").cells == []
    assert session.error("REMOVE AINODE").startswith("1500: ")
    assert session.error("SHOW MODELS").startswith("1011: ")
    assert "was removed from its cluster (REMOVE AINODE)" in ainode.log()
    assert read_record(ainode.folder) is None
    until(lambda: not any(each.is_running() for each in workers))
    ainode.start()
    ainode.wait_member()
    assert ainode.node_id() not in (before, None)
    assert _answers(cluster)
    session.close()


def test_ended_and_started_it_comes_back_as_the_same_node(cluster: Cluster, ainode: OwnAinode) -> None:
    before = ainode.node_id()
    session = Sql(cluster)
    address = session.query("SHOW AINODES").cells[0][2:]
    assert ainode.stop() == 0
    until(lambda: session.query("SHOW AINODES").column(1) == ["Unknown"])
    ainode.start()
    ainode.wait_member()
    assert ainode.node_id() == before
    assert session.query("SHOW AINODES").cells[0][2:] == address, "a free port is the one it had, when it still is"
    assert f"came back and is node {before}" in ainode.log()
    assert ainode.stop(signal.SIGINT) == 0
    other = next(port for port in range(20_000, 20_100) if str(port) != address[1] and _is_free(port))
    ainode.start("--port", str(other))
    ainode.wait_member()
    until(lambda: session.query("SHOW AINODES").cells[0][3] == str(other))
    assert ainode.node_id() == before
    until(lambda: _answers(cluster))
    session.close()


def _is_free(port: int) -> bool:
    return all(each.laddr.port != port for each in psutil.net_connections("tcp") if each.laddr)


def test_a_removal_while_it_was_down_makes_it_a_new_node(cluster: Cluster, ainode: OwnAinode) -> None:
    before = ainode.node_id()
    ainode.kill()
    _remove(cluster)
    ainode.start()
    ainode.wait_member()
    assert ainode.node_id() not in (before, None)
    assert f"no longer has node {before}" in ainode.log()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # Who buries orphans may be slow, or nobody.
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("victim", ["ainode", *Node])
def test_every_node_may_be_killed(cluster: Cluster, ainode: OwnAinode, victim: str) -> None:
    before = ainode.node_id()
    assert _answers(cluster)
    if victim == "ainode":
        workers = ainode.children()
        ainode.kill()
        until(lambda: not any(_lives(each) for each in workers))
        until(lambda: ainode.statuses() == ["Unknown"])
        assert not _answers(cluster)
        ainode.start()
    else:
        cluster.restart(Node(victim))
        cluster.wait_running()
    ainode.wait_member()
    until(lambda: _answers(cluster), ainode.log)
    assert ainode.node_id() == before
    assert ainode.running()


def test_forecasts_during_a_kill_are_right_or_told(cluster: Cluster, ainode: OwnAinode) -> None:
    """Six sessions ask without a pause while the node is killed and started again: no wrong number, no session that hangs, and then all is well."""
    enough = threading.Event()
    right, wrong, told = [0] * 6, list[str](), list[str]()

    def ask(number: int) -> None:
        session = Sql(cluster)
        while not enough.is_set():
            try:
                found = session.query(_CALL).numbers()
            except Exception as error:
                told.append(str(error))
                continue
            if found == [3.5, 3.5]:
                right[number] += 1
            else:
                wrong.append(str(found))
        session.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(right))]
    for thread in threads:
        thread.start()
    try:
        until(lambda: min(right) >= 5)
        ainode.kill()
        until(lambda: len(told) >= 6)
        ainode.start()
        ainode.wait_member()
        before = list(right)
        until(lambda: all(now > then for now, then in zip(right, before, strict=True)), ainode.log)
    finally:
        enough.set()
        for thread in threads:
            thread.join(_PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert all(sentence.startswith("301: ") for sentence in told), told


def test_it_waits_for_a_cluster_that_is_not_there_yet(cluster: Cluster, tmp_path: Path) -> None:
    cluster.kill(Node.CONFIGNODE)
    hasty = OwnAinode(cluster, tmp_path / "hasty", "--port", "0", "--workers", "1")
    hasty.start("--wait", "0.5")
    assert hasty.process is not None
    assert hasty.process.wait(_PATIENCE) == 3
    assert "no ConfigNode answers" in hasty.log()
    assert "--config-node" in hasty.log()
    patient = OwnAinode(cluster, tmp_path / "patient", "--port", "0", "--workers", "1")
    patient.start("--wait", "0")
    try:
        until(lambda: "trying again until it answers" in patient.log())
        cluster.start(Node.CONFIGNODE)
        cluster.wait_running()
        patient.wait_member()
        until(lambda: _answers(cluster))
    finally:
        _remove(cluster)
        patient.close()


def test_a_cluster_that_is_paused_makes_it_silent_and_no_more(cluster: Cluster, ainode: OwnAinode) -> None:
    before = ainode.node_id()
    cluster.pause(Node.CONFIGNODE)
    try:
        until(lambda: "no heartbeat for" in ainode.log())
    finally:
        cluster.resume(Node.CONFIGNODE)
    ainode.wait_member()
    until(lambda: _answers(cluster))
    assert ainode.node_id() == before


def test_deregistering_from_the_shell(cluster: Cluster, ainode: OwnAinode) -> None:
    words = ["--deregister", "--config-node", cluster.config_node, "--data", str(ainode.folder)]
    program = [sys.executable, "-P", "-m", "quarterdeck_ainode.serving.program"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "is removed from the cluster defaultCluster" in done.stderr
    assert ainode.process is not None
    assert ainode.process.wait(_PATIENCE) == 0
    again = subprocess.run([*program, *words], capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert again.returncode == 2
    assert "no node that has joined" in again.stderr


def test_as_a_managed_process(cluster: Cluster, make_instance: Callable[..., Any]) -> None:
    instance = make_instance(plugins=())
    client = instance.client()
    given = {"config_node": cluster.config_node, "port": 0, "workers": 1}
    wanted = {"type": "ainode.server", "name": "ours", "backend": "ainode", "parameters": given}

    def process() -> tuple[str, str]:
        [row] = client.get("process", "core", "name=ours").resources
        return row.health.value, row.reason or " ".join(str(cell) for cell in row.cells)

    assert client.do_one("process.create", parameters=wanted).error is None
    try:
        until(lambda: process()[0] == "ok", lambda: str(process()))
        assert "of its cluster, at 127.0.0.1:" in process()[1]
        until(lambda: _answers(cluster))
        session = Sql(cluster)
        session.do("REMOVE AINODE")
        until(lambda: process()[0] == "stopped", lambda: str(process()))
        assert "restart the process to join again" in process()[1]
        assert session.query("SHOW AINODES").cells == []
        session.close()
        client.do("process.restart", "core/process/ours")
        until(lambda: process()[0] == "ok", lambda: str(process()))
        until(lambda: _answers(cluster))
        cluster.kill(Node.CONFIGNODE)
        until(lambda: process()[0] == "degraded", lambda: str(process()))
        assert "no heartbeat for" in process()[1]
        cluster.start(Node.CONFIGNODE)
        until(lambda: process()[0] == "ok", lambda: str(process()))
    finally:
        cluster.start(Node.CONFIGNODE)
        cluster.wait_running()
        _remove(cluster)
        client.do("process.remove", "core/process/ours", confirmed=True)


def test_the_command_of_the_plugin(cluster: Cluster, home: Path) -> None:
    options = ["--config-node", cluster.config_node, "--port", "0", "--workers", "1"]
    program = [sys.executable, "-P", "-m", "quarterdeck", "ainode"]
    log = home / "served.log"

    def serve() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                [*program, "serve", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    served = serve()
    try:
        until(lambda: _answers(cluster) or served.poll() is not None, log.read_text)
        refused = subprocess.run(
            [*program, "deregister", *options[:2]], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        assert refused.returncode == 4, refused.stderr
        assert "add --yes" in refused.stderr
        done = subprocess.run(
            [*program, "deregister", *options[:2], "--yes"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "is removed from the cluster" in done.stderr
        assert served.wait(_PATIENCE) == 0, log.read_text()
        served = serve()
        until(lambda: _answers(cluster) or served.poll() is not None, log.read_text)
        served.terminate()
        assert served.wait(_PATIENCE) == 0, log.read_text()
        assert "SIGTERM arrived" in log.read_text()
        assert "ending: answering what is under way" in log.read_text()
    finally:
        if served.poll() is None:
            served.terminate()
            served.wait(_PATIENCE)
        _remove(cluster)


def test_a_cluster_that_speaks_the_compact_protocol(cluster: Cluster, tmp_path: Path) -> None:
    other = new_cluster({"cn_rpc_thrift_compression_enable": "true", "dn_rpc_thrift_compression_enable": "true"})
    node = OwnAinode(other, tmp_path / "compact", "--port", "0", "--workers", "1")
    try:
        other.start()
        node.start("--wait", "0.5")
        assert node.process is not None
        assert node.process.wait(_PATIENCE) == 3
        assert "add --compact" in node.log()
        node.start("--compact")
        until(lambda: f"at {LOOPBACK}:" in node.log() or not node.running(), node.log)
        session = Session.init_from_node_urls([other.client_url], "root", "root")
        session.open(True)
        session.execute_non_query_statement("INSERT INTO root.life.d(time, s) VALUES (1, 1.5), (2, 2.5), (3, 3.5)")

        def answers() -> bool:
            try:
                with session.execute_query_statement(_CALL) as rows:
                    return rows.next().get_fields()[0].get_double_value() == 3.5
            except StatementExecutionException:
                return False

        until(answers, node.log)
        session.close()
    finally:
        node.close()
        other.close()
