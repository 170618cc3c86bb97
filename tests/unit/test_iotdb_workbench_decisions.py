"""What the workbench decides before and after it asks a cluster: models, windows, targets, late answers, ranks."""

import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.faults import refusal
from quarterdeck_ainode.iotdb.client.rows import ColumnBatch, Rows
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.series import TreeSeries, parse_series
from quarterdeck_ainode.iotdb.versions import recognise
from quarterdeck_ainode.iotdb.workbench.asked import check_limits
from quarterdeck_ainode.iotdb.workbench.entrants import (
    ClusterEntrant,
    ClusterFacts,
    LocalEntrant,
    choose,
    settings_schema,
)
from quarterdeck_ainode.iotdb.workbench.facts import cluster_facts
from quarterdeck_ainode.iotdb.workbench.judging import possible_folds
from quarterdeck_ainode.iotdb.workbench.labelling import plan_labels
from quarterdeck_ainode.iotdb.workbench.patience import Patience
from quarterdeck_ainode.iotdb.workbench.predicting import forecast_in_cluster
from quarterdeck_ainode.iotdb.workbench.statements import Range
from quarterdeck_ainode.iotdb.workbench.targets import (
    begin,
    begun,
    plan_target,
    require_overwrite,
    write,
    write_statements,
)
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow, read_window
from quarterdeck_ainode.iotdb.workbench.writing import forecast_of
from quarterdeck_ainode.models.catalogue import Task
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.errors import (
    JobCancelledError,
    NotFoundError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from quarterdeck_api.jobs import JobContext
from quarterdeck_api.parameter_values import parse_settings, validate
from quarterdeck_api.parameters import Condition, fields

HOUR = 3_600_000
START = 1_699_999_200_000
FACTS = recognise("2.0.10").facts
TAGGED = parse_series('plant.telemetry.v[site="n"]')
TREE = TreeSeries("root.plant.d.t")


class ScriptedClient:
    """Answers statements by the first part of them that it knows, and keeps what it was sent."""

    def __init__(self, answers: Mapping[str, Any], precision: TimePrecision = TimePrecision.ms) -> None:
        self.answers = answers
        self._precision = precision
        self.sent: list[str] = []

    def _answer(self, statement: str) -> Any:
        self.sent.append(statement)
        found = next((answer for part, answer in self.answers.items() if part in statement), None)
        assert found is not None, f"nothing is said to {statement}"
        if isinstance(found, Exception):
            raise found
        return found

    def rows(self, statement: str, **_: Any) -> Rows:
        return cast("Rows", self._answer(statement))

    def batches(self, statement: str, **_: Any) -> Iterator[ColumnBatch]:
        yield cast("ColumnBatch", self._answer(statement))

    def execute(self, statement: str, **_: Any) -> None:
        self.sent.append(statement)

    def precision(self) -> TimePrecision:
        return self._precision

    @property
    def client(self) -> IotdbClient:
        return cast("IotdbClient", self)


def rows(*values: tuple[Any, ...], columns: tuple[str, ...] = ("time", "value")) -> Rows:
    return Rows(columns, tuple("TEXT" for _ in columns), values)


def newest_first(times: list[int], values: list[float | None]) -> ColumnBatch:
    """A batch as the window's query gives it."""
    numbers = np.array([0.0 if value is None else value for value in reversed(values)])
    missing = np.array([value is None for value in reversed(values)])
    moments = np.array(list(reversed(times)), dtype=np.int64)
    return ColumnBatch({"__time": moments, "v": numbers}, len(times), {"v": missing} if missing.any() else {})


COLUMNS = rows(
    ("time", "TIMESTAMP", "TIME"),
    ("site", "STRING", "TAG"),
    ("press", "STRING", "TAG"),
    ("v", "DOUBLE", "FIELD"),
    ("i", "INT32", "FIELD"),
    columns=("ColumnName", "DataType", "Category"),
)


def window(
    values: list[float | None], times: list[int] | None = None, nulls: str = "refuse", later: int = 0
) -> SeriesWindow:
    moments = times or [START + number * HOUR for number in range(len(values))]
    client = ScriptedClient(
        {
            'DESC "': COLUMNS,
            "LIMIT 1000": newest_first(moments, values),
            "LIMIT 1": rows((moments[-1],)),
            f"time >= {moments[-1] + 1}": rows((later,)),
            "count(*)": rows((0,)),
        }
    )
    return read_window(client.client, TAGGED, 1000, Range(), drop_nulls=nulls == "drop", address="plant/series/x")


def cluster(*names: str, ours: bool = True, kind: str = "sktime") -> ClusterFacts:
    models = tuple(CatalogueModel(name, kind, "builtin", "active") for name in names)
    return ClusterFacts(models, frozenset(), ours, FACTS)


# Windows


def test_a_window_is_in_order_and_on_an_axis() -> None:
    found = window([1.0, 2.0, 4.0, 3.0], later=0)
    assert found.values.tolist() == [1.0, 2.0, 4.0, 3.0]
    assert found.times.tolist() == [START + number * HOUR for number in range(4)]
    assert (found.regular, found.observed.axis.frequency, found.observed.axis.season) == (True, "h", 24)
    assert found.notices == ()


@pytest.mark.parametrize(
    ("values", "times", "sentence"),
    [
        ([1.0, None, 3.0], None, "1 of the 3 rows .* would take each for 0.0"),
        ([5.0], None, "single row"),
        ([1.0, 2.0, 3.0], [START, START, START + HOUR], "several rows at the same time"),
        ([1.0, float("inf"), 3.0], None, "infinite"),
    ],
)
def test_what_no_model_can_use_is_refused(values: list[float | None], times: list[int] | None, sentence: str) -> None:
    with pytest.raises(QuarterdeckError, match=sentence) as refused:
        window(values, times)
    assert refused.value.remedy


def test_rows_after_the_last_value_are_no_missing_values() -> None:
    found = window([1.0, 2.0, 4.0], later=6)
    assert found.notices == ("6 rows after the last value have none yet and are left out",)
    assert f"time <= {START + 2 * HOUR}" in found.statement.text


def test_a_series_that_does_not_exist_or_holds_text() -> None:
    nothing = ScriptedClient({"SHOW TIMESERIES": rows(columns=("Timeseries", "DataType"))})
    with pytest.raises(NotFoundError):
        read_window(nothing.client, TREE, 10, Range(), drop_nulls=False, address="a/series/b")
    text = ScriptedClient({"SHOW TIMESERIES": rows(("root.plant.d.t", "TEXT"), columns=("Timeseries", "DataType"))})
    with pytest.raises(UsageError, match="models take numbers"):
        read_window(text.client, TREE, 10, Range(), drop_nulls=False, address="a/series/b")


# Models


def test_models_by_name_with_their_settings() -> None:
    found = choose(
        ["arima", "local/arima", "arima"], {"arima.order": [2, 1, 1]}, cluster("arima", "stray"), keep_shift=False
    )
    assert [each.name for each in found] == ["arima", "local/arima"]
    remote, local = found
    assert isinstance(remote, ClusterEntrant)
    assert isinstance(local, LocalEntrant)
    assert remote.options == {"order": "2;1;1"}
    assert not remote.late
    assert getattr(local.parameters, "order", None) == (2, 1, 1)


def test_all_are_those_that_forecast() -> None:
    facts = cluster("arima", "stray", "gaussian_hmm", "sundial")
    assert [each.name for each in choose(["all"], {}, facts, keep_shift=False)] == ["arima", "sundial"]
    local = choose(["local/all"], {}, facts, keep_shift=False)
    assert all(each.name.startswith("local/") for each in local)
    assert "local/stray" not in {each.name for each in local}


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        (["arma"], {}, "no model 'arma'"),
        (["local/arma"], {}, "no model 'arma'"),
        (["stray"], {}, "labels points"),
        (["arima"], {"holtwinters.sp": 2}, "not among the models"),
        (["arima"], {"order": [1, 0, 0]}, "names no model"),
        (["sundial"], {"sundial.options": "revin"}, "not NAME=VALUE"),
    ],
)
def test_wrong_models_and_settings(names: list[str], settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        choose(names, settings, cluster("arima", "stray", "sundial"), keep_shift=False)


def test_a_model_that_is_not_active_is_refused() -> None:
    facts = ClusterFacts((CatalogueModel("sundial", "sundial", "builtin", "activating"),), frozenset(), False, FACTS)
    with pytest.raises(UsageError, match="activating"):
        choose(["sundial"], {}, facts, keep_shift=False)


def test_the_official_ainode_is_late_and_ignores_parameters() -> None:
    facts = cluster("arima", ours=False)
    [late] = choose(["arima"], {}, facts, keep_shift=False)
    [kept] = choose(["arima"], {}, facts, keep_shift=True)
    assert isinstance(late, ClusterEntrant)
    assert isinstance(kept, ClusterEntrant)
    assert late.late
    assert not kept.late
    with pytest.raises(UsageError, match="ignores the parameters"):
        choose(["arima"], {"arima.order": [1, 0, 0]}, facts, keep_shift=False)
    [sundial] = choose(
        ["sundial"],
        {"sundial.options": "revin=true, x=1"},
        cluster("sundial", ours=False, kind="sundial"),
        keep_shift=False,
    )
    assert isinstance(sundial, ClusterEntrant)
    assert (sundial.late, sundial.options) == (False, {"revin": "true", "x": "1"})


def test_who_may_not_see_the_models_names_them() -> None:
    hidden = ClusterFacts(None, None, None, FACTS)
    [found] = choose(["sundial"], {}, hidden, keep_shift=False)
    assert isinstance(found, ClusterEntrant)
    assert not found.late
    with pytest.raises(UsageError, match="may not see"):
        choose(["all"], {}, hidden, keep_shift=False)


def test_settings_are_read_as_the_models_own() -> None:
    schema = settings_schema(["arima", "sundial", "stray"], Task.FORECAST, "models")
    assert parse_settings(schema, ["arima.order=2,1,1"]) == {"arima.order": [2, 1, 1]}
    assert validate(schema, {"sundial.options": "a=b"}) == {"sundial.options": "a=b"}
    assert not [name for name in schema["properties"] if name.startswith(("stray.", "gaussian_hmm."))]
    named = {field.name: field.only_with for field in fields(schema)}
    assert named["arima.order"] == Condition("models", ("arima", "local/arima", "all", "local/all"))
    assert named["sundial.options"] == Condition("models", ("sundial", "local/sundial", "all", "local/all"))
    labelling = settings_schema([], Task.DETECTION, "model")["properties"]
    assert "stray.k" in labelling
    assert "arima.order" not in labelling


# Forecasts of the cluster


def entrant(*, late: bool = False) -> ClusterEntrant:
    return ClusterEntrant("arima", CatalogueModel("arima", "sktime", "builtin", "active"), {}, late)


def ask(answer: Any, *, late: bool = False, horizon: int = 2) -> Any:
    client = ScriptedClient({"FORECAST(": answer})
    found = window([1.0, 2.0, 4.0])
    made = forecast_in_cluster(
        client.client,
        entrant(late=late),
        found,
        slice(0, 3),
        horizon,
        lambda: 0.0,
        drop_nulls=False,
        targets="targets",
        log=print,
    )
    return made, client.sent


def at(number: int) -> int:
    return START + number * HOUR


def test_a_forecast_is_taken_as_it_comes() -> None:
    made, [statement] = ask(rows((at(3), 5.0), (at(4), 6.0)))
    assert made.prediction.values.tolist() == [5.0, 6.0]
    assert made.notices == ()
    assert made.statement == statement
    assert "output_length => 2" in statement
    assert f"time >= {at(0)} AND time <= {at(2)}" in statement
    assert "ORDER BY time" in statement


def test_a_late_model_is_asked_for_one_step_more() -> None:
    made, [statement] = ask(rows((at(3), 4.0), (at(4), 5.0), (at(5), 6.0)), late=True)
    assert "output_length => 3" in statement
    assert made.prediction.values.tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (rows((at(3), 5.0)), "gave 1 values, and 2 were asked for"),
        (rows((at(3), 5.0), (at(4), None)), "no finite numbers"),
        (rows((at(3), 5.0), (at(4), float("nan"))), "no finite numbers"),
        (refusal(1504, "there is no arima"), "1504"),
        (
            refusal(301, "UDTF#terminate: IoTDBRuntimeException: Forecast failed due to 1504 there is none"),
            "^1504 [^:]*: there is none$",
        ),
    ],
)
def test_what_a_model_fails_at_is_its_own_failure(answer: Any, sentence: str) -> None:
    made, _ = ask(answer)
    assert made.prediction is None
    assert re.search(sentence, made.failure.message), made.failure.message


