"""The rows that the workbench reads before it asks a model: in order, checked, on a time axis."""

import pytest

from quarterdeck_ainode.iotdb.workbench.statements import Range
from quarterdeck_ainode.iotdb.workbench.window import read_window
from quarterdeck_api.errors import (
    NotFoundError,
    QuarterdeckError,
    UsageError,
)
from scripted_iotdb import HOUR, START, TREE, ScriptedClient, rows, window


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
