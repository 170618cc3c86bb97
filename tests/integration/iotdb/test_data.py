"""Series of a real IoTDB become datasets and datasets become series, through the runtime and its workers."""

import contextlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotdb_cluster import Cluster, Node
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.tablet import Tablet, TabletColumn
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import COMPLETE, CompleteParams

Until = Callable[[Callable[[], bool]], None]

START = 1_700_000_000_000
NAN = float("nan")


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any], iotdb_cluster: Cluster) -> Any:
    return make_instance(configuration(iotdb_cluster))


def configuration(cluster: Cluster, name: str = "plant") -> str:
    return f'[backends.{name}]\ntype = "ainode.iotdb"\nnodes = ["{cluster.client_url}"]\n'


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    return instance.client()


@pytest.fixture(scope="module")
def cluster(iotdb_cluster: Cluster) -> Iterator[IotdbClient]:
    made = IotdbClient(IotdbSettings((iotdb_cluster.client_url,)))
    yield made
    made.close()


@pytest.fixture
def tree(cluster: IotdbClient) -> Iterator[str]:
    """A database of the tree of this test's own."""
    name = f"root.data_{uuid.uuid4().hex[:8]}"
    cluster.execute(f"CREATE DATABASE {name}")
    yield name
    cluster.execute(f"DELETE DATABASE {name}")


@pytest.fixture
def tables(cluster: IotdbClient) -> Iterator[str]:
    """A database of tables of this test's own."""
    name = f"data_{uuid.uuid4().hex[:8]}"
    cluster.execute(f"CREATE DATABASE {name}", dialect=Dialect.TABLE)
    yield name
    cluster.execute(f"DROP DATABASE {name}", dialect=Dialect.TABLE)


def succeed(client: Any, action: str, address: str, **parameters: Any) -> dict[str, Any]:
    record = client.finished(client.do_one(action, address, parameters=parameters, confirmed=True).job)
    assert record.state is JobState.SUCCEEDED, record.error
    return record.result


def fail(client: Any, action: str, address: str, **parameters: Any) -> str:
    record = client.finished(client.do_one(action, address, parameters=parameters, confirmed=True).job)
    assert record.state in (JobState.FAILED, JobState.DEAD)
    return record.error.message


def rows_of(instance: Any, dataset: str) -> pa.Table:
    return pq.read_table(instance.paths.datasets / f"{dataset}.parquet")


def times_of(table: pa.Table) -> list[int]:
    return table.column("time").cast(pa.int64()).to_pylist()


def write(cluster: IotdbClient, device: str, rows: int, first: int = START, step: int = 1000) -> None:
    times = first + step * np.arange(rows, dtype=np.int64)
    for begin in range(0, rows, 100_000):
        part = times[begin : begin + 100_000]
        values = (part - first) / step
        cluster.insert(Tablet(device, part, (TabletColumn("v", ValueType.DOUBLE, values),), aligned=True))


def test_a_series_of_the_tree_becomes_a_dataset(client: Any, instance: Any, cluster: IotdbClient, tree: str) -> None:
    write(cluster, f"{tree}.d", 5000)
    address = f"plant/series/{tree}.d.v"
    found = succeed(client, "series.save", address, name="tree-whole")
    assert (found["rows"], found["columns"], found["frequency"], found["gaps"]) == (5000, ["v"], "s", 0)
    assert found["statement"] == f"SELECT v AS c0 FROM {tree}.d LIMIT 500000"
    table = rows_of(instance, "tree-whole")
    assert times_of(table) == [(START + 1000 * row) * 1000 for row in range(5000)]
    assert table.column("v").to_pylist() == [float(row) for row in range(5000)]
    [dataset] = [each for each in client.get("dataset").resources if each.name == "tree-whole"]
    assert address in dataset.cells
    part = {"start": "2023-11-14T22:13:30", "end": "2023-11-14T23:13:40.000+01:00"}
    assert succeed(client, "series.save", address, name="tree-part", **part)["rows"] == 11
    assert times_of(rows_of(instance, "tree-part"))[0] == (START + 10_000) * 1000
    assert "no values in this range" in fail(client, "series.save", address, name="tree-none", end="2000-01-01")
    taken = client.do_one("series.save", address, parameters={"name": "tree-whole"})
    assert taken.status == "refused" and "there is a dataset 'tree-whole' already" in taken.message
    assert succeed(client, "series.save", address, name="tree-whole", replace=True, **part)["rows"] == 11