def test_a_cluster_that_does_not_answer_ends_the_forecast() -> None:
    with pytest.raises(UnreachableError):
        ask(UnreachableError("gone", "wait"))


class PatientContext:
    """As much of a job's context as waiting needs."""

    def __init__(self, cancel_after: int = 1000) -> None:
        self.lines: list[str] = []
        self._looks = cancel_after

    def log(self, line: str) -> None:
        self.lines.append(line)

    def raise_if_cancelled(self) -> None:
        self._looks -= 1
        if self._looks < 0:
            raise JobCancelledError("cancelled")


def test_an_ainode_that_comes_back_is_waited_for() -> None:
    answers: list[Any] = [refusal(1011, "gone"), refusal(1521, "full"), rows((at(3), 5.0), (at(4), 6.0))]
    context, pauses = PatientContext(), list[float]()
    patience = Patience(cast("JobContext", context), 10.0, pauses.append)
    made = patience.ask(lambda: ask(answers.pop(0))[0])
    assert made.prediction is not None
    assert len(pauses) == 2
    assert len(context.lines) == 1
    assert "1011" in context.lines[0]


def test_waiting_ends_with_patience_and_with_the_job() -> None:
    pauses: list[float] = []
    patience = Patience(cast("JobContext", PatientContext()), 2.0, pauses.append)
    gone = refusal(1011, "gone")
    assert patience.ask(lambda: ask(gone)[0]).failure is not None
    assert sum(pauses) == 2.0
    assert patience.ask(lambda: ask(gone)[0]).failure is not None
    assert sum(pauses) == 2.0
    with pytest.raises(JobCancelledError):
        Patience(cast("JobContext", PatientContext(1)), 60.0, pauses.append).ask(lambda: ask(gone)[0])
    other = Patience(cast("JobContext", PatientContext()), 60.0, pauses.append)
    assert other.ask(lambda: ask(refusal(1504, "no such model"))[0]).failure is not None
    assert sum(pauses) == 2.5
    assert ask(refusal(1599, "this AINode is ending; ask again"))[0].transient
    assert not ask(refusal(1599, "failed inside"))[0].transient


