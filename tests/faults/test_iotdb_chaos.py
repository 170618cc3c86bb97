"""Chaos on a real cluster: forecasts and operations go on while its nodes, and our AINode, are killed, restarted and stopped for 30 s.

Every fault comes once, in an order of chance, and again until QUARTERDECK_CHAOS_SECONDS are over. QUARTERDECK_CHAOS_SEED repeats the choices of a run.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chaos_faults import FAULTS, Fault
from chaos_plant import AINODE, Plant
from counting_proxy import CountingProxy
from iotdb_cluster import Cluster
from own_ainode import Sql, answers, until
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import (
    JOURNAL,
    JobRecord,
    JournalParams,
)
from quarterdeck_api.resources import Health

SECONDS = float(os.environ.get("QUARTERDECK_CHAOS_SECONDS", "15"))
SEED = int(os.environ.get("QUARTERDECK_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)

pytest.importorskip("sktime")

_QUARTERDECK = Path(sys.executable).with_name("quarterdeck")
_SERIES = "plant/series/root.chaos.d.s"
_LOADED = "holtwinters"
_FORECASTS = 100
_HORIZON = 4
_ROWS = 120
_HOUR = 3_600_000
_START = 1_700_000_000_000 // _HOUR * _HOUR
#: Forecasts of the cluster that are under way at a time: two of the four workers are always free for others.
_MOST_UNDER_WAY = 2
_ENDS = (JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD)


@pytest.fixture
def proxy(fresh_iotdb: Cluster) -> Iterator[CountingProxy]:
    """Through it everything of the console talks to the DataNode."""
    found = CountingProxy(fresh_iotdb.ports.client)
    yield found
    found.close()


@pytest.fixture
def plant(instance: Any, fresh_iotdb: Cluster, proxy: CountingProxy) -> Plant:
    """A cluster with a series, our AINode in it, and a model loaded."""
    session = Sql(fresh_iotdb)
    for begin in range(0, _ROWS, 60):
        rows = ", ".join(f"({_START + i * _HOUR}, {10 + i % 12 + 0.01 * i})" for i in range(begin, begin + 60))
        session.do(f"INSERT INTO root.chaos.d(time, s) VALUES {rows}")
    session.close()
    instance.configure(max_workers=4)
    with instance.paths.config_file.open("a", encoding="utf-8") as config:
        config.write(f'[backends.plant]\ntype = "ainode.iotdb"\nnodes = ["{proxy.url}"]\nrefresh_background = 2\n')
    found = Plant(instance, fresh_iotdb, proxy)
    wanted = {"workers": 1, "data": str(instance.home / "node"), "trust": str(instance.home)}
    started = found.ended(found.begin("node.start-ainode", AINODE, parameters=wanted))
    assert started.state is JobState.SUCCEEDED, started
    until(lambda: f"plant/model/{_LOADED}" in found.rows("model"), found.told)
    loaded = found.ended(found.begin("model.load", f"plant/model/{_LOADED}"))
    assert loaded.state is JobState.SUCCEEDED, loaded
    return found


def give_forecasts(plant: Plant, number: int, chance: random.Random) -> None:
    """So many forecasts of the series, some of them written to targets of their own."""
    for _ in range(number):
        target = f"root.chaos.out.f{len(plant.forecasts)}" if chance.random() < 0.5 else ""
        models = chance.choice([("naive_forecaster",), (_LOADED,), (_LOADED, "local/naive_forecaster")])
        wanted = {"models": models, "horizon": _HORIZON, "folds": 0}
        if target:
            wanted |= {"write_model": models[0], "write_to": target}
        plant.forecasts[plant.begin("series.forecast", _SERIES, parameters=wanted)] = target
        until(lambda: sum(not plant.instance.job(each).state.final for each in plant.forecasts) < _MOST_UNDER_WAY)


def create_model(plant: Plant) -> None:
    """A model of the users' is registered, whatever happens meanwhile."""
    name = f"chaos_{len(plant.operations)}"
    folder = plant.instance.home / name
    folder.mkdir()
    (folder / "model.toml").write_text('base = "naive_forecaster"\n', "utf-8")
    wanted = {"model": name, "uri": folder.as_uri(), "wait": 120.0}
    plant.operations[plant.begin("model.create", AINODE, parameters=wanted)] = name


def forecast_locally(plant: Plant) -> None:
    """The local engine forecasts, whatever becomes of the cluster."""
    number = plant.begin("model.forecast", "ainode/model/naive_forecaster", parameters={"dataset": "airline"})
    plant.local.append(number)
    assert plant.ended(number).state is JobState.SUCCEEDED
    assert plant.backend("ainode").state == "ready"


