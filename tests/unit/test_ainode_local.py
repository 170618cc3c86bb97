"""The embedded backend and the plugin's declaration: what the host says, and what it must not import."""

import csv
import json
import subprocess
import sys
import threading
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quarterdeck_ainode import checks
from quarterdeck_ainode.iotdb.cluster_actions import cluster_actions
from quarterdeck_ainode.local.actions import BACKTEST, DETECT, FORECAST, TASK_OF
from quarterdeck_ainode.local.backend import LocalBackend, open_backend
from quarterdeck_ainode.models.catalogue import MODELS, Task
from quarterdeck_api.backend import Backend, Completer, Describable, Interest, Parameterised, Probeable
from quarterdeck_api.catalogue import Catalogue
from quarterdeck_api.declarations import NoParameters
from quarterdeck_api.documents import TableBlock
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.parameters import fields
from quarterdeck_api.resources import Change, Health, Resource, Synced, Upsert

HEAVY = (
    *(
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "sktime",
        "statsforecast",
        "statsmodels",
        "pmdarima",
        "hmmlearn",
        "pyarrow",
    ),
    *("iotdb", "thrift", "sqlalchemy", "tests"),  # The client of a real server brings a package of that name.
)


#: Columns of the shared kinds that only a cluster's resources fill.
CLUSTER_COLUMNS = {"node": {"endpoint", "ports", "build"}, "model": {"instances", "devices"}}


