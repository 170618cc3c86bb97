"""Forecasts through SQL, a real cluster and our AINode, beside the same fit and predict in this process."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ainode_node import Cluster, connected, joined_node, memory, node_program, running_clusters
from measure import Sample, percentile
from numpy.typing import NDArray

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient, Purpose
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory, Tablet, TabletColumn
from quarterdeck_ainode.models.catalogue import MODELS, Task, forecaster_parameters, model_named
from quarterdeck_ainode.serving import inference
from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import QuarterdeckError

HERE = Path(__file__).parent
STEPS = 12
#: From microseconds to a second of fitting.
TIMED_MODELS = ("naive_forecaster", "exponential_smoothing", "arima")
SESSIONS = (1, 2, 5, 20)
#: Seconds that the waiting engine takes for one request, and how many come at once.
_SLOW, _AT_ONCE = 0.5, 20

Numbers = NDArray[np.float64]
Times = NDArray[np.int64]


def measure_forecasts(quarterdeck: Path, rounds: int) -> dict[str, list[Sample]]:
    """Everything that is measured with our AINode in one cluster."""
    taken: dict[str, list[Sample]] = {}
    times, values = airline()
    with running_clusters() as [cluster], connected(cluster) as client:
        write_series(client, times, values)
        argv = node_program(quarterdeck)
        for _ in range(3):
            with joined_node(argv, cluster, client) as joined:
                warm(client)
                taken.setdefault("join", []).append({"seconds": joined["join"], **memory(int(joined["pid"]))})
        with joined_node(argv, cluster, client):
            warm(client)
            taken["equality"] = [equality(client, times, values)]
            for name in TIMED_MODELS:
                taken.update(latencies(client, name, times, values, rounds))
            for sessions in SESSIONS:
                taken[f"{sessions} sessions"] = [rate(client, sessions, max(rounds, 40)) for _ in range(3)]
            taken["in-process, one after the other"] = [in_process_rate(times, values, rounds) for _ in range(3)]
        taken["CALL INFERENCE, 20 at once"] = [at_once(cluster, client, call_inference("naive_forecaster"))]
        taken["FORECAST, 20 at once"] = [at_once(cluster, client, tree_forecast("naive_forecaster"))]
    return taken


def airline() -> tuple[Times, Numbers]:
    """A real monthly series: 144 numbers of passengers, with times in milliseconds."""
    from sktime.datasets import load_airline

    series = load_airline()
    stamps = series.index.to_timestamp().to_numpy().astype("datetime64[ms]").astype(np.int64)
    return stamps, series.to_numpy().astype(np.float64)


def write_series(client: IotdbClient, times: Times, values: Numbers) -> None:
    """The series as one of the tree and as one of a table."""
    column = TabletColumn("v", ValueType.DOUBLE, values)
    client.insert(Tablet("root.bench.d", times, (column,), aligned=True))
    client.execute("CREATE DATABASE bench", dialect=Dialect.TABLE)
    client.execute("CREATE TABLE bench.t (site STRING TAG, v DOUBLE FIELD)", dialect=Dialect.TABLE)
    site = TabletColumn("site", ValueType.STRING, np.full(len(times), "x", dtype=object), category=ColumnCategory.TAG)
    client.insert(Tablet("t", times, (site, column), "bench"))


def tree_forecast(model: str) -> str:
    """The tree's function."""
    return f"SELECT FORECAST(v, 'MODEL_ID'='{model}', 'OUTPUT_LENGTH'='{STEPS}') FROM root.bench.d"


def call_inference(model: str) -> str:
    """The tree's statement."""
    return f'CALL INFERENCE({model}, "SELECT v FROM root.bench.d", outputLength={STEPS})'


def table_forecast(model: str) -> str:
    """The function of the table dialect."""
    targets = "(SELECT time, v FROM bench.t) ORDER BY time"
    return f"SELECT v FROM FORECAST(model_id => '{model}', targets => {targets}, output_length => {STEPS})"


def asked(client: IotdbClient, statement: str, dialect: Dialect = Dialect.TREE) -> Numbers:
    """The last column of an answer."""
    rows = client.rows(statement, dialect=dialect, purpose=Purpose.INFERENCE)
    return np.array([row[-1] for row in rows.values], dtype=np.float64)


