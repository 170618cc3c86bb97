"""What real runs import: never a plugin or a backend's library, and no more modules than now, so that start-up cannot grow unseen."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal_session import TerminalSession

#: Runs the program as its script does, and writes down what it has imported, also after it has ended by `sys.exit`.
_PROGRAM = """
import sys
file, sys.argv = sys.argv[1], ["quarterdeck", *sys.argv[2:]]
before = set(sys.modules)
try:
    from quarterdeck.entry import main
    main()
finally:
    open(file, "w").write(" ".join(sorted(set(sys.modules) - before)))
"""

#: Never in a client: code of plugins and of backends, tables of data, and the other processes of the product.
_FOREIGN = {
    "quarterdeck_ainode",
    "sktime",
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "pyarrow",
    "iotdb",
    "thrift",
    "sqlalchemy",
    "tests",
    "pulsar",
    "docker",
    "kubernetes",
    "taos",
    "pluggy",
    "psutil",
    "sqlite3",
    "http",
    "quarterdeck.runtime",
    "quarterdeck_api.host",
    "quarterdeck_api.worker",
    "quarterdeck_api.declare",
}

#: Modules beyond those of an empty Python that each run may import (measured with 3.11, and a few more for other versions).
_LIMITS = {"--version": 2, "get": 125, "console": 440}

Run = Callable[..., set[str]]


@pytest.fixture
def imported(home: Path, tmp_path: Path) -> Run:
    """Runs the program on a terminal until `seen` is shown, presses a key when one is given, and returns the modules that it imported."""

    def run(*arguments: str, seen: str, key: str = "") -> set[str]:
        file = tmp_path / "modules"
        argv = [sys.executable, "-c", _PROGRAM, str(file), *arguments]
        with TerminalSession(argv, {**os.environ, "TERM": "xterm-256color"}, 120, 30) as session:
            session.wait_for(seen, 60)
            if key:
                session.press(key)
            assert session.wait_exit(20) == 0
        return set(file.read_text().split())

    return run


def foreign(modules: set[str]) -> set[str]:
    return {module for module in modules for name in _FOREIGN if module == name or module.startswith(f"{name}.")}


def test_version_imports_nothing_but_the_door(imported: Run) -> None:
    modules = imported("--version", seen=r"quarterdeck \d")
    assert modules <= {"quarterdeck", "quarterdeck.entry"}
    assert len(modules) <= _LIMITS["--version"]


def test_get_imports_little(imported: Run) -> None:
    modules = imported("get", "models", "--json", seen=r"arima[\s\S]*\n\]")
    assert not foreign(modules)
    assert not modules & {"asyncio", "importlib.metadata", "textual", "rich", "click", "tomllib", "tomlkit", "logging"}
    assert len(modules) <= _LIMITS["get"]


def test_the_console_imports_no_plugin_and_no_command_line(imported: Run) -> None:
    modules = imported(seen=r"^ainode +● ready", key="q")
    assert "quarterdeck.tui.console_app" in modules
    assert not foreign(modules)
    assert not modules & {"click", "tomlkit", "quarterdeck.cli.main", "quarterdeck.cli.listing"}
    assert len(modules) <= _LIMITS["console"]
