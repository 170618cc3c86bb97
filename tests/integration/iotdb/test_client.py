"""The client on a real IoTDB: every type there and back, tablets in both dialects, results that are left, restarts, users with few privileges."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from iotdb_cluster import Cluster, Node
from quarterdeck_ainode.iotdb.capabilities import Feature
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory, Tablet, TabletColumn
from quarterdeck_ainode.iotdb.probing import Prober
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import ProtocolError, UnknownOutcomeError, UnreachableError

T = ValueType
Connect = Callable[..., IotdbClient]
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[IotdbClient] = []

    def make(cluster: Cluster, **given: Any) -> IotdbClient:
        settings = {"connect_timeout": 60.0, "statement_timeout": 120.0, **given}
        made.append(IotdbClient(IotdbSettings(nodes=(cluster.client_url,), **settings)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def client(iotdb_cluster: Cluster, connect: Connect) -> IotdbClient:
    return connect(iotdb_cluster)


@pytest.fixture
def name(client: IotdbClient) -> Iterator[str]:
    """A database of the test's own, in both dialects: `root.NAME` and `NAME`."""
    name = f"d{uuid.uuid4().hex[:12]}"
    client.execute(f"CREATE DATABASE root.{name}")
    client.execute(f"CREATE DATABASE {name}", dialect=Dialect.TABLE)
    yield name
    client.execute(f"DROP DATABASE root.{name}")
    client.execute(f"DROP DATABASE {name}", dialect=Dialect.TABLE)


def objects(*values: object) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def every_type(missing: np.ndarray | None) -> tuple[TabletColumn, ...]:
    """Three rows of each type, at their extremes."""
    return (
        TabletColumn("b", T.BOOLEAN, np.array([True, False, True]), missing),
        TabletColumn("i", T.INT32, np.array([-(2**31), 2**31 - 1, 0]), missing),
        TabletColumn("l", T.INT64, np.array([2**53 + 1, -(2**63), 2**63 - 1]), missing),
        TabletColumn("f", T.FLOAT, np.array([0.5, 1e30, -0.25]), missing),
        TabletColumn("d", T.DOUBLE, np.array([0.1, 1e300, -5e-324]), missing),
        TabletColumn("t", T.TEXT, objects("grün\0", b"\xff\xfe", ""), missing),
        TabletColumn("s", T.STRING, objects("a'b\"c`", "日本", "x"), missing),
        TabletColumn("ts", T.TIMESTAMP, np.array([0, 1700000000123, -1]), missing),
        TabletColumn("da", T.DATE, np.array(["2024-02-29", "1000-01-01", "9999-12-31"], "M8[D]"), missing),
        TabletColumn("bl", T.BLOB, objects(b"\0\xff", b"", b"x\0"), missing),
    )


SEEN = {
    "b": [True, False, True],
    "i": [-(2**31), 2**31 - 1, 0],
    "l": [2**53 + 1, -(2**63), 2**63 - 1],
    "f": [0.5, 1e30, -0.25],
    "d": [0.1, 1e300, -5e-324],
    "t": ["grün\0", "\ufffd\ufffd", ""],
    "s": ["a'b\"c`", "日本", "x"],
    "ts": [0, 1700000000123, -1],
    "da": ["2024-02-29", "1000-01-01", "9999-12-31"],
    "bl": ["0x00ff", "0x", "0x7800"],
}


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("gap", [None, 1])
def test_every_type_there_and_back_in_the_tree_dialect(
    client: IotdbClient, name: str, aligned: bool, gap: int | None
) -> None:
    missing = None if gap is None else np.arange(3) == gap
    times = np.array([30, 10, 20])
    # A row without any value would not be there.
    known = TabletColumn("known", T.INT32, np.array([1, 2, 3]))
    client.insert(Tablet(f"root.{name}.d", times, (*every_type(missing), known), aligned=aligned))
    found = client.rows(f"SELECT {', '.join(SEEN)}, known FROM root.{name}.d")
    assert found.column("Time") == [10, 20, 30]
    assert found.types == ("TIMESTAMP", *(each.type.name for each in every_type(None)), "INT32")
    for column, values in SEEN.items():
        wanted = [None if place == gap else value for place, value in enumerate(values)]
        assert found.column(f"root.{name}.d.{column}") == [wanted[1], wanted[2], wanted[0]], column


