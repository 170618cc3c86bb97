"""Real runs of the command line, against a real runtime of the test's own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from terminal_session import TerminalSession

SLOW_FIT = (
    "--set",
    "order=5,1,5",
    "--set",
    "seasonal_order=2,1,2,12",
    "--set",
    "method=basinhopping",
    "--set",
    "maxiter=5000",
)


def quarterdeck(*arguments: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def data(*arguments: str) -> object:
    ran = quarterdeck(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def runtime(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance whose runtime runs until the test ends."""
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    assert quarterdeck("runtime", "start").returncode == 0
    yield home
    assert quarterdeck("runtime", "stop").returncode == 0


def imported_modules(*arguments: str) -> tuple[set[str], int]:
    """The modules that a run of the program imported, and its exit code."""
    code = (
        "import sys, atexit\n"
        "from quarterdeck.entry import main\n"
        f"sys.argv = ['quarterdeck', *{arguments!r}]\n"
        "status = 0\n"
        "try:\n    main()\nexcept SystemExit as end:\n    status = int(end.code or 0)\n"
        "sys.stderr.write('MODULES ' + ' '.join(sys.modules))\n"
        "raise SystemExit(status)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return set(ran.stderr.rpartition("MODULES ")[2].split()), ran.returncode


FORBIDDEN = {"textual", "asyncio", "pluggy", "importlib.metadata", "rich", "pyarrow", "numpy", "pandas", "sktime"}


def test_version_imports_nothing() -> None:
    found, code = imported_modules("--version")
    assert code == 0
    assert not found & (FORBIDDEN | {"argparse", "click", "msgspec", "quarterdeck_api", "quarterdeck.cli"})


def test_get_imports_neither_asyncio_nor_any_library_of_a_backend(runtime: Path) -> None:
    for arguments in (("get", "models", "--json"), ("get", "models")):
        found, code = imported_modules(*arguments)
        assert code == 0 and "quarterdeck.cli.listing" in found
        assert not found & (FORBIDDEN | {"click"})


def test_click_runs_import_no_textual_and_one_command_only(home: Path) -> None:
    found, code = imported_modules("plugin", "--help")
    assert code == 0 and "click" in found and "quarterdeck.cli.plugin" in found
    assert not found & (FORBIDDEN | {"quarterdeck.cli.do", "quarterdeck.cli.demo", "quarterdeck.tui"})


def test_every_way_of_starting_says_the_same_version() -> None:
    folder = Path(sys.executable).parent
    said = {
        subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
        for command in ([sys.executable, "-m", "quarterdeck"], [folder / "quarterdeck"], [folder / "qd"])
    }
    assert len(said) == 1 and said.pop().startswith("quarterdeck ")


def test_without_a_command_and_a_terminal_help_is_shown() -> None:
    ran = quarterdeck()
    assert ran.returncode == 2 and "Commands:" in ran.stderr and not ran.stdout


def test_mistakes_end_with_two_and_a_remedy(home: Path) -> None:
    for arguments, said in (
        (("gett",), "did you mean get?"),
        (("get",), "Missing argument"),
        (("describe", "nonsense"), "BACKEND/KIND/NAME"),
        (("snapshot", "--size", "big"), "120x40"),
        (("plugin", "info", "ainod"), "did you mean ainode?"),
    ):
        ran = quarterdeck(*arguments)
        assert ran.returncode == 2 and said in ran.stderr and not ran.stdout, ran


def test_the_life_of_a_runtime(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    absent = quarterdeck("runtime", "status")
    assert absent.returncode == 3 and "no runtime runs" in absent.stderr
    first = data("runtime", "start")
    assert isinstance(first, dict) and first["started_now"]
    assert data("runtime", "start") == {**first, "started_now": False}
    status = data("runtime", "status")
    assert isinstance(status, dict)
    assert set(status) >= {"pid", "version", "socket", "memory", "hosts", "workers", "clients", "jobs", "started"}
    assert status["pid"] == first["pid"] and status["memory"] > 0
    second = data("runtime", "restart")
    assert isinstance(second, dict) and second["pid"] != first["pid"] and second["started_now"]
    assert data("runtime", "stop") == {"pid": second["pid"], "stopped": True}
    assert not psutil.pid_exists(second["pid"]) or psutil.Process(second["pid"]).status() == psutil.STATUS_ZOMBIE
    assert data("runtime", "stop") == {"pid": 0, "stopped": False}
    assert "stops: asked by" in quarterdeck("runtime", "logs").stdout


def test_listings_describe_and_journal(runtime: Path) -> None:
    models = data("get", "mod", "-b", "ainode", "--filter", "name=arima")
    assert isinstance(models, list) and [each["address"] for each in models] == ["ainode/model/arima"]
    assert set(models[0]) == {
        *("address", "backend", "kind", "name", "uid", "health", "state"),
        *("reason", "since", "cells", "parent", "links", "actions_off", "outdated"),
    }
    table = quarterdeck("get", "models").stdout.splitlines()
    assert table[0].startswith("ADDRESS") and any(line.startswith("ainode/model/arima ") for line in table)
    assert "\x1b" not in "".join(table)
    described = data("describe", "ainode/model/arima")
    assert isinstance(described, dict) and described["document"]["blocks"]
    unknown = quarterdeck("get", "modles")
    assert unknown.returncode == 2 and "did you mean models?" in unknown.stderr
    assert quarterdeck("get", "models", "-b", "nowhere").returncode == 2
    assert quarterdeck("describe", "ainode/model/nothing").returncode == 2
    refused = quarterdeck("do", "dataset.remove", "core/dataset/airline")
    assert refused.returncode == 4
    journal = data("journal", "--limit", "5")
    assert isinstance(journal, list) and journal[0]["action"] == "dataset.remove"


def test_a_dataset_is_imported_and_removed_only_when_confirmed(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("day,sales\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n")
    wrong = quarterdeck("dataset", "import", str(tmp_path / "sales.csv"), "--time", "hour")
    assert wrong.returncode == 1 and "hour" in wrong.stderr
    done = data("dataset", "import", str(tmp_path / "sales.csv"), "--time", "day")
    assert isinstance(done, dict) and done["state"] == "succeeded" and done["error"] is None
    assert "core/dataset/sales" in quarterdeck("dataset", "list").stdout
    assert quarterdeck("do", "dataset.remove", "core/dataset/sales").returncode == 4
    assert quarterdeck("do", "dataset.remove", "core/dataset/sales", "--yes").returncode == 0
    assert "core/dataset/sales" not in quarterdeck("dataset", "list").stdout


def test_a_forecast_is_waited_for_and_its_result_is_data(runtime: Path) -> None:
    arguments = ("do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "airline", "--horizon", "6")
    ran = quarterdeck(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert "1961-06-01" in ran.stdout and "succeeded" in ran.stderr and "\x1b" not in ran.stdout + ran.stderr
    done = data(*arguments, "--set", "strategy=mean")
    assert (
        isinstance(done, dict)
        and len(done["result"]["values"]) == 6
        and done["result"]["settings"]["strategy"] == "mean"
    )
    assert all(Path(each["path"]).is_file() for each in done["artefacts"]) and done["artefacts"]
    for wrong, said in (
        (("--horizon", "0"), "horizon"),
        (("--horizont", "3"), "did you mean horizon?"),
        (("--set", "strateg=mean"), "did you mean strategy?"),
        (("--set", "strategy=guess"), "strategy"),
    ):
        bad = quarterdeck("do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "airline", *wrong)
        assert bad.returncode == 2 and said in bad.stderr
    preview = data(*arguments, "--dry-run")
    assert isinstance(preview, dict) and preview["status"] == "preview" and not preview["job"]


def slow_forecast(*more: str) -> subprocess.Popen[str]:
    words = ["do", "model.forecast", "ainode/model/arima", "--dataset", "airline", *SLOW_FIT, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "quarterdeck", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt_when_running(process: subprocess.Popen[str]) -> str:
    """Interrupts once the job runs, and returns what was written to standard output."""
    assert process.stderr is not None
    while line := process.stderr.readline():
        if "running" in line:
            break
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    return out.strip()


def test_an_interrupt_leaves_the_job_running_and_prints_its_address(runtime: Path) -> None:
    address = interrupt_when_running(slow_forecast())
    shown = data("jobs", "show", address)
    assert isinstance(shown, dict) and shown["state"] == "running"
    assert quarterdeck("jobs", "cancel", address).returncode == 0
    waited = quarterdeck("jobs", "wait", address)
    assert waited.returncode == 1 and "cancelled" in waited.stderr


def test_an_interrupt_cancels_when_told_so(runtime: Path) -> None:
    address = interrupt_when_running(slow_forecast("--cancel-on-interrupt"))
    waited = quarterdeck("jobs", "wait", address, "--json")
    assert waited.returncode == 1 and json.loads(waited.stdout)["state"] == "cancelled"


def test_a_job_is_waited_for_across_the_death_of_the_runtime(runtime: Path) -> None:
    process = slow_forecast()
    assert process.stderr is not None
    while line := process.stderr.readline():
        if "running" in line:
            break
    status = data("runtime", "status")
    assert isinstance(status, dict)
    os.kill(status["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while quarterdeck("runtime", "status").returncode and time.monotonic() < deadline:
        time.sleep(0.1)
    jobs = data("get", "jobs", "--filter", "action=model.forecast")
    assert isinstance(jobs, list) and jobs[0]["state"] == "running"
    assert quarterdeck("jobs", "cancel", jobs[0]["address"]).returncode == 0
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "cancelled" in errors


def test_a_reader_that_has_seen_enough_is_no_error(runtime: Path) -> None:
    ran = subprocess.run(
        f"{sys.executable} -m quarterdeck get models | head -n 1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("ADDRESS") and ran.stdout.endswith("\n0\n") and not ran.stderr


def test_on_a_terminal_there_is_colour_a_bar_and_a_question(runtime: Path) -> None:
    program = [sys.executable, "-m", "quarterdeck"]
    with TerminalSession([*program, "do", "dataset.remove", "core/dataset/airline"], os.environ, 100, 12) as session:
        session.wait_for("[y/N]")
        session.type("n\r")
        assert session.wait_exit() == 4
    forecast = ["do", "model.forecast", "ainode/model/naive_forecaster", "--dataset", "airline"]
    with TerminalSession([*program, *forecast], os.environ, 100, 60) as session:
        session.wait_for("succeeded", 60)
        session.wait_for("Forecast")
        assert session.wait_exit() == 0


def test_the_demo_works_without_a_terminal_and_leaves_nothing_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUARTERDECK_IDLE_EXIT")
    ran = quarterdeck("demo", timeout=150)
    assert ran.returncode == 0, ran.stderr
    assert "1961-12-01" in ran.stdout and "[1 deck]" in ran.stdout and "--horizon 12" in ran.stderr
    monkeypatch.setenv("QUARTERDECK_HOME", str(home / "cache" / "demo"))
    assert quarterdeck("runtime", "status").returncode == 3
