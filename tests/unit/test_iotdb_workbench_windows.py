"""The rows that the workbench reads before it asks a model: in order, checked, on a time axis."""

import re

import pytest

from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.series import parse_series
from quarterdeck_ainode.iotdb.workbench.entrants import ClusterEntrant
from quarterdeck_ainode.iotdb.workbench.labelling import plan_labels
from quarterdeck_ainode.iotdb.workbench.predicting import cluster_statement
from quarterdeck_ainode.iotdb.workbench.window import read_window
from quarterdeck_api.errors import (
    NotFoundError,
    QuarterdeckError,
    UsageError,
)
from scripted_iotdb import HOUR, START, TREE, ScriptedClient, newest_first, rows, window


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
        ([1.0, float("inf"), 3.0], None, r"1 of the 3 rows .* NaN or an infinite value \(at 2023-11-14 23:00:00\)"),
        ([1.0, float("nan"), 3.0], None, "1 of the 3 rows .* NaN or an infinite value"),
    ],
)
def test_what_no_model_can_use_is_refused(values: list[float | None], times: list[int] | None, sentence: str) -> None:
    with pytest.raises(QuarterdeckError, match=sentence) as refused:
        window(values, times)
    assert refused.value.remedy


def test_a_column_of_times_may_have_another_name() -> None:
    columns = rows(
        ("moment", "TIMESTAMP", "TIME"), ("v", "INT32", "FIELD"), columns=("ColumnName", "DataType", "Category")
    )
    client = ScriptedClient(
        {
            'DESCRIBE "': columns,
            "LIMIT 100": newest_first([START, START + HOUR], [1.0, 2.0]),
            "DESC LIMIT 1": rows((START + HOUR,)),
            "count(*)": rows((0,)),
        }
    )
    found = read_window(client.client, parse_series("plant.own.v"), 100, Span(), drop_nulls=True, address="a/series/b")
    assert found.time == "moment"
    entrant = ClusterEntrant("m", CatalogueModel("m", "sktime", "builtin", "active"), {}, False)
    asked = cluster_statement(entrant, found, found.stretch, 2, drop_nulls=True, targets="targets").text
    labels = plan_labels(found, "stray", {}, drop_nulls=True, classify_input="input").statement.text
    for statement in (asked, labels):
        assert '(SELECT "moment" AS time, CAST("v" AS DOUBLE) AS "v" FROM "plant"."own" WHERE "moment" >= ' in statement
        assert statement.startswith("SELECT CAST(time AS INT64) AS __time")
    assert not [each for each in client.sent if re.search(r"\btime\b", each)]


def test_rows_after_the_last_value_are_no_missing_values() -> None:
    found = window([1.0, 2.0, 4.0], later=6)
    assert found.notices == ("6 rows after the last value have none yet and are left out",)
    assert f"time <= {START + 2 * HOUR}" in found.statement.text


def test_a_series_that_does_not_exist_or_holds_text() -> None:
    nothing = ScriptedClient({"SHOW TIMESERIES": rows(columns=("Timeseries", "DataType"))})
    with pytest.raises(NotFoundError):
        read_window(nothing.client, TREE, 10, Span(), drop_nulls=False, address="a/series/b")
    text = ScriptedClient({"SHOW TIMESERIES": rows(("root.plant.d.t", "TEXT"), columns=("Timeseries", "DataType"))})
    with pytest.raises(UsageError, match="models take numbers"):
        read_window(text.client, TREE, 10, Span(), drop_nulls=False, address="a/series/b")
