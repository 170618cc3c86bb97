"""The real server that the other tests of this folder need: it starts, it answers, it survives its nodes' deaths, and it leaves nothing."""

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from iotdb.Session import Session

from iotdb_cluster import INSTALL_COMMAND, SCRIPT, Cluster, ServerError, new_cluster
from iotdb_node import Node
from loopback_ports import LOOPBACK, first_outgoing_port, free_ports, listens

_ANSWERED = "test_a_statement_is_answered"
Until = Callable[[Callable[[], bool]], None]


def connected(cluster: Cluster) -> Session:
    session = Session.init_from_node_urls([cluster.client_url], "root", "root")
    session.open(False)
    return session


def values(cluster: Cluster, statement: str) -> list[list[str]]:
    """The rows of a query as text, asked in a session of its own."""
    session = connected(cluster)
    try:
        with session.execute_query_statement(statement) as rows:
            found: list[list[str]] = []
            while (row := rows.next()) is not None:
                found.append([field.get_string_value() for field in row.get_fields()])
            return found
    finally:
        session.close()


def write(cluster: Cluster, *statements: str) -> None:
    session = connected(cluster)
    try:
        for statement in statements:
            session.execute_non_query_statement(statement)
    finally:
        session.close()


def listening(cluster: Cluster) -> dict[Node, set[tuple[str, int]]]:
    """Where each node accepts connections."""
    found: dict[Node, set[tuple[str, int]]] = {}
    for node in Node:
        process = cluster.process(node)
        assert process is not None
        connections = process.net_connections("tcp")
        found[node] = {(each.laddr.ip, each.laddr.port) for each in connections if each.status == psutil.CONN_LISTEN}
    return found


def test_a_statement_is_answered(iotdb_cluster: Cluster) -> None:
    database = f"root.cluster_{uuid.uuid4().hex[:8]}"
    write(iotdb_cluster, f"insert into {database}.d(time, s) values (1, 1.5), (2, 2.5)")
    assert values(iotdb_cluster, f"select s from {database}.d") == [["1.5"], ["2.5"]]
    assert values(iotdb_cluster, "show version")[0][0] == "2.0.10"


def test_everything_is_bound_to_loopback_and_to_the_chosen_ports(iotdb_cluster: Cluster) -> None:
    ports = iotdb_cluster.ports
    found = listening(iotdb_cluster)
    assert {ip.removeprefix("::ffff:") for each in found.values() for ip, _ in each} == {LOOPBACK}
    assert {port for _, port in found[Node.CONFIGNODE]} == {ports.config_node, ports.config_consensus}
    data = {ports.client, ports.data_node, ports.exchange, ports.schema_consensus, ports.data_consensus}
    assert {port for _, port in found[Node.DATANODE]} == data


def test_memory_is_bounded_and_nothing_marks_a_node_as_one_of_an_instance(iotdb_cluster: Cluster, home: Path) -> None:
    for node in Node:
        process = iotdb_cluster.process(node)
        assert process is not None
        line = process.cmdline()
        assert any(word.startswith("-Xmx") for word in line)
        assert any(word.startswith("-XX:MaxDirectMemorySize=") for word in line)
        assert not [name for name in process.environ() if name.startswith("QUARTERDECK_")]


@pytest.mark.parametrize("node", list(Node))
def test_a_killed_node_comes_back_on_its_ports_with_the_data(node: Node, fresh_iotdb: Cluster) -> None:
    write(fresh_iotdb, "insert into root.kept.d(time, s) values (1, 42)")
    ports, before = fresh_iotdb.ports, fresh_iotdb.process(node)
    assert before is not None
    fresh_iotdb.kill(node)
    assert not before.is_running()
    assert fresh_iotdb.process(node) is None
    fresh_iotdb.start(node)
    fresh_iotdb.wait_running()
    after = fresh_iotdb.process(node)
    assert after is not None
    assert after.pid != before.pid
    assert fresh_iotdb.ports == ports
    assert values(fresh_iotdb, "select s from root.kept.d") == [["42.0"]]
    write(fresh_iotdb, "insert into root.kept.d(time, s) values (2, 43)")
    assert values(fresh_iotdb, "select count(s) from root.kept.d") == [["2"]]