def test_a_device_becomes_columns_and_missing_values_stay_missing(
    client: Any, instance: Any, cluster: IotdbClient, tree: str
) -> None:
    device = f"{tree}.`press 4`"
    cluster.execute(f"INSERT INTO {device}(time, i, `x.y`, note, up) VALUES (1000, 7, 1.5, 'a', true)")
    cluster.execute(f"INSERT INTO {device}(time, `x.y`) VALUES (2000, 2.5)")
    cluster.execute(f"INSERT INTO {device}(time, i) VALUES (4000, 9)")
    found = succeed(client, "series.save", f"plant/device/{device}", name="device", time_zone="Europe/Berlin")
    assert (found["rows"], found["gaps"], found["missing"]) == (3, 1, {"i": 1, "x.y": 1})
    table = rows_of(instance, "device")
    assert times_of(table) == [1_000_000, 2_000_000, 4_000_000]
    assert table.column("i").to_pylist() == [7.0, None, 9.0]
    assert table.column("x.y").to_pylist() == [1.5, 2.5, None]
    named = succeed(client, "series.save", f"plant/device/{device}", name="named", columns=["up", "i"], target="i")
    assert named["columns"] == ["up", "i"]
    assert rows_of(instance, "named").column("up").to_pylist() == [1.0, None]
    assert "holds TEXT" in fail(client, "series.save", f"plant/device/{device}", name="text", columns=["note"])


def test_of_a_table_the_rows_of_one_device_are_read(
    client: Any, instance: Any, cluster: IotdbClient, tables: str
) -> None:
    cluster.execute(f"CREATE TABLE {tables}.t (site STRING TAG, v DOUBLE FIELD, w INT64 FIELD)", dialect=Dialect.TABLE)
    for site, first in (("o'hara", 10), ("south", 20)):
        rows = f"(1000, '{site.replace(chr(39), chr(39) * 2)}', {first}.5, {first}), (2000, '{site.replace(chr(39), chr(39) * 2)}', null, {first + 1})"
        cluster.execute(f"INSERT INTO {tables}.t(time, site, v, w) VALUES {rows}", dialect=Dialect.TABLE)
    address = f"plant/table/{tables}.t"
    said = fail(client, "series.save", address, name="both")
    assert "rows of several devices" in said
    assert succeed(client, "series.save", address, name="one", tags=["site=o'hara"])["rows"] == 2
    table = rows_of(instance, "one")
    assert (table.column("v").to_pylist(), table.column("w").to_pylist()) == ([10.5, None], [10.0, 11.0])
    series = f'plant/series/{tables}.t.w[site="south"]'
    assert succeed(client, "series.save", series, name="south")["columns"] == ["w"]
    assert rows_of(instance, "south").column("w").to_pylist() == [20.0, 21.0]
    offered = client.call(COMPLETE, CompleteParams("series.save", address, "tags", "site=s"), 60.0).choices
    assert [each.value for each in offered] == ["site=south"]


def test_a_dry_run_says_what_is_there(client: Any, cluster: IotdbClient, tree: str) -> None:
    write(cluster, f"{tree}.d", 10)
    address = f"plant/series/{tree}.d.v"
    shown = client.do_one("series.save", address, parameters={"name": "never"}, dry_run=True)
    assert shown.status == "preview" and f"would read 10 rows of {tree}.d into the dataset never" in shown.message
    assert shown.statement == f"SELECT v AS c0 FROM {tree}.d LIMIT 500000"
    assert succeed(client, "series.save", address, name="shown")["rows"] == 10
    into = {"dataset": "shown", "into": "copy"}
    new = client.do_one("database.ingest", f"plant/database/{tree}", parameters=into, dry_run=True)
    assert new.statement == f"CREATE ALIGNED TIMESERIES {tree}.copy (v DOUBLE)"
    assert "would write 10 rows of core/dataset/shown" in new.message
    assert list(cluster.rows(f"SHOW DEVICES {tree}.copy").texts()) == []
    old = client.do_one(
        "database.ingest", f"plant/database/{tree}", parameters={"dataset": "shown", "into": "d"}, dry_run=True
    )
    assert "would be refused" in old.message and "10 rows" in old.message
    assert not [each for each in client.get("dataset").resources if each.name == "never"]


def test_a_dataset_goes_into_a_device_and_comes_back(
    client: Any, instance: Any, cluster: IotdbClient, tree: str, tmp_path: Path
) -> None:
    source = tmp_path / "two.csv"
    source.write_text("t,y,z z\n2024-01-01T00:00,1.5,\n2024-01-01T01:00,,\n2024-01-01T02:00,2.5,7\n")
    succeed_import(client, source, "two")
    database = f"plant/database/{tree}"
    found = succeed(client, "database.ingest", database, dataset="two", into="d")
    assert found["statements"] == [f"CREATE ALIGNED TIMESERIES {tree}.d (y DOUBLE, `z z` DOUBLE)"]
    assert (found["rows"], found["points"], found["rows_there"]) == (3, 3, 2)
    assert "taken for UTC" in found["notices"][0]
    assert cluster.rows(f"SELECT y, `z z` FROM {tree}.d").values == (
        (1_704_067_200_000, 1.5, None),
        (1_704_074_400_000, 2.5, 7.0),
    )
    assert "2 rows in the dataset's time range" in fail(client, "database.ingest", database, dataset="two", into="d")
    again = succeed(client, "database.ingest", database, dataset="two", into="d", overwrite=True)
    assert (again["rows_there"], again["statements"]) == (2, [])
    assert succeed(client, "series.save", f"plant/device/{tree}.d", name="back")["missing"] == {"z z": 1}
    assert rows_of(instance, "back").column("y").to_pylist() == [1.5, 2.5]


