"""What the cluster's models answer: forecasts, late ones, failures, an AINode that comes back, labels, and the folds that rank them."""

import re
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.client.faults import refusal
from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel
from quarterdeck_ainode.iotdb.workbench.entrants import (
    ClusterEntrant,
)
from quarterdeck_ainode.iotdb.workbench.judging import possible_folds
from quarterdeck_ainode.iotdb.workbench.labelling import labels_from_cluster, plan_labels
from quarterdeck_ainode.iotdb.workbench.patience import Patience
from quarterdeck_ainode.iotdb.workbench.predicting import forecast_in_cluster
from quarterdeck_api.errors import (
    JobCancelledError,
    QuarterdeckError,
    UnreachableError,
    UnsupportedError,
)
from quarterdeck_api.jobs import JobContext
from scripted_iotdb import ScriptedClient, at, rows, window


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


def test_other_times_than_the_server_documents_are_said() -> None:
    made, _ = ask(rows((at(2), 5.0), (at(3), 6.0)))
    assert made.prediction.values.tolist() == [5.0, 6.0]
    assert "other times" in made.notices[0]


def test_labels_of_an_ainode_that_is_away_are_asked_for_again() -> None:
    found = window([1.0, 2.0, 4.0])
    plan = plan_labels(found, "stray", {}, drop_nulls=False, classify_input="input")

    def labels(answer: Any) -> Any:
        return labels_from_cluster(ScriptedClient({"CLASSIFY(": answer}).client, plan, found, "stray")

    assert labels(rows((at(0), 0), (at(1), 1), (at(2), 0))).tolist() == [0, 1, 0]
    for away in (
        refusal(1011, "Failed to connect to AINode"),
        refusal(301, "Error: Failed to connect to AINode because"),
        refusal(1521, "full"),
        refusal(1599, "this AINode is ending; ask again"),
    ):
        with pytest.raises(UnreachableError):
            labels(away)
    with pytest.raises(QuarterdeckError, match="1504") as refused:
        labels(refusal(1504, "there is no stray"))
    assert not isinstance(refused.value, UnreachableError)


def test_labels_by_classify_and_by_inference() -> None:
    found = window([1.0, 2.0, 4.0])
    plan = plan_labels(found, "stray", {}, drop_nulls=False, classify_input="inputs")
    assert "CLASSIFY(model_id => 'stray', inputs => (SELECT" in plan.statement.text
    with pytest.raises(UnsupportedError, match="takes no options"):
        plan_labels(found, "stray", {"k": "3"}, drop_nulls=False, classify_input="input")
    with pytest.raises(UnsupportedError, match="no CLASSIFY"):
        plan_labels(found, "stray", {}, drop_nulls=False, classify_input="")


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
