"""A real cluster by keys alone: its AINode is down, is started, loads a model, forecasts, writes back, does so every night, and is removed."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from terminal_session import TerminalSession

from iotdb_cluster import Cluster
from own_ainode import Sql

pytest.importorskip("sktime")

SERIES = "root.plant.press.temp"
HOURS = 240
FIRST = 1_704_067_200_000
HOUR = 3_600_000


@pytest.fixture(scope="module")
def cluster(make_iotdb: Callable[..., Cluster]) -> Cluster:
    """A cluster with one series that has a day's rhythm, and no AINode."""
    found = make_iotdb()
    rows = ", ".join(
        f"({FIRST + hour * HOUR}, {20 + 5 * math.sin(hour * math.tau / 24) + 0.01 * hour:.4f})" for hour in range(HOURS)
    )
    session = Sql(found)
    session.do(f"INSERT INTO root.plant.press(time, temp) VALUES {rows}")
    session.close()
    return found


def see(console: TerminalSession, pattern: str) -> None:
    """Waits until something is on the screen, also on a machine that is busy with a database."""
    console.wait_for(pattern, 120)


def go(console: TerminalSession, place: str, shown: str) -> None:
    """To a place by its command."""
    console.press(":")
    console.type(f"{place}\r")
    see(console, shown)


def act(console: TerminalSession, key: str, title: str, form: str) -> None:
    """Opens an action of the selected row by its key."""
    console.press("a")
    see(console, rf" {key}  {title}")
    console.press(key)
    see(console, form)


def job(console: TerminalSession) -> str:
    """The job that is shown, once it has succeeded."""
    see(console, r"^ core/job/\d+[\s\S]*● succeeded")
    found = re.search(r"^ (core/job/\d+)", console.text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_from_a_dead_ainode_to_a_nightly_forecast_and_back(program: Any, cluster: Cluster) -> None:
    added = program.run("backend", "add", "plant", "ainode.iotdb", "--nodes", cluster.client_url)
    assert added.returncode == 0, added.stderr
    session = Sql(cluster)
    with program.console(140, 50) as console:
        see(console, r"plant\s+. ready")

        # The AINode is down, and it is said why and what to do.
        go(console, "nodes @plant", r"^ainode\s+plant\s+■ absent")
        console.press("d")
        see(console, r"Status +absent: no AINode is registered[\s\S]*What to do +start one here")
        console.press("esc")
        see(console, r"^ainode\s+plant")

        # It is started, and seen to become Running.
        act(console, "S", "Start AINode", r"^ Start AINode plant/node/ainode[\s\S]*listen")
        see(console, rf"config_node +{re.escape(cluster.config_node)}")
        console.press("enter")
        job(console)
        see(console, r"Status +Running[\s\S]*Build +quarterdeck")
        console.press("esc")
        see(console, r"^ainode\s+plant\s+● Running")
        assert session.query("SHOW AINODES").column(1) == ["Running"]

        # A model is loaded; the statement is shown before it is sent.
        go(console, "models @plant /naive_forecaster", r"^naive_forecaster\s+plant\s+● active")
        act(console, "L", "Load", r"^ Load plant/model/naive_forecaster")
        see(console, r"LOAD MODEL naive_forecaster TO DEVICES 'cpu'[\s\S]*one instance in each of its workers")
        console.press("enter")
        job(console)
        see(console, r"naive_forecaster: \d+ instances on cpu")
        assert session.query("SHOW LOADED MODELS").column(1) == ["naive_forecaster"]
        console.press("esc")

        # A series is found by browsing, and three models compete on its last part.
        go(console, "series @plant", rf"^{re.escape(SERIES)}\s+plant")
        act(console, "f", "Forecast", rf"^ Forecast plant/series/{re.escape(SERIES)}[\s\S]*horizon +12")
        console.type("naive_forecaster,holtwinters,local/stl_forecaster")
        see(
            console,
            r"SELECT FORECAST\(temp, 'MODEL_ID'='holtwinters'[\s\S]*--models\s+naive_forecaster,holtwinters,local",
        )
        console.press("enter")
        forecast = job(console)
        see(console, r"Ranking by MASE on the held-out tail[\s\S]*^ +1 +\S+")
        ranking = re.findall(r"^ +\d +(\S+) .* 3 of 3", console.text(), re.MULTILINE)
        assert {"naive_forecaster", "holtwinters", "local/stl_forecaster"} <= set(ranking)
        console.press("esc")
        see(console, rf"^{re.escape(SERIES)}\s+plant")

        # The best one's forecast is written back.
        console.press("a")
        see(console, "Write a forecast back")
        console.press("down", "down", "down", "enter")
        see(console, r"^ Write a forecast back plant/series/[\s\S]*target")
        console.type(forecast)
        console.press("down")
        console.type("{series}_forecast")
        see(console, rf"would write the forecast of best in {forecast}")
        console.press("enter")
        see(console, "press enter once more")
        console.press("enter")
        job(console)
        see(console, r"Written: the forecast of[\s\S]*Points +12")
        written = session.query(f"SELECT temp_forecast FROM root.plant.press WHERE time >= {FIRST + HOURS * HOUR}")
        assert [int(time or 0) for time in written.column()] == [FIRST + (HOURS + step) * HOUR for step in range(12)]
        result = program.json("jobs", "show", forecast)["result"]
        best = result["best"]
        console.press("esc")

        # The same shall happen every night.
        go(console, "series @plant", rf"^{re.escape(SERIES)}\s+plant")
        act(console, "f", "Forecast", rf"^ Forecast plant/series/{re.escape(SERIES)}[\s\S]*horizon +12")
        console.type(best)
        for _ in range(11):
            console.press("down")
        console.type("{series}_nightly")
        see(console, r"--write-to\s+'\{series\}_nightly'")
        console.press("ctrl+t")
        see(console, r"Add a schedule")
        console.press("down")
        console.type("0 2 * * *")
        see(console, r"02:00")
        console.press("enter")
        see(console, r"done schedule \S+ is added")

        # The AINode is removed; its name has to be typed.
        go(console, "nodes @plant", r"^ainode\s+plant\s+● Running")
        console.press("a")
        see(console, "Remove AINode")
        console.press("down", "enter")  # The first that can be done is to stop it.
        see(console, r"^ Remove AINode plant/node/ainode[\s\S]*REMOVE AINODE")
        console.press("enter")
        see(console, "needs a name to be typed: ainode")
        console.type("ainode")
        console.press("enter")
        job(console)
        see(console, "the cluster lists no AINode")
        console.press("esc")
        see(console, r"^ainode\s+plant\s+■ absent")
        assert session.query("SHOW AINODES").cells == []
        console.press("q")
        assert console.wait_exit() == 0
    session.close()
    [schedule] = program.json("schedules")
    assert schedule["cells"]["action"] == "series.forecast"
    assert program.json("processes") == []