def test_an_ainode_that_is_registered_and_silent_may_be_asked_again_and_one_that_is_not_there_may_not() -> None:
    titles = ("NodeID", "NodeType", "Status", "InternalAddress", "InternalPort", "Version", "BuildInfo")
    server = ("0", "ConfigNode", "Running", "127.0.0.1", "10710", "2.0.10", "")
    ours = ("2", "AINode", "Unknown", "127.0.0.1", "10810", "2.0.10", "quarterdeck")
    gone = refusal(1011, "Failed to connect to AINode")

    def facts(*nodes: tuple[str, ...]) -> ClusterFacts:
        listed = Rows(titles, ("TEXT",) * len(titles), nodes)
        return cluster_facts(ScriptedClient({"CLUSTER DETAILS": listed, "SHOW MODELS": gone}).client, ("arima",))

    with pytest.raises(UnreachableError, match=r"node 2 at .* is Unknown and does not answer") as silent:
        facts(server, ours)
    assert "local/" in silent.value.remedy
    with pytest.raises(QuarterdeckError, match="has no AINode") as absent:
        facts(server)
    assert not isinstance(absent.value, UnreachableError)


def test_other_times_than_the_server_documents_are_said() -> None:
    made, _ = ask(rows((at(2), 5.0), (at(3), 6.0)))
    assert made.prediction.values.tolist() == [5.0, 6.0]
    assert "other times" in made.notices[0]


