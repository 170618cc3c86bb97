"""README's commands: the same that the continuous integration runs, and they do what README says in a home that is empty."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from terminal_session import TerminalSession

ROOT = Path(__file__).parents[2]
DEMO = (
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ./console/api . ./plugins/*/"
    " && .venv/bin/quarterdeck demo"
)
TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt ./console/api '.[test]' ./plugins/*/"
    " && .venv/bin/pytest"
)

installs = pytest.mark.skipif(
    not os.environ.get("QUARTERDECK_README_RUN"), reason="installs everything anew; QUARTERDECK_README_RUN=1 runs it"
)


def commands() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("python3 -m venv")]


def test_readme_has_exactly_two_commands_to_install() -> None:
    assert commands() == [DEMO, TESTS]


def test_the_continuous_integration_installs_as_readme_does() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    installed = TESTS.split(" install ")[1].split(" && ")[0]
    assert installed in script
    assert "python3 -m venv" in script and re.search(r"^\S*pytest\b|\bpytest\b.*-n", script, re.MULTILINE)


def test_every_plugin_is_among_what_is_installed() -> None:
    plugins = [path for path in (ROOT / "plugins").iterdir() if path.is_dir() and any(path.iterdir())]
    assert plugins
    assert all((path / "pyproject.toml").is_file() for path in plugins), "`./plugins/*/` has to be installable"


def clean_environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    interpreter = Path(os.path.realpath("/proc/self/exe")).parent if Path("/proc").is_dir() else Path("/usr/bin")
    return {**kept, "HOME": str(home), "PATH": f"{interpreter}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def processes_of(home: Path) -> list[str]:
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(shlex.join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A clean copy of the last commit, and the environment of somebody who has nothing."""
    folder = tmp_path_factory.mktemp("readme")
    tree, home = folder / "tree", folder / "home"
    tree.mkdir()
    home.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=tree, input=archive, check=True)
    yield tree, clean_environment(home)


@installs
@pytest.mark.timeout(1200)
def test_the_first_command_without_a_terminal(checkout: tuple[Path, dict[str, str]]) -> None:
    tree, environment = checkout
    ran = subprocess.run(
        ["bash", "-c", DEMO],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    values = re.findall(r"^1961-(\d{2})-01\s+([\d.]+)", ran.stdout, re.MULTILINE)
    assert [month for month, _ in values] == [f"{month:02d}" for month in range(1, 13)]
    assert all(380 < float(value) < 720 for _, value in values)
    assert "[1 deck]" in ran.stdout and "ainode" in ran.stdout, "one frame of the console"
    assert processes_of(Path(environment["HOME"])) == []


@installs
@pytest.mark.timeout(600)
def test_the_first_command_on_a_terminal_opens_the_console(checkout: tuple[Path, dict[str, str]]) -> None:
    tree, environment = checkout
    program = tree / ".venv" / "bin" / "quarterdeck"
    if not program.is_file():
        pytest.skip("the environment that the test before makes is not there")
    with TerminalSession([str(program), "demo"], {**environment, "TERM": "xterm-256color"}, folder=tree) as session:
        session.wait_for("press a key for the console", 120)
        session.press("space")
        session.wait_for(r"\[1 deck\]", 60)
        session.press("4")
        session.wait_for(r"● succeeded\s+model\.forecast", 60)
        session.press("q")
        assert session.wait_exit(30) == 0
    instance = Path(environment["HOME"]) / ".cache" / "quarterdeck" / "demo"
    stopped = subprocess.run(
        [program, "runtime", "stop"],
        env={**environment, "QUARTERDECK_HOME": str(instance)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(Path(environment["HOME"])) == []