def test_a_paused_node_is_unknown_until_it_goes_on(fresh_iotdb: Cluster, until: Until) -> None:
    fresh_iotdb.pause(Node.DATANODE)
    process = fresh_iotdb.process(Node.DATANODE)
    assert process is not None
    until(lambda: process.status() == psutil.STATUS_STOPPED)
    fresh_iotdb.resume(Node.DATANODE)
    fresh_iotdb.wait_running()
    with pytest.raises(ServerError, match="does not run"):
        fresh_iotdb.kill(Node.CONFIGNODE)
        fresh_iotdb.pause(Node.CONFIGNODE)


def test_stop_leaves_no_process_and_a_start_finds_the_data(fresh_iotdb: Cluster) -> None:
    write(fresh_iotdb, "insert into root.kept.d(time, s) values (1, 42)")
    processes = [fresh_iotdb.process(node) for node in Node]
    fresh_iotdb.stop()
    assert not [process for process in processes if process is None or process.is_running()]
    assert not listens(fresh_iotdb.ports.client)
    assert not listens(fresh_iotdb.ports.config_node)
    fresh_iotdb.start()
    fresh_iotdb.wait_running()
    assert values(fresh_iotdb, "select s from root.kept.d") == [["42.0"]]


def test_a_cluster_ends_with_the_process_that_made_it(iotdb_cluster: Cluster, until: Until) -> None:
    program = (
        "import os, iotdb_cluster, iotdb_node\n"
        "made = iotdb_cluster.new_cluster()\n"
        "made.start(iotdb_node.Node.CONFIGNODE)\n"
        "print(made.folder, flush=True)\n"
        "os._exit(1)"
    )
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    folder = Path(said.stdout.strip())
    assert folder.name.startswith("qd-iotdb-")
    until(lambda: not folder.exists())

    def processes() -> list[psutil.Process]:
        return [each for each in psutil.process_iter() if any(str(folder) in word for word in _command_line(each))]

    until(lambda: not processes())


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def test_the_script_runs_a_cluster_as_the_fixtures_do(iotdb_cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "own"

    def script(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHON": sys.executable}
        return subprocess.run(
            ["bash", str(SCRIPT), words[0], str(folder), *words[1:]],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    try:
        started = script("start")
        assert started.returncode == 0, started.stderr
        ports = dict(line.split("=") for line in started.stdout.split())
        assert ports == dict(line.split("=") for line in (folder / "ports").read_text("ascii").split())
        assert listens(int(ports["CLIENT"]))
        assert script("status").returncode == 0
        assert script("kill", "datanode").returncode == 0
        assert not listens(int(ports["CLIENT"]))
        assert "datanode: down" in script("status").stdout
        assert script("restart", "confignode").returncode == 0
        assert script("kill").returncode == 2
        assert script("pause", "datanode").returncode == 1
        assert script("start", "datanode").stdout == started.stdout
        assert script("stop").returncode == 0
        assert script("status").returncode == 1
    finally:
        script("wipe")
    assert not folder.exists()


def test_a_process_that_took_over_a_number_is_not_the_node(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, tmp_path)
    record = tmp_path / "datanode.process"
    ours = psutil.Process()
    record.write_text(f'{{"pid": {ours.pid}, "started": {ours.create_time() - 60}}}')
    assert cluster.process(Node.DATANODE) is None
    record.write_text(f'{{"pid": {ours.pid}, "started": {ours.create_time()}}}')
    assert cluster.process(Node.DATANODE) == ours


def test_free_ports_are_free_and_none_that_a_client_could_be_given() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not [port for port in ports if listens(port)]
    outgoing = first_outgoing_port()
    if outgoing <= 14_000:
        pytest.skip("outgoing connections may take nearly every port of this system")
    assert max(ports) < outgoing


def test_without_a_server_there_is_a_sentence_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_SERVERS_CACHE", str(tmp_path))
    with pytest.raises(ServerError, match=re.escape(INSTALL_COMMAND)):
        new_cluster()


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_a_test_without_its_server_is_skipped_or_fails_where_servers_are_required(
    required: str, outcome: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "QUARTERDECK_SERVERS_CACHE": str(tmp_path), "QUARTERDECK_REQUIRE_SERVERS": required}
    environment.pop("PYTEST_ADDOPTS", None)  # What was asked of this run is not asked of that one.
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "servers", f"{__file__}::{_ANSWERED}"],
        cwd=SCRIPT.parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert outcome in said
    assert INSTALL_COMMAND in said