def test_limits_are_said_before_the_server_drops_rows() -> None:
    check_limits(2880, 2880)
    with pytest.raises(UsageError, match="2880 rows"):
        check_limits(2881, 1)
    with pytest.raises(UsageError, match="2880 values"):
        check_limits(10, 2881)


# Labels


def test_labels_by_classify_and_by_inference() -> None:
    found = window([1.0, 2.0, 4.0])
    plan = plan_labels(found, "stray", {}, drop_nulls=False, classify_input="inputs")
    assert "CLASSIFY(model_id => 'stray', inputs => (SELECT" in plan.statement.text
    with pytest.raises(UnsupportedError, match="takes no options"):
        plan_labels(found, "stray", {"k": "3"}, drop_nulls=False, classify_input="input")
    with pytest.raises(UnsupportedError, match="no CLASSIFY"):
        plan_labels(found, "stray", {}, drop_nulls=False, classify_input="")


# Ranking


@given(st.integers(2, 3000), st.integers(1, 200), st.integers(0, 20))
def test_folds_are_those_that_there_is_room_for(count: int, horizon: int, wanted: int) -> None:
    folds, said = possible_folds(count, horizon, wanted)
    assert len(folds) <= wanted
    assert bool(said) is (len(folds) < wanted)
    for fold in folds:
        assert 0 <= fold.start < fold.cutoff < fold.stop <= count
        assert fold.stop - fold.cutoff == horizon
    if len(folds) > 1:
        assert folds[0].cutoff * 2 >= count
    if folds:
        assert folds[-1].stop == count