def warm(client: IotdbClient) -> None:
    """Every worker has computed once, and every statement was planned once."""
    for _ in range(8):
        for name in TIMED_MODELS:
            asked(client, tree_forecast(name))
            asked(client, call_inference(name))
            asked(client, table_forecast(name), Dialect.TABLE)


def in_process(model: str, times: Times, values: Numbers) -> Numbers:
    """What a worker of our AINode computes, here."""
    parameters = forecaster_parameters(model_named(model), {})
    computed = inference.answer(InferenceTask(model, parameters, times, values, STEPS))
    assert isinstance(computed, Computed), computed
    return computed.values


def equality(client: IotdbClient, times: Times, values: Numbers) -> Sample:
    """How many models answer the same through SQL as here, and by how much the others differ."""
    names = [model.id for model in MODELS if model.task is Task.FORECAST]
    largest, equal = 0.0, 0
    for name in names:
        here, there = in_process(name, times, values), asked(client, tree_forecast(name))
        equal += np.array_equal(here, there)
        largest = max(largest, float(np.max(np.abs(here - there))))
        print(f"equality {name}: {np.array_equal(here, there)}", file=sys.stderr)
    return {"models": float(len(names)), "equal": float(equal), "largest difference": largest}


def latencies(client: IotdbClient, model: str, times: Times, values: Numbers, rounds: int) -> dict[str, list[Sample]]:
    """Seconds of one forecast, all ways in turn."""
    ways: dict[str, Callable[[], object]] = {
        "in-process": lambda: in_process(model, times, values),
        "tree FORECAST": lambda: asked(client, tree_forecast(model)),
        "table FORECAST": lambda: asked(client, table_forecast(model), Dialect.TABLE),
        "CALL INFERENCE": lambda: asked(client, call_inference(model)),
    }
    taken: dict[str, list[Sample]] = {f"{model}, {way}": [] for way in ways}
    for number in range(rounds + 2):
        for way, run in ways.items():
            begin = time.perf_counter()
            run()
            if number >= 2:
                taken[f"{model}, {way}"].append({"seconds": time.perf_counter() - begin})
    return taken


def rate(client: IotdbClient, sessions: int, requests: int) -> Sample:
    """Requests a second of so many sessions, each of which asks again when it is answered."""
    each = max(2, requests // sessions)
    seconds: list[float] = []
    failures: list[str] = []
    statement = tree_forecast("naive_forecaster")

    def work() -> None:
        for _ in range(each):
            begin = time.perf_counter()
            try:
                if len(asked(client, statement)) != STEPS:
                    failures.append("a wrong number of values")
            except QuarterdeckError as error:
                failures.append(error.message)
            seconds.append(time.perf_counter() - begin)

    took = _together([work] * sessions)
    for said in sorted(set(failures)):
        print(f"{sessions} sessions: {said}", file=sys.stderr)
    p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
    return {"per_second": sessions * each / took, "failed": float(len(failures)), "p50": p50, "p95": p95}


def in_process_rate(times: Times, values: Numbers, requests: int) -> Sample:
    """The same computed here, one after the other."""
    begin = time.perf_counter()
    for _ in range(requests):
        in_process("naive_forecaster", times, values)
    return {"per_second": requests / (time.perf_counter() - begin)}


def at_once(cluster: Cluster, client: IotdbClient, statement: str) -> Sample:
    """How many of 20 requests at once the server passes on at a time, and how long they take when each takes half a second."""
    with tempfile.TemporaryDirectory(prefix="qdb-") as folder:
        note = Path(folder) / "most"
        argv = [sys.executable, str(HERE / "ainode_slow_engine.py"), str(note), str(_SLOW)]
        with joined_node(argv, cluster, client):
            asked(client, statement)
            note.write_text("0")
            took = _together([lambda: asked(client, statement)] * _AT_ONCE)
            most = float(note.read_text())
    return {"seconds": took, "most at a time": most, "each": _SLOW}


def _together(works: Sequence[Callable[[], object]]) -> float:
    """Seconds until all have ended."""
    begin = threading.Barrier(len(works) + 1)

    def run(work: Callable[[], object]) -> None:
        begin.wait()
        work()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started