class FakeWatch:
    """A WatchContext that builds resources with the catalogue's columns and ends `watch` after the first wait."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.changes: list[Change] = []
        self.waits: list[float] = []
        self.stopped = False
        self.interest = Interest.NONE
        self._catalogue = catalogue

    def emit(self, change: Change) -> None:
        self.changes.append(change)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.stopped = len(self.waits) == 3  # It wakes for other reasons than the end as well.
        return self.stopped

    def resource(self, kind: str, name: str, *, cells: dict[str, Any], health: str = "ok", **named: Any) -> Resource:
        columns = self._catalogue.columns(kind)
        assert set(cells) <= set(columns)
        assert set(columns) - set(cells) == CLUSTER_COLUMNS[kind], "every column that the local engine knows is filled"
        ordered = tuple(cells.get(column) for column in columns)
        return Resource(f"ainode/{kind}/{name}", name, Health(health), cells=ordered, **named)


@pytest.fixture(scope="module")
def declared() -> Catalogue:
    command = [sys.executable, "-m", "quarterdeck_api.declare", "--module", "quarterdeck_ainode.plugin"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    return msgspec.convert(answer["catalogue"], Catalogue)


@pytest.fixture
def backend() -> LocalBackend:
    return open_backend("ainode", NoParameters())


def test_the_backend_has_its_capabilities(backend: LocalBackend) -> None:
    for protocol in (Backend, Describable, Parameterised, Completer, Probeable):
        assert isinstance(backend, protocol)


def test_watch_says_everything_and_then_only_waits(backend: LocalBackend, declared: Catalogue) -> None:
    context = FakeWatch(declared)
    thread = threading.Thread(target=backend.watch, args=(context,))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    resources = {change.resource.address: change.resource for change in context.changes if isinstance(change, Upsert)}
    assert set(resources) == {"ainode/node/local", *(f"ainode/model/{model.id}" for model in MODELS)}
    assert context.changes[-1] == Synced(("node", "model", "ai-device", "query"))
    assert len(context.waits) == 3
    assert min(context.waits) >= 60
    arima = resources["ainode/model/arima"]
    cells = dict(zip(declared.columns("model"), arima.cells, strict=True))
    assert (cells["type"], cells["category"], cells["task"]) == ("sktime", "builtin", "forecast")
    assert (cells["class"], cells["intervals"]) == ("ARIMA", True)
    assert arima.parent == "ainode/node/local"
    for model in MODELS:
        off = resources[f"ainode/model/{model.id}"].actions_off
        assert (FORECAST in off) == (model.task is Task.DETECTION)
        assert (DETECT in off) == (model.task is Task.FORECAST)
        assert resources[f"ainode/model/{model.id}"].cells[0] == model.library
        assert not set(off) & cluster_actions("model")
    assert "these do: arima, " in resources["ainode/model/stray"].actions_off[FORECAST]
    assert "these do: gaussian_hmm, gmm_hmm, stray" in resources["ainode/model/arima"].actions_off[DETECT]


def test_the_host_imports_no_numerical_library() -> None:
    program = (
        "import sys, json\n"
        "from quarterdeck_ainode import plugin\nfrom quarterdeck_ainode.local import backend as local\n"
        "backend = local.open_backend('ainode', None)\n"
        "backend.describe('ainode/model/arima'); backend.describe('ainode/node/local'); backend.probe()\n"
        "backend.own_parameters('model.forecast', 'ainode/model/stray')\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    found = json.loads(
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60).stdout
    )
    assert not set(HEAVY) & set(found)


def test_declaring_imports_no_library_of_a_backend() -> None:
    program = (
        "import sys, json\n"
        "from quarterdeck_api import declare\n"
        "declaration = declare.run('quarterdeck_ainode.plugin', [])\n"
        "assert not declaration.error, declaration.error\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not set(HEAVY) & set(json.loads(done.stdout))


@pytest.mark.parametrize("model", [model.id for model in MODELS])
def test_a_model_is_described_with_every_parameter(backend: LocalBackend, model: str) -> None:
    document = backend.describe(f"ainode/model/{model}")
    table = next(block for block in document.blocks if isinstance(block, TableBlock))
    schema = backend.own_parameters(FORECAST, f"ainode/model/{model}")
    assert [row[0] for row in table.rows] == [field.name for field in fields(schema)]
    assert all(row[1] for row in table.rows if row[0] not in ("params", "init_params"))
    msgspec.json.encode(document)
    msgspec.json.encode(schema)


def test_unknown_resources_are_sentences(backend: LocalBackend) -> None:
    for address in ("ainode/model/prophet", "ainode/node/other", "ainode/stream/x"):
        with pytest.raises(NotFoundError) as caught:
            backend.describe(address)
        assert caught.value.remedy


def test_choices_are_completed(backend: LocalBackend) -> None:
    address = "ainode/model/arima"
    assert [choice.value for choice in backend.complete(FORECAST, address, "method", "b")] == ["basinhopping", "bfgs"]
    assert [choice.value for choice in backend.complete(FORECAST, address, "with_intercept", "")] == ["true", "false"]
    assert backend.complete(FORECAST, address, "dataset", "") == []
    models = [choice.value for choice in backend.complete(BACKTEST, address, "models", "a")]
    assert models[:2] == ["all", "arima"]
    assert "stray" not in [choice.value for choice in backend.complete(BACKTEST, address, "models", "")]


def test_probe_names_the_version(backend: LocalBackend) -> None:
    found = backend.probe()
    assert found.version.startswith("sktime 1.")
    assert found.notices == ()


def test_the_plugin_declares_what_it_has(declared: Catalogue) -> None:
    assert [each.id for each in declared.backend_types if each.embedded] == ["ainode.local"]
    assert {each.id for each in declared.actions} >= set(TASK_OF)
    assert {each.job for each in declared.actions if each.job} == {each.id for each in declared.jobs}
    action = next(each for each in declared.actions if each.id == FORECAST)
    job = next(each for each in declared.jobs if each.id == action.job)
    assert action.own_parameters
    assert job.wall_clock_limit == 600
    by_name = {field.name: field for field in fields(action.parameters)}
    assert by_name["dataset"].format == "dataset"
    assert by_name["dataset"].required
    assert (by_name["horizon"].default, by_name["horizon"].minimum, by_name["horizon"].maximum) == (12, 1, 5000)


@pytest.mark.parametrize(
    "name", ["airline", "lynx", "shampoo", "longley", "uschange", "pbs", "seatbelts", "solar", "yahoo"]
)
def test_samples_describe_their_files(declared: Catalogue, name: str) -> None:
    sample = next(each for each in declared.samples if each.name == name)
    with Path(sample.path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sample.rows
    assert set(sample.columns) <= set(rows[0])
    assert sample.target in {sample.rename.get(column, column) for column in sample.columns}
    assert bool(sample.start) != bool(sample.time_column)
    assert all(float(row[column]) is not None for row in rows for column in sample.columns)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("airline", lambda row: datetime.strptime(row["Date"], "%Y-%m")),
        ("lynx", lambda row: datetime(int(row[""]), 1, 1)),
        ("shampoo", lambda row: datetime.strptime(row["Time"], "%Y-%m")),
        ("longley", lambda row: datetime(int(row["YEAR"]), 1, 1)),
        ("uschange", lambda row: datetime(int(row["Quarter"][:4]), 3 * int(row["Quarter"][-1]) - 2, 1)),
        ("pbs", lambda row: datetime.strptime(row["Month"], "%Y %b")),
        ("seatbelts", lambda row: datetime.fromisoformat(row[""])),
    ],
)
def test_start_and_frequency_give_the_times_of_the_file(declared: Catalogue, name: str, read: Any) -> None:
    import pandas as pd

    sample = next(each for each in declared.samples if each.name == name)
    with Path(sample.path).open(newline="") as file:
        times = [read(row) for row in csv.DictReader(file)]
    assert list(pd.date_range(sample.start, periods=sample.rows, freq=sample.frequency)) == times


def test_solar_is_regular_at_its_frequency(declared: Catalogue) -> None:
    sample = next(each for each in declared.samples if each.name == "solar")
    with Path(sample.path).open(newline="") as file:
        times = [datetime.fromisoformat(row[sample.time_column]) for row in csv.DictReader(file)]
    steps = {(after - before).total_seconds() for before, after in pairwise(times)}
    assert sample.frequency == "30min"
    assert steps == {1800.0}


@pytest.mark.parametrize(
    "check", [checks.check_sktime, checks.check_statsmodels, checks.check_pmdarima, checks.check_hmmlearn]
)
def test_checks_name_the_version(check: Any) -> None:
    found = check()
    assert found.ok
    assert any(letter.isdigit() for letter in found.sentence)


def test_a_broken_library_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hmmlearn.hmm", None)
    found = checks.check_hmmlearn()
    assert not found.ok
    assert "hmmlearn.hmm cannot be imported" in found.sentence
    assert found.remedy