@pytest.mark.parametrize("gap", [None, 1])
def test_every_type_there_and_back_in_the_table_dialect(client: IotdbClient, name: str, gap: int | None) -> None:
    missing = None if gap is None else np.arange(3) == gap
    tag = TabletColumn("tag", T.STRING, objects("x", "y", "x"), None, ColumnCategory.TAG)
    note = TabletColumn("note", T.STRING, objects("n", "m", "n"), None, ColumnCategory.ATTRIBUTE)
    client.insert(Tablet("t1", np.array([30, 10, 20]), (tag, note, *every_type(missing)), database=name))
    found = client.rows(
        f"SELECT time, tag, note, {', '.join(SEEN)} FROM {name}.t1 ORDER BY time", dialect=Dialect.TABLE
    )
    assert found.column("time") == [10, 20, 30]
    assert found.column("tag") == ["y", "x", "x"] and found.column("note") == ["m", "n", "n"]
    for column, values in SEEN.items():
        wanted = [None if place == gap else value for place, value in enumerate(values)]
        assert found.column(column) == [wanted[1], wanted[2], wanted[0]], column
    [batch] = client.batches(f"SELECT l, d FROM {name}.t1 ORDER BY time", dialect=Dialect.TABLE)
    assert batch.columns["l"].dtype == np.int64 and batch.columns["d"].dtype == np.float64
    assert ("l" in batch.missing) == (gap is not None)


def test_tables_of_two_databases_are_told_apart(client: IotdbClient, name: str) -> None:
    other = f"{name}x"
    client.execute(f"CREATE DATABASE {other}", dialect=Dialect.TABLE)
    try:
        for database, value in ((name, 1.0), (other, 2.0), (name, 3.0)):
            column = TabletColumn("v", T.DOUBLE, np.array([value]))
            client.insert(Tablet("t", np.array([int(value)]), (column,), database=database))
        for database, values in ((name, [1.0, 3.0]), (other, [2.0])):
            found = client.rows(f"SELECT v FROM {database}.t ORDER BY time", dialect=Dialect.TABLE)
            assert found.column("v") == values
    finally:
        client.execute(f"DROP DATABASE {other}", dialect=Dialect.TABLE)


def fill(client: IotdbClient, name: str, rows: int) -> None:
    for start in range(0, rows, 50_000):
        times = np.arange(start, min(start + 50_000, rows))
        client.insert(Tablet(f"root.{name}.big", times, (TabletColumn("s", T.DOUBLE, times * 0.5),)))


def running(client: IotdbClient, statement: str) -> bool:
    return statement in client.rows("SHOW QUERIES").column("Statement")


def test_a_large_result_comes_whole_in_batches(client: IotdbClient, name: str) -> None:
    fill(client, name, 120_000)
    batches = list(client.batches(f"SELECT s FROM root.{name}.big", fetch_rows=20_000))
    assert len(batches) > 3 and max(each.rows for each in batches) < 60_000
    times = np.concatenate([each.columns["Time"] for each in batches])
    values = np.concatenate([each.columns[f"root.{name}.big.s"] for each in batches])
    np.testing.assert_array_equal(times, np.arange(120_000))
    np.testing.assert_array_equal(values, np.arange(120_000) * 0.5)


def test_a_result_that_is_left_ends_on_the_server(client: IotdbClient, name: str) -> None:
    fill(client, name, 120_000)
    statement = f"SELECT s FROM root.{name}.big"
    batches = client.batches(statement, fetch_rows=1_000)
    next(batches)
    assert running(client, statement)
    batches.close()
    assert not running(client, statement)


def test_a_result_that_was_read_whole_is_gone_from_the_server(client: IotdbClient, name: str) -> None:
    fill(client, name, 1_000)
    statement = f"SELECT s FROM root.{name}.big"
    assert len(client.rows(statement).values) == 1_000
    assert sum(each.rows for each in client.batches(statement)) == 1_000
    assert not running(client, statement)


def test_an_empty_result_has_its_columns_and_no_batch(client: IotdbClient, name: str) -> None:
    fill(client, name, 10)
    statement = f"SELECT s FROM root.{name}.big WHERE time > 1000000"
    assert client.rows(statement).columns[0] == "Time" and client.rows(statement).values == ()
    assert list(client.batches(statement)) == []


def test_a_value_of_another_type_is_an_error_with_a_remedy(client: IotdbClient, name: str) -> None:
    fill(client, name, 10)
    with pytest.raises(IotdbError) as caught:
        client.insert(Tablet(f"root.{name}.big", np.arange(2), (TabletColumn("s", T.TEXT, objects("a", "b")),)))
    assert caught.value.status > 200 and caught.value.remedy
    # The session goes on, and so does its statement.
    assert len(client.rows(f"SELECT s FROM root.{name}.big").values) == 10


