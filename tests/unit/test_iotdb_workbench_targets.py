"""Where a forecast is written: what is made, what is replaced, what is refused, and the forecasts of finished jobs."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.client.rows import ColumnBatch
from quarterdeck_ainode.iotdb.series import parse_series
from quarterdeck_ainode.iotdb.workbench.target_names import target_series
from quarterdeck_ainode.iotdb.workbench.targets import (
    begin,
    begun,
    plan_target,
    require_overwrite,
    write,
    write_statements,
)
from quarterdeck_ainode.iotdb.workbench.writing import forecast_of, require_of
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_api.errors import (
    QuarterdeckError,
    UnknownOutcomeError,
    UsageError,
)
from quarterdeck_api.jobs import JobContext
from scripted_iotdb import COLUMNS, HOUR, START, TAGGED, TREE, ScriptedClient, at, rows

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


@pytest.mark.parametrize("name", ["root.plant.d.time", "root.plant.`Timestamp`.x", "root.plant.d.` time `"])
def test_names_that_would_end_the_servers_schema_are_never_sent(name: str) -> None:
    nothing = {
        "SHOW DEVICES": rows(columns=("Device", "IsAligned")),
        "SHOW TIMESERIES": rows(columns=("Timeseries", "DataType")),
    }
    with pytest.raises(UsageError, match="cannot be a name in the tree"):
        plan_target(ScriptedClient(nothing).client, name, TREE, AHEAD)


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
    client = ScriptedClient({'DESCRIBE "': COLUMNS, "SELECT DISTINCT": rows(("4",), columns=("press",))})
    target = plan_target(client.client, "{series}_fc", TAGGED, AHEAD)
    assert target.series.name == 'plant.telemetry.v_fc[site="n",press="4"]'
    assert [each.text for each in target.making] == ['ALTER TABLE "plant"."telemetry" ADD COLUMN "v_fc" DOUBLE FIELD']
    [insert] = write_statements(target, [1.0, 2.0])
    assert insert.text == (
        'INSERT INTO "plant"."telemetry"(time, "site", "press", "v_fc") VALUES '
        f"({at(3)}, 'n', '4', 1.0), ({at(4)}, 'n', '4', 2.0)"
    )
    two = ScriptedClient({'DESCRIBE "': COLUMNS, "SELECT DISTINCT": rows(("4",), ("5",), columns=("press",))})
    with pytest.raises(UsageError, match="several devices"):
        plan_target(two.client, "{series}_fc", TAGGED, AHEAD)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ('plant.telemetry.i[site="n",press="4"]', "cannot hold a forecast's fractions"),
        ('plant.telemetry.w[line="1"]', "no tag"),
        ("plant.telemetry.site", "holds no measurements"),
        (TAGGED.name, "would be mixed"),
        ('plant.telemetry.v[site="n",press="4"]', "would be mixed"),
        ('PLANT.Telemetry.V[press="4",Site="n"]', "would be mixed"),
    ],
)
def test_targets_that_cannot_take_a_forecast(name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan_target(ScriptedClient({'DESCRIBE "': COLUMNS}).client, name, TAGGED, AHEAD)


@pytest.mark.parametrize(
    ("source", "target", "mixed"),
    [
        ("root.plant.d.t", "root.plant.`d`.`t`", True),
        ("root.plant.`1`.t", "root.plant.`1`.t", True),
        ("root.plant.d.t", "root.plant.d.T", False),
        ("plant.t.v", 'plant.t.v[site="n"]', True),
        ('plant.t.v[site="n"]', 'plant.t.v[site="s"]', False),
        ('plant.t.v[site="n"]', "plant.t.v", False),
        ('plant.t.v[site="n"]', 'plant.t.w[site="n"]', False),
    ],
)
def test_the_source_is_known_however_it_is_spelled(source: str, target: str, mixed: bool) -> None:
    if mixed:
        with pytest.raises(UsageError, match="would be mixed"):
            target_series(target, parse_series(source))
    else:
        assert target_series(target, parse_series(source)).name == target


def test_a_table_spelled_otherwise_is_the_same_table_and_its_points_the_same_devices() -> None:
    client = ScriptedClient({'DESCRIBE "': COLUMNS, "SELECT DISTINCT": rows(("4",), columns=("press",))})
    target = plan_target(client.client, 'Plant.TELEMETRY.v_fc[Site="n"]', TAGGED, AHEAD)
    assert target.series.name == 'Plant.TELEMETRY.v_fc[Site="n",press="4"]'


def test_times_are_written_to_the_tables_own_column_of_times() -> None:
    columns = rows(
        ("moment", "TIMESTAMP", "TIME"),
        ("site", "STRING", "TAG"),
        ("v", "DOUBLE", "FIELD"),
        ("w", "DOUBLE", "FIELD"),
        columns=("ColumnName", "DataType", "Category"),
    )
    there = ColumnBatch({"__time": np.array([at(3)], dtype=np.int64)}, 1)
    client = ScriptedClient({'DESCRIBE "': columns, 'CAST("moment" AS INT64)': there})
    target = plan_target(client.client, 'plant.own.w[site="n"]', parse_series('plant.own.v[site="n"]'), AHEAD)
    assert target.existing == 1
    [insert] = write_statements(target, [1.0, 2.0])
    assert insert.text.startswith('INSERT INTO "plant"."own"("moment", "site", "w") VALUES ')


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
    own = parse_series("root.plant.d.t")
    require_of(kept, own, TimeUnit.MILLISECOND, "core/job/1", "plant")
    with pytest.raises(UsageError, match=r"forecast root\.plant\.d\.t, not root\.plant\.d\.x"):
        require_of(kept, parse_series("root.plant.d.x"), TimeUnit.MILLISECOND, "core/job/1", "plant")
    with pytest.raises(UsageError, match="counts ms, and other counts ns"):
        require_of(kept, own, TimeUnit.NANOSECOND, "core/job/1", "other")
    with pytest.raises(UsageError, match="no forecast of 'broken'"):
        forecast_of("core/job/1", data, "broken")
    with pytest.raises(UsageError, match="nothing ranks"):
        forecast_of("core/job/1", {**data, "best": None}, "best")
    with pytest.raises(UsageError, match="no forecast of a series"):
        forecast_of("core/job/1", {"values": [1]}, "best")
