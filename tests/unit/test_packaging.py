"""What wheels, sdists, archives and editable installs carry: exactly what the repository has, theme files too."""

import importlib.metadata
import io
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository: run it in a clone"),
    pytest.mark.timeout(600),
]


class Distribution(Struct, frozen=True):
    """A distribution of this repository: its project folder, and the folder with its package."""

    name: str
    project: str
    source: str
    package: str


DISTRIBUTIONS = [
    Distribution("quarterdeck", ".", "console", "quarterdeck"),
    Distribution("quarterdeck-api", "console/api", "console/api/src", "quarterdeck_api"),
    *(
        Distribution(
            f"quarterdeck-{each.parent.name}",
            f"plugins/{each.parent.name}",
            f"{each.parent.relative_to(ROOT)}/src",
            f"quarterdeck_{each.parent.name}",
        )
        for each in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    ),
]


def run(*arguments: str, folder: Path) -> str:
    ended = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{arguments}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of what is committed."""
    folder = tmp_path_factory.mktemp("clone") / "tree"
    run("git", "clone", "--quiet", "--no-local", str(ROOT), str(folder), folder=ROOT)
    return folder


@pytest.fixture(scope="module")
def unpacked(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of the tree, unpacked by a program that knows neither links nor git."""
    folder = tmp_path_factory.mktemp("zip")
    archive = subprocess.run(
        ["git", "archive", "--format=zip", "HEAD"], cwd=clone, capture_output=True, check=True, timeout=120
    )
    with zipfile.ZipFile(io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder)
    return folder


def tracked(clone: Path, distribution: Distribution) -> set[str]:
    """The files of the package as they should be called in a wheel."""
    names = run("git", "ls-files", f"{distribution.source}/{distribution.package}", folder=clone).splitlines()
    assert names
    return {name.removeprefix(f"{distribution.source}/") for name in names}


def build(project: Path, out: Path, *what: str) -> list[Path]:
    run(sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", str(out), str(project), folder=project)
    return sorted(out.iterdir())


def wheel_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as packed:
        return {name for name in packed.namelist() if ".dist-info/" not in name}


@pytest.fixture
def needs_build() -> None:
    for module in ("build", "hatchling"):
        pytest.importorskip(module, reason=f"needs {module}: pip install -e '.[test]'")


@pytest.mark.usefixtures("needs_build")
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda each: each.name)
def test_sdist_and_the_wheel_made_from_it_carry_the_package(
    distribution: Distribution, clone: Path, tmp_path: Path
) -> None:
    built = build(clone / distribution.project, tmp_path)
    wheel = next(each for each in built if each.suffix == ".whl")
    expected = tracked(clone, distribution)
    assert wheel_files(wheel) == expected
    with tarfile.open(next(each for each in built if each.suffix == ".gz")) as packed:
        names = packed.getnames()
    prefix = distribution.source.removeprefix(distribution.project).strip("/")
    inside = {name.split("/", 1)[1].removeprefix(prefix).lstrip("/") for name in names if "/" in name}
    assert expected <= inside
    assert not [
        name for name in names if "__pycache__" in name or ("/tests/" in name and distribution.name == "quarterdeck")
    ]


@pytest.mark.usefixtures("needs_build")
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda each: each.name)
def test_a_wheel_made_from_a_zip_of_the_tree_is_the_same(
    distribution: Distribution, clone: Path, unpacked: Path, tmp_path: Path
) -> None:
    (wheel,) = build(unpacked / distribution.project, tmp_path, "--wheel")
    assert wheel_files(wheel) == tracked(clone, distribution)


@pytest.mark.usefixtures("needs_build")
@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda each: each.name)
def test_an_editable_install_leads_to_the_package(distribution: Distribution, clone: Path, tmp_path: Path) -> None:
    program = "import sys, hatchling.build as backend; print(backend.build_editable(sys.argv[1]))"
    name = run(sys.executable, "-c", program, str(tmp_path), folder=clone / distribution.project).split()[-1]
    with zipfile.ZipFile(tmp_path / name) as packed:
        (link,) = (each for each in packed.namelist() if each.endswith(".pth"))
        source = Path(packed.read(link).decode().strip())
    assert source.resolve() == (clone / distribution.source).resolve()
    assert (source / distribution.package / "__init__.py").is_file()


def test_theme_files_are_in_the_package(clone: Path) -> None:
    themes = {
        name for name in tracked(clone, DISTRIBUTIONS[0]) if re.fullmatch(r"quarterdeck/themes/[a-z-]+\.toml", name)
    }
    assert "quarterdeck/themes/dark.toml" in themes
    assert (clone / "themes").resolve() == (clone / "console/quarterdeck/themes").resolve()


@pytest.mark.usefixtures("needs_build")
def test_wheels_have_their_entry_points(clone: Path, tmp_path: Path) -> None:
    (core,) = build(clone, tmp_path / "core", "--wheel")
    (plugin,) = build(clone / "plugins/ainode", tmp_path / "plugin", "--wheel")
    assert "quarterdeck = quarterdeck.entry:main" in _entry_points(core)
    assert "[quarterdeck.plugins]\nainode = quarterdeck_ainode.plugin" in _entry_points(plugin)


def _entry_points(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as packed:
        return packed.read(next(name for name in packed.namelist() if name.endswith("entry_points.txt"))).decode()


def test_ignore_patterns_hide_nothing_but_what_machines_make() -> None:
    listed = run(
        "git",
        "ls-files",
        "--others",
        "--ignored",
        "--exclude-standard",
        "console",
        "plugins",
        "tests",
        "docs",
        folder=ROOT,
    )
    hidden = [name for name in listed.splitlines() if not re.search(r"\.pyc$|\.egg-info/", name)]
    assert hidden == []


def test_ignore_patterns_for_folders_are_anchored() -> None:
    patterns = (ROOT / ".gitignore").read_text("utf-8").split()
    loose = [each for each in patterns if not each.startswith(("/", "*")) and each not in ("__pycache__/",)]
    assert loose == []


def test_one_version_everywhere() -> None:
    projects = [
        tomllib.loads((ROOT / each.project / "pyproject.toml").read_text("utf-8"))["project"] for each in DISTRIBUTIONS
    ]
    assert [project["name"] for project in projects] == [each.name for each in DISTRIBUTIONS]
    sources = [file.read_text("utf-8") for each in DISTRIBUTIONS for file in (ROOT / each.source).rglob("*.py")]
    literals = {
        found
        for text in sources
        for found in re.findall(r'^(?:__version__|VERSION|_VERSION) = "([0-9.]+)"', text, re.MULTILINE)
    }
    assert {project["version"] for project in projects} == literals


def test_a_library_that_installs_a_package_called_tests_stays_apart_from_ours() -> None:
    theirs = Path(importlib.metadata.distribution("apache-iotdb").locate_file("tests"))
    assert theirs.is_dir(), "the client of IoTDB no longer brings it: this test can go"
    assert list(sys.modules["tests"].__path__) == [str(ROOT / "tests")]
    names = {str(file.relative_to(theirs)) for file in theirs.rglob("*.py")}
    assert not [name for name in names if (ROOT / "tests" / name).exists()], "pytest could take one for the other"