def test_a_syntax_error_leaves_the_session_usable(client: IotdbClient) -> None:
    with pytest.raises(IotdbError) as caught:
        client.rows("SELEC x")
    assert caught.value.status == 700
    assert client.rows("SHOW VERSION").column("Version")[0]


def test_the_server_is_told_how_long_a_question_may_take(client: IotdbClient) -> None:
    found = client.rows("SHOW QUERIES", timeout=17.0)
    mine = [row for row in found.texts() if row["statement"] == "SHOW QUERIES" and row["timeout"] == "17000"]
    assert mine


def test_a_restart_of_the_data_node_loses_no_statement(fresh_iotdb: Cluster, connect: Connect, until: Until) -> None:
    client = connect(fresh_iotdb)
    client.execute("CREATE DATABASE root.before")
    assert client.rows("SHOW VERSION").values
    reconnects = client.reconnects
    fresh_iotdb.restart(Node.DATANODE)

    def back() -> bool:
        try:
            return bool(client.rows("COUNT DATABASES", purpose=Purpose.CHANGE).values)
        except (UnreachableError, ProtocolError, IotdbError):
            return False

    until(back)
    client.execute("CREATE DATABASE root.after")
    assert {"root.before", "root.after"} <= set(
        client.rows("SHOW DATABASES", purpose=Purpose.CHANGE).column("Database")
    )
    assert client.reconnects > reconnects


def test_a_data_node_that_stands_still_blocks_nobody(fresh_iotdb: Cluster, connect: Connect) -> None:
    client = connect(fresh_iotdb, connect_timeout=2.0, statement_timeout=2.0)
    assert client.rows("SHOW VERSION").values
    client.execute("FLUSH")
    fresh_iotdb.pause(Node.DATANODE)
    try:
        with pytest.raises(UnreachableError):
            client.rows("SHOW VERSION")
        with pytest.raises(UnknownOutcomeError):
            client.execute("CREATE DATABASE root.still")
    finally:
        fresh_iotdb.resume(Node.DATANODE)


def test_a_wrong_password_is_tried_once(iotdb_cluster: Cluster, client: IotdbClient, connect: Connect) -> None:
    user = f"u{uuid.uuid4().hex[:10]}"
    client.execute(f"CREATE USER {user} 'Passw0rd_1234'")
    try:
        wrong = connect(iotdb_cluster, user=user, password="Wrong_passw0rd")
        for _ in range(10):
            with pytest.raises(IotdbError) as caught:
                wrong.rows("SHOW VERSION")
            assert caught.value.status == 801
        right = connect(iotdb_cluster, user=user, password="Passw0rd_1234")
        assert right.rows("SHOW CURRENT_USER").values == ((user,),)  # It was not locked.
    finally:
        client.execute(f"DROP USER {user}")


def test_what_the_server_can_do_for_root(client: IotdbClient) -> None:
    found = Prober(client, lambda: 0.0).capabilities()
    assert found.facts.version == "2.0.10" and found.facts.verified and found.user == "root"
    assert set(found.lacking) == {Feature.FINE_TUNING, Feature.COVARIATES}
    assert any("no AINode is registered" in each for each in found.notices)


def test_what_a_user_who_may_only_read_is_told(
    iotdb_cluster: Cluster, client: IotdbClient, connect: Connect, name: str
) -> None:
    user = f"u{uuid.uuid4().hex[:10]}"
    client.execute(f"CREATE USER {user} 'Passw0rd_1234'")
    try:
        client.execute(f"GRANT READ_DATA ON root.{name}.** TO USER {user}")
        limited = connect(iotdb_cluster, user=user, password="Passw0rd_1234")
        found = Prober(limited, lambda: 0.0).capabilities()
        for feature in (Feature.NODES, Feature.MODELS, Feature.REGIONS, Feature.LOAD_MODEL, Feature.SET_CONFIGURATION):
            assert f"user {user} lacks the privilege SYSTEM" in found.reason(feature), feature
        assert "WRITE_DATA or INSERT" in found.off("forecast.write") and "SELECT" in found.off("series.classify")
        assert found.off("series.save") == "" and found.off("series.forecast") == ""
        # The reasons are true.
        for statement in ("DROP MODEL none", "REMOVE AINODE", "LOAD MODEL none TO DEVICES 'cpu'"):
            with pytest.raises(IotdbError) as caught:
                limited.execute(statement)
            assert caught.value.status == 803
    finally:
        client.execute(f"DROP USER {user}")