def succeed_import(client: Any, source: Path, name: str) -> None:
    parameters = {"file": str(source), "time": "t", "name": name}
    record = client.finished(client.do_one("dataset.import", parameters=parameters).job)
    assert record.state is JobState.SUCCEEDED, record.error


def test_a_device_that_is_there_keeps_its_types(client: Any, cluster: IotdbClient, tree: str, tmp_path: Path) -> None:
    source = tmp_path / "half.csv"
    source.write_text("t,y\n2024-01-01,1\n2024-01-02,1.5\n")
    succeed_import(client, source, "half")
    cluster.execute(f"CREATE TIMESERIES {tree}.d.y INT32")
    database = f"plant/database/{tree}"
    said = fail(client, "database.ingest", database, dataset="half", into="d")
    assert "1.5 at 2024-01-02T00:00:00Z does not fit into y" in said
    assert cluster.rows(f"SELECT count(y) FROM {tree}.d").values == ((0,),)
    cluster.execute(f"CREATE TIMESERIES {tree}.e.y TEXT")
    assert "holds TEXT" in fail(client, "database.ingest", database, dataset="half", into="e")
    cluster.execute(f"CREATE TIMESERIES {tree}.f.y FLOAT")
    notices = succeed(client, "database.ingest", database, dataset="half", into="f")["notices"]
    assert "not aligned; it stays so" in notices[0] and "rounded to 32 bits" in notices[1]
    assert cluster.rows(f"SHOW DEVICES {tree}.f").column("IsAligned") == ["false"]


def test_a_dataset_goes_into_a_table(client: Any, cluster: IotdbClient, tables: str, tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text("t,y\n2024-01-01,1\n2024-01-02,\n")
    succeed_import(client, source, "for-table")
    database = f"plant/database/{tables}"
    asked = {"dataset": "for-table", "into": "t", "tags": ["site=it's"]}
    found = succeed(client, "database.ingest", database, **asked)
    assert (found["points"], found["rows_there"]) == (1, 2)
    rows = cluster.rows(f"SELECT time, site, y FROM {tables}.t ORDER BY time", dialect=Dialect.TABLE)
    assert rows.values == ((1_704_067_200_000, "it's", 1.0), (1_704_153_600_000, "it's", None))
    assert "2 rows" in fail(client, "database.ingest", database, **asked)
    other = succeed(client, "database.ingest", database, **{**asked, "tags": ["site=south"]})
    assert (other["statements"], other["rows_there"]) == ([], 2)
    assert "has the tag site" in fail(client, "database.ingest", database, dataset="for-table", into="t")


def test_names_that_would_end_the_servers_schema_are_never_sent(
    client: Any, cluster: IotdbClient, tree: str, tmp_path: Path
) -> None:
    source = tmp_path / "named.parquet"
    times = pa.array([0, 1_000_000], pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"t": times, "timestamp": pa.array([1.0, 2.0]), "y": pa.array([2.0, 3.0])}), source)
    succeed_import(client, source, "timestamps")
    said = fail(client, "database.ingest", f"plant/database/{tree}", dataset="timestamps", into="d")
    assert "cannot be a name in the tree" in said
    data = succeed(client, "database.ingest", f"plant/database/{tree}", dataset="timestamps", into="d", columns=["y"])
    assert data["points"] == 2


def test_what_finds_no_room_in_a_dataset_is_said(client: Any, cluster: IotdbClient, tree: str) -> None:
    values = np.array([1.0, np.inf])
    times = np.array([START, START + 1], dtype=np.int64)
    cluster.insert(Tablet(f"{tree}.d", times, (TabletColumn("v", ValueType.DOUBLE, values),), aligned=True))
    said = fail(client, "series.save", f"plant/series/{tree}.d.v", name="infinite")
    assert "v is infinite at 2023-11-14T22:13:20.001Z" in said