def look_by_command(told: str) -> None:
    """The command line answers, with what was seen last and, when that is old, why."""
    command = [str(_QUARTERDECK), "get", "node", "-b", "plant", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode in (0, 3), done
    assert told in done.stderr and "Traceback" not in done.stderr, done
    assert len(json.loads(done.stdout)) == 3, done


def live_through(plant: Plant, fault: Fault, forecasts: int, chance: random.Random) -> None:
    """One fault from before it begins until everything is as it was."""
    number = plant.rows("node")[AINODE].uid
    begun = time.monotonic()
    moments: dict[str, float] = {}

    def reached(what: str) -> None:
        moments[what] = round(time.monotonic() - begun, 1)

    with ThreadPoolExecutor(1) as threads:
        giving = threads.submit(give_forecasts, plant.another(), forecasts, random.Random(chance.random()))
        time.sleep(chance.uniform(0.0, 1.5))
        create_model(plant)
        fault.strike(plant)
        ends = time.monotonic() + fault.lasts
        try:
            until(lambda: fault.shown(plant), plant.told)
            reached("shown")
            look_by_command(fault.told)
            forecast_locally(plant)
            plant.instance.ask(JOURNAL, JournalParams())
            time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            fault.heal(plant)
            reached("healed")
        until(lambda: _recovered(plant, number), plant.told)
        reached("recovered")
        giving.result()
        reached("forecasts given")
    print(f"{fault.name}: {moments}", flush=True)


def _recovered(plant: Plant, number: str) -> bool:
    node = plant.rows("node").get(AINODE)
    process = plant.rows("process", "core").get("core/process/plant-ainode")
    runs = node is not None and node.state == "Running" and process is not None and process.health is Health.OK
    well = runs and plant.backend().state == "ready"
    return well and node.uid == number and not plant.findings() and _forecasts(plant)


def _forecasts(plant: Plant) -> bool:
    """Whether a forecast comes through the whole cluster, and what was loaded is."""
    asked = f"SELECT FORECAST(s, 'MODEL_ID'='{_LOADED}', 'OUTPUT_LENGTH'='3') FROM root.chaos.d"
    found = answers(plant.cluster, "SHOW LOADED MODELS", asked)
    return (
        found is not None
        and found[0].column(1) == [_LOADED]
        and found[0].column(2) == ["1"]
        and len(found[1].cells) == 3
    )


def check_forecasts(plant: Plant) -> Counter[str]:
    """Each has ended in a way that can be explained, and its target has what it says, sent once at most."""
    session = Sql(plant.cluster)
    sent = plant.proxy.sent
    states: Counter[str] = Counter()
    given: dict[str, set[tuple[float, ...]]] = {}
    for number, target in plant.forecasts.items():
        record = _checked(plant, number)
        states[record.state.value if not _unknown(record) else "unknown"] += 1
        if record.error is not None:
            print(f"{record.address} {record.state.value} after {record.attempt}: {record.error.message[:150]}")
        if record.state is JobState.SUCCEEDED:
            for each in record.result["forecasts"]:
                if each["values"] is not None:
                    given.setdefault(each["model"], set()).add(tuple(each["values"]))
        if not target:
            continue
        series = target.rpartition(".")[2]
        inserts = [text for text in sent if f"(timestamp, {series})" in text]
        there = session.query(f"SELECT {series} FROM root.chaos.out").numbers(1) if inserts else []
        if record.state is JobState.SUCCEEDED:
            assert there == record.result["forecasts"][1]["values"], record
        elif not _unknown(record):
            assert not inserts, (record, inserts)
        else:
            assert len(there) in (0, _HORIZON)
    session.close()
    assert {len(each) for values in given.values() for each in values} == {_HORIZON}
    assert {name: len(values) for name, values in given.items()} == dict.fromkeys(given, 1), "one input, one answer"
    return states


def check_operations(plant: Plant) -> None:
    """Each was sent once at most, and the cluster has what they say."""
    session = Sql(plant.cluster)
    listed = {str(row[0]) for row in session.query("SHOW MODELS").cells if row[2] == "user_defined"}
    session.close()
    sent = plant.proxy.sent
    for number, name in plant.operations.items():
        record = _checked(plant, number)
        count = sum(count for text, count in sent.items() if text.startswith(f"CREATE MODEL {name} "))
        assert count <= 1, (record, count)
        if record.state is JobState.SUCCEEDED:
            assert (count, name in listed) == (1, True), record
        elif not _unknown(record):
            assert name not in listed, record
    assert listed <= set(plant.operations.values())


def _checked(plant: Plant, number: int) -> JobRecord:
    """The job, with what must hold of every one: the journal has it once, and one that did not succeed says why and what to do."""
    record: JobRecord = plant.instance.check(number, *_ENDS)
    if record.state is not JobState.SUCCEEDED:
        assert record.error is not None and record.error.message and record.error.remedy, record
    return record


def _unknown(record: JobRecord) -> bool:
    return record.error is not None and record.error.code == "unknown-outcome"


@pytest.mark.timeout(SECONDS * 3 + 900)
def test_whatever_happens_to_the_nodes_the_console_is_truthful_and_all_recovers(plant: Plant) -> None:
    print(f"QUARTERDECK_CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    begun = time.monotonic()
    rounds = 0
    while not rounds or time.monotonic() - begun < SECONDS:
        faults = [make() for make in FAULTS]
        chance.shuffle(faults)
        for fault in faults:
            live_through(plant, fault, _FORECASTS // len(faults) + 1, chance)
        rounds += 1
    numbers = [*plant.forecasts, *plant.operations]
    for number in numbers:
        plant.ended(number)
    # No two of all these requests want the same, so nothing may have been sent again.
    again = {text: count for text, count in plant.proxy.sent.items() if count > 1}
    assert not again, again
    states = check_forecasts(plant)
    check_operations(plant)
    print(f"{rounds} rounds in {time.monotonic() - begun:.0f} s, {len(plant.forecasts)} forecasts: {dict(states)}")
    assert len(plant.forecasts) >= _FORECASTS
    assert states["succeeded"] > len(plant.forecasts) / 2
    removed = plant.ended(plant.begin("node.remove-ainode", AINODE, typed_name="ainode"))
    assert removed.state is JobState.SUCCEEDED, removed
    plant.instance.stop()
