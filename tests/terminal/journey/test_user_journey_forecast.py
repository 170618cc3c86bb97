"""From an empty instance to a forecast, by keys alone; its numbers are those of the command line and of sktime itself."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from terminal_session import TerminalSession

pytest.importorskip("sktime")

OpenForm = Callable[[TerminalSession, str], None]
ScreenValues = Callable[[str], dict[str, str]]

COMMAND = (
    "do",
    "model.forecast",
    "ainode/model/arima",
    "--dataset",
    "airline",
    "--horizon",
    "12",
    "--set",
    "order=2,1,1",
)


def direct_forecast() -> Any:
    from sktime.datasets import load_airline
    from sktime.forecasting.arima import ARIMA

    forecaster: Any = ARIMA(order=(2, 1, 1))
    return forecaster.fit(load_airline()).predict(fh=range(1, 13)).to_numpy()


def ainode_worker(program: Any) -> dict[str, Any]:
    workers = [each for each in program.json("runtime", "status")["workers"] if each["plugin"] == "ainode"]
    assert len(workers) == 1
    return workers[0]


def test_a_forecast_by_keys_is_what_the_command_line_and_sktime_say(
    program: Any, open_form: OpenForm, screen_values: ScreenValues
) -> None:
    with program.console() as console:
        open_form(console, "arima")
        console.type("airline")
        console.press("down", "down")
        console.type("12")
        for _ in range(3):
            console.press("down")
        console.type("2,1,1")
        console.wait_for(r"\$ quarterdeck do model\.forecast ainode/model/arima --dataset airline --set order=2,1,1$")
        console.press("enter")
        console.wait_for(r"^ core/job/\d+")
        console.wait_for("● succeeded", 90)
        console.wait_for(r"^ 1961-12-01 +\d")
        screen = console.text()
        assert "⠒⠒ Passengers" in screen and "⠤⠤ arima" in screen and "┊" in screen
        shown = screen_values(screen)
        first = ainode_worker(program)
        assert first["jobs_done"] == 1

        asked = program.json(*COMMAND)
        values = asked["result"]["values"]
        assert numpy.array_equal(values, direct_forecast())
        assert shown == {
            time[:10]: f"{value:,.6g}" for time, value in zip(asked["result"]["times"], values, strict=True)
        }
        again = ainode_worker(program)
        assert (again["pid"], again["jobs_done"]) == (first["pid"], 2), "the second forecast needs no second import"

        console.press("esc")
        console.wait_for(r"models 2/13  /arima")
        console.press("8")
        console.wait_for(r"\(console\)\s+model\.forecast\s+ainode/model/arima\s+allowed\s+accepted")
        console.wait_for(r"\(do\)\s+model\.forecast\s+ainode/model/arima\s+allowed\s+accepted")
        console.press("q")
        assert console.wait_exit() == 0
    assert program.run("runtime", "status").returncode == 0, "closing the console stops nothing"


def test_artefacts_hold_the_same_numbers(program: Any) -> None:
    asked = program.json(*COMMAND)
    paths = {each["name"]: Path(each["path"]) for each in asked["artefacts"]}
    with paths["forecast.csv"].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert numpy.array_equal([float(row["value"]) for row in rows], direct_forecast())
    assert [row["time"] for row in rows] == asked["result"]["times"]
    assert paths["chart.svg"].read_text(encoding="utf-8").startswith("<svg")


def test_text_typed_faster_than_the_form_answers_lands_in_its_field(program: Any, open_form: OpenForm) -> None:
    with program.console() as console:
        open_form(console, "arima")
        console.type("airline\t\t24\t\t\t2,1,1")
        console.wait_for(r"dataset +airline *$")
        console.wait_for(r"horizon +24 *$")
        console.wait_for(r"level +0\.9 *$")
        console.wait_for(r"--set order +2,1,1 *$")
        console.press("esc")
        console.wait_for("models 2/13")


def test_a_field_says_what_is_wrong_and_nothing_is_sent(program: Any, open_form: OpenForm) -> None:
    with program.console(80, 24) as console:
        open_form(console, "arima")
        console.press("enter")
        console.wait_for("dataset is needed")
        console.type("airlne")
        console.wait_for(r"there is no dataset 'airlne'[\s\S]*did you mean airline\?")
        console.press("ctrl+u")
        console.type("airline\t\t0")
        console.wait_for("✖ horizon +0")
        console.press("enter")
        console.wait_for("horizon cannot be 0; it takes a number from 1")
        console.press("esc", "4")
        console.wait_for(r"\[4 jobs\]")
        console.wait_for(r"jobs 0")
    assert program.json("jobs") == []


def test_tab_completes_the_dataset_from_what_exists(program: Any, open_form: OpenForm) -> None:
    with program.console() as console:
        open_form(console, "naive_forecaster")
        console.type("sea")
        console.wait_for("dataset +seatbelts")
        console.press("tab")
        console.wait_for(r"--dataset seatbelts$")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (300, 100)])
def test_a_result_fits_other_terminals(
    program: Any, open_form: OpenForm, screen_values: ScreenValues, columns: int, rows: int
) -> None:
    with program.console(columns, rows) as console:
        open_form(console, "naive_forecaster")
        console.type("airline\r")
        console.wait_for("● succeeded", 90)
        console.wait_for("⠒⠒ Passengers")
        console.settle(0.3)
        seen = screen_values(console.text())
        for _ in range(6):
            console.press("pagedown")
            console.settle(0.3)
            seen |= screen_values(console.text())
        assert len(seen) == 12


def test_a_snapshot_shows_a_job_and_asks_no_other_machine_for_fonts(program: Any) -> None:
    address = program.json(*COMMAND)["address"]
    frame = program.run("snapshot", "--address", address, "--size", "120x40").stdout
    assert "⠤⠤ arima" in frame and "1961-12-01" in frame
    image = program.run("snapshot", "--address", address, "--size", "120x40", "--svg").stdout
    assert image.startswith("<svg") and "http" not in image.replace("http://www.w3.org/2000/svg", "").replace(
        "https://www.textualize.io", ""
    )
    gone = program.run("snapshot", "--address", "core/job/999", "--size", "80x12").stdout
    assert "there is no job 999" in gone
    assert program.run("snapshot", "--address", "nothing").returncode == 2


def test_what_a_form_asks_for_is_scheduled_by_one_more_key(program: Any, open_form: OpenForm) -> None:
    with program.console() as console:
        open_form(console, "arima")
        console.type("airline")
        console.wait_for(r"\$ quarterdeck do model\.forecast ainode/model/arima --dataset airline$")
        console.press("ctrl+t")
        console.wait_for(r"Add a schedule")
        console.wait_for(r"target +ainode/model/arima")
        console.press("down")
        console.type("0 2 * * *")
        console.wait_for(r"02:00")
        console.press("enter")
        console.wait_for(r"Forecast: done schedule forecast-arima is added")
    [schedule] = program.json("schedules")
    assert schedule["cells"]["action"] == "model.forecast"
    ran = program.run("schedules", "run", "forecast-arima")
    assert ran.returncode == 0, ran.stderr
    wanted = program.json("journal")[0]
    assert (wanted["action"], wanted["address"]) == ("model.forecast", "ainode/model/arima")
    assert wanted["parameters"] == {"dataset": "airline"}
