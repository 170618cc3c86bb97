"""Plugins to install, and environments to install them into; nothing here needs a package index."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import psutil
import pytest

from quarterdeck.config.paths import HOME_VARIABLE

LODGER = Path(__file__).parents[2] / "plugins" / "own_environment"

#: No plugin of the environment that runs the tests is meant here.
QUIET = '[plugins]\ndisabled = ["ainode", "rows"]\n'


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes], tag: str, metadata: str) -> Path:
    """A wheel of these files."""
    plain = name.replace("-", "_")
    inside = f"{plain}-{version}.dist-info"
    content = {
        **files,
        f"{inside}/METADATA": metadata.encode(),
        f"{inside}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},{digest(data)},{len(data)}\n" for path, data in content.items())
    wheel = folder / f"{plain}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        for path, data in content.items():
            packed.writestr(path, data)
        packed.writestr(f"{inside}/RECORD", f"{record}{inside}/RECORD,,\n")
    return wheel


def digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def repacked(found: Distribution, folder: Path) -> Path:
    """A wheel of an installed distribution."""
    wheel_text = found.read_text("WHEEL") or ""
    tag = next(line.removeprefix("Tag: ") for line in wheel_text.splitlines() if line.startswith("Tag: "))
    files = {
        str(file): Path(str(file.locate())).read_bytes()
        for file in found.files or ()
        if ".dist-info" not in str(file) and "__pycache__" not in str(file) and ".." not in file.parts
    }
    return write_wheel(
        folder, str(found.metadata["Name"]), found.version, files, tag, found.read_text("METADATA") or ""
    )


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what quarterdeck-api needs, and an old release of something that the core needs too."""
    folder = tmp_path_factory.mktemp("index")
    for name in ("msgspec", "pluggy"):
        repacked(distribution(name), folder)
    old = "Metadata-Version: 2.1\nName: tomlkit\nVersion: 0.1\n"
    write_wheel(folder, "tomlkit", "0.1", {"tomlkit/__init__.py": b""}, "py3-none-any", old)
    plain = "Metadata-Version: 2.1\nName: no-plugin\nVersion: 1.0\n"
    write_wheel(folder, "no-plugin", "1.0", {"no_plugin.py": b""}, "py3-none-any", plain)
    return folder


@pytest.fixture(scope="session")
def lodger(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The wheel of a plugin that says where it runs, in any version and with further requirements."""
    made: dict[tuple[str, ...], Path] = {}

    def wheel(version: str, *requirements: str) -> Path:
        key = (version, *requirements)
        if key not in made:
            folder = tmp_path_factory.mktemp("lodger")
            project = folder / "project"
            shutil.copytree(LODGER, project, ignore=shutil.ignore_patterns("__pycache__"))
            for file in (*project.rglob("*.py"), project / "pyproject.toml"):
                text = file.read_text(encoding="utf-8").replace('"1.0"', f'"{version}"')
                wanted = ", ".join(f'"{each}"' for each in ("quarterdeck-api", *requirements))
                file.write_text(text.replace('"quarterdeck-api"', wanted), encoding="utf-8")
            made[key] = build_wheel(project, folder)
        return made[key]

    return wheel


def build_wheel(project: Path, folder: Path) -> Path:
    """Builds with the build tools of the environment that runs the tests."""
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def build() -> Callable[[Path, Path], Path]:
    """Builds the wheel of a project into a folder."""
    return build_wheel


class FreshEnvironment:
    """A virtual environment of its own that has the core, and an instance that is used from there."""

    def __init__(self, folder: Path, home: Path, index: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
        self.folder = folder
        self.python = folder / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = folder / "lib" / version / "site-packages"
        core = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (self.packages / "core.pth").write_text(core, encoding="utf-8")
        (home / "config").mkdir()
        (home / "config" / "config.toml").write_text(QUIET, encoding="utf-8")
        self.environment = {
            **os.environ,
            HOME_VARIABLE: str(home),
            "QUARTERDECK_IDLE_EXIT": "60",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(index),
        }
        self.environment.pop("QUARTERDECK_PLUGIN_PATH", None)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begins a command."""
        return subprocess.Popen(
            [str(self.python), "-m", "quarterdeck", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        """Runs a command: its exit code and what it said."""
        with self.start(*words) as process:
            output, errors = process.communicate(timeout=150)
            return process.returncode, output, errors

    def done(self, *words: str) -> str:
        """Runs a command that must succeed; its output."""
        code, output, errors = self.run(*words)
        assert code == 0, f"{words}: {output}{errors}"
        return output


@pytest.fixture
def fresh(home: Path, tmp_path: Path, index: Path) -> Iterator[FreshEnvironment]:
    """A fresh environment with the core; its runtime is stopped at the end."""
    made = FreshEnvironment(tmp_path / "venv", home, index)
    yield made
    made.run("runtime", "stop")
    left = [each for each in psutil.process_iter() if _runs_in(each, made.folder)]
    assert left == []


def _runs_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return bool(process.cmdline()) and process.cmdline()[0].startswith(str(folder))
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