# Targets

AHEAD = np.array([at(3), at(4)], dtype=np.int64)


def test_a_new_series_is_made_as_its_device_is() -> None:
    for aligned, making in (
        ("true", "CREATE ALIGNED TIMESERIES root.plant.d(t_fc DOUBLE)"),
        ("false", "CREATE TIMESERIES root.plant.d.t_fc WITH DATATYPE=DOUBLE"),
    ):
        client = ScriptedClient(
            {
                "SHOW DEVICES": rows(("root.plant.d", aligned), columns=("Device", "IsAligned")),
                "SHOW TIMESERIES": rows(columns=("Timeseries", "DataType")),
            }
        )
        target = plan_target(client.client, "{series}_fc", TREE, AHEAD)
        assert [each.text for each in target.making] == [making]
        assert target.existing == 0
        write(client.client, target, [1.5, 2.5], print)
        kind = " ALIGNED" if aligned == "true" else ""
        assert client.sent[-2:] == [
            making,
            f"INSERT INTO root.plant.d(timestamp, t_fc){kind} VALUES ({at(3)}, 1.5), ({at(4)}, 2.5)",
        ]


def test_points_that_are_there_are_counted_and_kept_unless_told_otherwise() -> None:
    client = ScriptedClient(
        {
            "SHOW DEVICES": rows(("root.plant.d", "false"), columns=("Device", "IsAligned")),
            "SHOW TIMESERIES": rows(("root.plant.d.x", "FLOAT"), columns=("Timeseries", "DataType")),
            "SELECT x FROM root.plant.d": ColumnBatch({"Time": np.array([at(2), at(4)]), "x": np.zeros(2)}, 2),
        }
    )
    target = plan_target(client.client, "root.plant.d.x", TREE, AHEAD)
    assert (target.making, target.existing) == ((), 1)
    require_overwrite(target, overwrite=True)
    with pytest.raises(QuarterdeckError, match="1 of the 2 points would replace"):
        require_overwrite(target, overwrite=False)