def test_an_attempt_goes_on_where_the_one_before_was_killed(
    client: Any, instance: Any, cluster: IotdbClient, tree: str, until: Until
) -> None:
    rows = 2_600_000
    write(cluster, f"{tree}.d", rows)
    job = client.do_one("series.save", f"plant/series/{tree}.d.v", parameters={"name": "killed"}).job
    number = job.rsplit("/", 1)[1]
    work = instance.paths.spool / number

    def worker() -> int:
        [found] = [each for each in client.status().workers if each.job == int(number)] or [None]
        return 0 if found is None else found.pid

    until(lambda: (work / "part-000001.parquet").exists())
    with contextlib.suppress(psutil.NoSuchProcess):
        os.kill(worker(), signal.SIGKILL)
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.attempt == 2
    log = Path(record.log_paths[-1]).read_text(encoding="utf-8")
    assert "going on after" in log
    assert record.result["rows"] == rows
    assert rows_of(instance, "killed").column("v")[-1].as_py() == rows - 1
    assert not work.exists()


def test_a_cancelled_ingest_ends_and_says_how_far_it_came(
    client: Any, cluster: IotdbClient, tree: str, tmp_path: Path, until: Until
) -> None:
    source = tmp_path / "long.parquet"
    times = pa.array(1_700_000_000_000_000 + 1_000_000 * np.arange(4_000_000), pa.int64()).cast(
        pa.timestamp("us", "UTC")
    )
    pq.write_table(pa.table({"t": times, "y": pa.array(np.arange(4_000_000.0))}), source)
    succeed_import(client, source, "long")
    asked = {"dataset": "long", "into": "d"}
    job = client.do_one("database.ingest", f"plant/database/{tree}", parameters=asked, confirmed=True).job
    until(lambda: client.job(job).progress > 0.05)
    client.do_one("job.cancel", job)
    assert client.finished(job).state is JobState.CANCELLED
    [(there,)] = cluster.rows(f"SELECT count(y) FROM {tree}.d").values
    assert isinstance(there, int)
    assert 0 < there < 4_000_000
    client.do_one("job.retry", job)
    record = client.finished(job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result["rows_there"] == 4_000_000


def test_an_ingest_outlives_a_datanode_that_is_killed(
    make_instance: Callable[..., Any], fresh_iotdb: Cluster, tmp_path: Path, until: Until
) -> None:
    source = tmp_path / "long.parquet"
    rows = 3_000_000
    times = pa.array(1_700_000_000_000_000 + 1_000_000 * np.arange(rows), pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"t": times, "y": pa.array(np.arange(float(rows)))}), source)
    client = make_instance(configuration(fresh_iotdb)).client()
    succeed_import(client, source, "long")
    here = IotdbClient(IotdbSettings((fresh_iotdb.client_url,)))
    try:
        here.execute("CREATE DATABASE root.k")
        asked = {"dataset": "long", "into": "d"}
        job = client.do_one("database.ingest", "plant/database/root.k", parameters=asked, confirmed=True).job
        until(lambda: client.job(job).progress > 0.1)
        fresh_iotdb.kill(Node.DATANODE)
        fresh_iotdb.start(Node.DATANODE)
        fresh_iotdb.wait_running()
        record = client.finished(job)
        if record.state is not JobState.SUCCEEDED:  # The node may have needed longer than all attempts.
            client.do_one("job.retry", job)
            record = client.finished(job)
        assert record.state is JobState.SUCCEEDED, record.error
        assert record.attempt > 1
        assert record.result["statements"] == ["CREATE ALIGNED TIMESERIES root.k.d (y DOUBLE)"]
        assert record.result["rows_there"] == rows
        [(total,)] = here.rows("SELECT sum(y) FROM root.k.d").values
        assert total == rows * (rows - 1) / 2
    finally:
        here.close()


def test_a_server_of_nanoseconds_gives_and_takes_microseconds(
    make_instance: Callable[..., Any], make_iotdb: Callable[..., Cluster], tmp_path: Path
) -> None:
    server = make_iotdb(timestamp_precision="ns")
    instance = make_instance(configuration(server))
    client = instance.client()
    here = IotdbClient(IotdbSettings((server.client_url,)))
    try:
        start = START * 1_000_000
        write(here, "root.n.d", 3, start, 1_000)
        write(here, "root.n.odd", 2, start, 1)
        found = succeed(
            client, "series.save", "plant/series/root.n.d.v", name="whole", start="2023-11-14T22:13:20.000001"
        )
        assert times_of(rows_of(instance, "whole")) == [START * 1000 + 1, START * 1000 + 2]
        assert found["start"] == "2023-11-14T22:13:20.000001+00:00"
        assert "has nanoseconds" in fail(client, "series.save", "plant/series/root.n.odd.v", name="odd")
        back = succeed(client, "database.ingest", "plant/database/root.n", dataset="whole", into="back")
        assert back["rows_there"] == 2
        assert here.rows("SELECT v FROM root.n.back").values == ((start + 1000, 1.0), (start + 2000, 2.0))
    finally:
        here.close()
