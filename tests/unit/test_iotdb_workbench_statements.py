"""Statements of the workbench: whatever names and values users write stay names and values, and everything is ordered and bounded."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.data.statements import Span
from quarterdeck_ainode.iotdb.quoting import node
from quarterdeck_ainode.iotdb.series import TableSeries, TreeSeries, parse_series
from quarterdeck_ainode.iotdb.workbench.sql_names import quoted_statement, tree_path
from quarterdeck_ainode.iotdb.workbench.statements import (
    classify_statement,
    forecast_statement,
    inference_statement,
    option_value,
    options_text,
    window_query,
)
from quarterdeck_ainode.iotdb.workbench.target_names import beside, target_series
from quarterdeck_api.errors import UsageError

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
MOMENTS = st.integers(-(2**62), 2**62)

#: A statement in pieces: quoted ones whole, everything else sign by sign.
_PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|[A-Za-z0-9_.]+|\s+|.", re.DOTALL)


def outside(statement: str) -> str:
    """What of a statement is not inside quotes, with `?` for each quoted piece."""
    pieces = _PIECES.findall(statement)
    assert "".join(pieces) == statement
    return "".join("?" if piece[0] in "'\"`" and len(piece) > 1 else piece for piece in pieces)


def table(names: tuple[str, str, str], tags: dict[str, str]) -> TableSeries:
    return TableSeries(*names, tuple(tags.items()))


@given(st.tuples(NAMES, NAMES, NAMES), st.dictionaries(NAMES, st.text(max_size=20), max_size=3), NAMES, MOMENTS)
def test_no_name_of_a_table_becomes_sql(
    names: tuple[str, str, str], tags: dict[str, str], model: str, moment: int
) -> None:
    series = table(names, tags)
    conditions = " AND ".join(["? = ?"] * len(tags) + [f"time >= {moment}"])
    read = window_query(series, 10, Span(moment))
    assert outside(read.text) == (
        f"SELECT CAST(time AS INT64) AS __time, ? FROM ?.? WHERE {conditions} ORDER BY time DESC LIMIT 10"
    )
    made = forecast_statement(series, "INT32", model, 3, Span(moment), {"order": "2;1;1"})
    assert outside(made.text) == (
        "SELECT CAST(time AS INT64) AS __time, ? FROM FORECAST(model_id => ?, targets => (SELECT time, CAST(? AS DOUBLE) AS ? "
        f"FROM ?.? WHERE {conditions}) ORDER BY time, output_length => 3, model_options => ?)"
    )
    labels = classify_statement(series, "DOUBLE", model, Span(moment))
    assert outside(labels.text) == (
        "SELECT CAST(time AS INT64) AS __time, category FROM CLASSIFY(model_id => ?, input => "
        f"(SELECT time, ? FROM ?.? WHERE {conditions}) ORDER BY time)"
    )
    assert {read.dialect, made.dialect, labels.dialect} == {Dialect.TABLE}


@given(st.lists(NAMES, min_size=2, max_size=5), NAMES, MOMENTS)
def test_no_name_of_the_tree_becomes_sql(nodes: list[str], model: str, moment: int) -> None:
    path = ".".join(("root", *map(node, nodes)))
    found = tree_path(path)
    assert found.label == nodes[-1]
    device = ".".join("?" if part.startswith("`") else part for part in _parts(found.device))
    column = "?" if found.measurement.startswith("`") else found.measurement
    made = forecast_statement(TreeSeries(path), "DOUBLE", model, 3, Span(moment, moment + 1), {})
    assert outside(made.text) == (
        f"SELECT FORECAST({column}, ?=?, ?=?) FROM {device} WHERE time >= {moment} AND time <= {moment + 1}"
    )


def _parts(device: str) -> list[str]:
    return re.findall(r"`(?:[^`]|``)+`|[^.`]+", device)


@pytest.mark.parametrize(
    ("path", "device", "measurement"),
    [
        ("root.plant.press.t", "root.plant.press", "t"),
        ("root.plant.time", "root.plant", "`time`"),
        ("root.plant.`1`", "root.plant", "`1`"),
        ("root.plant.größe", "root.plant", "`größe`"),
        ("root.`a.b`.`q``u`", "root.`a.b`", "`q``u`"),
    ],
)
def test_paths_are_quoted_where_the_server_needs_it(path: str, device: str, measurement: str) -> None:
    found = tree_path(path)
    assert (found.device, found.measurement, found.text) == (device, measurement, f"{device}.{measurement}")


@pytest.mark.parametrize(
    "path", ["root", "root.plant", "root.a..b", "root.plant.x; DROP DATABASE root.plant", "root.a.**"]
)
def test_what_is_no_path_of_a_series_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        tree_path(path)


def test_the_column_is_cast_unless_it_is_double() -> None:
    series = parse_series('plant.telemetry.v[site="n"]')
    assert "CAST" not in forecast_statement(series, "DOUBLE", "m", 1, Span(), {}).text.partition("FORECAST")[2]
    assert 'CAST("v" AS DOUBLE) AS "v"' in forecast_statement(series, "FLOAT", "m", 1, Span(), {}).text


def test_an_older_version_calls_its_input_otherwise() -> None:
    series = parse_series("plant.telemetry.v")
    assert "input => (SELECT" in forecast_statement(series, "DOUBLE", "m", 1, Span(), {}, targets="input").text


def _as_the_server_splits(text: str) -> dict[str, str]:
    """What Apache IoTDB 2.0.10 makes of `model_options`: pieces that are not NAME=VALUE are dropped without a word."""
    pieces = [piece.split("=") for piece in text.split(",")]
    return {piece[0].strip(): piece[1].strip() for piece in pieces if len(piece) == 2 and piece[0]}


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.text(max_size=12), max_size=5))
def test_options_arrive_as_they_were_meant_or_are_refused(options: dict[str, str]) -> None:
    try:
        text = options_text(options)
    except UsageError:
        assert any(not value.strip() or set(value) & {",", "="} for value in options.values())
        return
    assert _as_the_server_splits(text) == {name: value.strip() for name, value in options.items()}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (True, "true"), ([2, 1, 1], "2;1;1"), (0.1, "0.1"), (1e-7, "1e-07"), ("mul", "mul")],
)
def test_values_of_parameters_as_options(value: Any, text: str) -> None:
    assert option_value(value) == text


def test_inference_keeps_the_statement_inside_its_quotes() -> None:
    made = inference_statement(TreeSeries("root.p.d.t"), "arima", 4, Span(1, 2), {"order": "2;1;1"}, times=True)
    assert made.text == (
        'CALL INFERENCE(arima, "SELECT t FROM root.p.d WHERE time >= 1 AND time <= 2", generateTime=true, outputLength=4, '
        "order='2;1;1')"
    )
    assert quoted_statement('select `q"u`') == "'select `q\"u`'"
    with pytest.raises(UsageError, match="both kinds of quotes"):
        quoted_statement("`a'b\"c`")
    for model in ("a b", "m, x=1", "", "größe"):
        with pytest.raises(UsageError):
            inference_statement(TreeSeries("root.p.d.t"), model, 4, Span(), {}, times=False)


def test_a_target_beside_the_series() -> None:
    tagged = parse_series('plant.telemetry.v[site="n"]')
    assert target_series("{series}_fc", tagged).name == 'plant.telemetry.v_fc[site="n"]'
    assert target_series("{series}_fc", TreeSeries("root.p.d.`a b`")).name == "root.p.d.`a b_fc`"
    assert beside(TreeSeries("root.p.d.t"), "_fc") == parse_series("root.p.d.t_fc")
    assert target_series("root.p.d.x", tagged) == TreeSeries("root.p.d.x")
    for wrong in ("{series}", "{series}` x", 'plant.telemetry.v[site="n"]'):
        with pytest.raises(UsageError):
            target_series(wrong, tagged)