def test_a_column_beside_the_series_is_of_the_same_device() -> None:
    client = ScriptedClient({'DESC "': COLUMNS, "SELECT DISTINCT": rows(("4",), columns=("press",))})
    target = plan_target(client.client, "{series}_fc", TAGGED, AHEAD)
    assert target.series.name == 'plant.telemetry.v_fc[site="n",press="4"]'
    assert [each.text for each in target.making] == ['ALTER TABLE "plant"."telemetry" ADD COLUMN "v_fc" DOUBLE FIELD']
    [insert] = write_statements(target, [1.0, 2.0])
    assert insert.text == (
        'INSERT INTO "plant"."telemetry"(time, "site", "press", "v_fc") VALUES '
        f"({at(3)}, 'n', '4', 1.0), ({at(4)}, 'n', '4', 2.0)"
    )
    two = ScriptedClient({'DESC "': COLUMNS, "SELECT DISTINCT": rows(("4",), ("5",), columns=("press",))})
    with pytest.raises(UsageError, match="several devices"):
        plan_target(two.client, "{series}_fc", TAGGED, AHEAD)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ('plant.telemetry.i[site="n",press="4"]', "cannot hold a forecast's fractions"),
        ('plant.telemetry.w[line="1"]', "no tag"),
        ("plant.telemetry.site", "holds no measurements"),
        (TAGGED.name, "would be mixed"),
    ],
)
def test_targets_that_cannot_take_a_forecast(name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan_target(ScriptedClient({'DESC "': COLUMNS}).client, name, TAGGED, AHEAD)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40), st.integers(1, 60))
def test_every_value_is_written_exactly_and_once(found: list[float], times_over: int) -> None:
    values = found * times_over
    client = ScriptedClient(
        {
            "SHOW DEVICES": rows(columns=("Device", "IsAligned")),
            "SHOW TIMESERIES": rows(columns=("Timeseries", "DataType")),
        }
    )
    times = START + HOUR * np.arange(len(values), dtype=np.int64)
    target = plan_target(client.client, "root.plant.d.x", TREE, times)
    written: list[tuple[int, float]] = []
    for statement in write_statements(target, values):
        _, _, rest = statement.text.partition(" VALUES ")
        written += [(int(a), float(b)) for a, b in (part.split(", ") for part in rest[1:-1].split("), ("))]
    assert written == list(zip(times.tolist(), values, strict=True))


class KeepingContext:
    """As much of a job's context as keeping a checkpoint needs."""

    def __init__(self, checkpoint: object = None) -> None:
        self.spec = SimpleNamespace(checkpoint=checkpoint)

    def checkpoint(self, value: object) -> None:
        self.spec = SimpleNamespace(checkpoint=value)


def test_an_attempt_knows_that_the_one_before_has_begun_to_write() -> None:
    first = KeepingContext()
    assert not begun(cast("JobContext", first), "root.plant.d.x")
    begin(cast("JobContext", first), "root.plant.d.x")
    second = cast("JobContext", KeepingContext(first.spec.checkpoint))
    assert begun(second, "root.plant.d.x")
    assert not begun(second, "root.plant.d.y")


def test_a_lost_answer_says_that_writing_again_does_no_harm() -> None:
    class Losing(ScriptedClient):
        def execute(self, statement: str, **_: Any) -> None:
            raise UnknownOutcomeError("lost", "look")

    client = Losing(
        {
            "SHOW DEVICES": rows(columns=("Device", "IsAligned")),
            "SHOW TIMESERIES": rows(columns=("Timeseries", "DataType")),
        }
    )
    target = plan_target(client.client, "root.plant.d.x", TREE, AHEAD)
    with pytest.raises(UnknownOutcomeError) as lost:
        write(client.client, target, [1.0, 2.0], print)
    assert "--overwrite" in lost.value.remedy


# Kept forecasts


def test_the_forecast_of_a_finished_job() -> None:
    data = {
        "series": "root.plant.d.t",
        "precision": "ms",
        "moments": [1, 2],
        "best": "arima",
        "forecasts": [
            {"model": "baseline: naive", "baseline": True, "values": [0.0, 0.0]},
            {"model": "arima", "baseline": False, "values": [1.0, 2.0]},
            {"model": "broken", "baseline": False, "values": None},
        ],
    }
    kept = forecast_of("core/job/1", data, "best")
    assert (kept.model, kept.values, kept.times.tolist()) == ("arima", [1.0, 2.0], [1, 2])
    with pytest.raises(UsageError, match="no forecast of 'broken'"):
        forecast_of("core/job/1", data, "broken")
    with pytest.raises(UsageError, match="nothing ranks"):
        forecast_of("core/job/1", {**data, "best": None}, "best")
    with pytest.raises(UsageError, match="no forecast of a series"):
        forecast_of("core/job/1", {"values": [1]}, "best")
