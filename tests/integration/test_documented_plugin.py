"""The plugin author's guide is a whole plugin: its code blocks are put together, installed and run, and it uses everything that there is."""

import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.browsing import BROWSE, BrowseRequest
from quarterdeck_api.editing import TEXT_GET, TEXT_PUT, TextParams, TextPut
from quarterdeck_api.errors import RefusedError
from quarterdeck_api.hooks import HookSpecification
from quarterdeck_api.jobs import JobState
from quarterdeck_api.logs import LOG_SOURCES, LogSourcesParams
from quarterdeck_api.metrics import METRICS, MetricsParams
from quarterdeck_api.protocol import CATALOGUE, COMPLETE, CompleteParams
from quarterdeck_api.wire import Nothing

GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"
_BLOCK = re.compile(r"^```(?:python|toml|csv)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documented_files() -> dict[str, str]:
    """The files that the guide's blocks give, by path; blocks of one file follow one another."""
    files: dict[str, str] = {}
    for path, text in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        files[path] = f"{files[path]}\n\n{text}" if path in files else text
    return files


def test_every_hook_is_shown_in_the_guide() -> None:
    hooks = [name for name, _ in inspect.getmembers(HookSpecification, inspect.isfunction) if name[0] != "_"]
    declaring = documented_files()["quarterdeck_kiln/plugin.py"]
    assert len(hooks) >= 16
    assert [hook for hook in hooks if f"@hookimpl\ndef {hook}(" not in declaring] == []


@pytest.mark.parametrize(
    "module",
    ["backend", "browsing", "live_documents", "logs", "metrics", "editing"],
)
def test_every_protocol_of_a_backend_is_shown_in_the_guide(module: str) -> None:
    found = __import__(f"quarterdeck_api.{module}", fromlist=["*"])
    protocols = [
        each
        for _, each in inspect.getmembers(found, inspect.isclass)
        if getattr(each, "_is_runtime_protocol", False) and each.__module__ == found.__name__
    ]
    assert protocols
    text = documented_files()["quarterdeck_kiln/backend.py"]
    for protocol in protocols:
        methods = [name for name, each in vars(protocol).items() if inspect.isfunction(each) and name[0] != "_"]
        missing = [name for name in methods if f"    def {name}(" not in text]
        assert missing == [], f"{protocol.__name__}.{', '.join(missing)} is not in docs/plugins.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's plugin, which was never anywhere but on the page."""
    folder = tmp_path_factory.mktemp("kiln")
    for path, text in documented_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distribution = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8"
    )
    (distribution / "entry_points.txt").write_text(
        f"[quarterdeck.plugins]\nkiln = {project['entry-points']['quarterdeck.plugins']['kiln']}\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any], folder: Path) -> Any:
    """A runtime with it."""
    return make_instance("", (str(folder),))


@pytest.fixture(scope="module")
def client(instance: Any) -> Any:
    connection = instance.client()
    assert [each.name for each in connection.get("node", "kiln").resources] == ["kiln-1", "kiln-2", "kiln-3"]
    return connection


def run(instance: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line on the instance."""
    argv = [sys.executable, "-m", "quarterdeck", *arguments]
    return subprocess.run(argv, env=instance.environment, capture_output=True, text=True, timeout=90, check=False)


def test_its_own_tests_pass(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    ran = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_its_catalogue_holds_everything(client: Any) -> None:
    [kiln] = [each for each in client.call(CATALOGUE, Nothing(), 60.0).plugins if each.id == "kiln"]
    found = kiln.catalogue
    assert found is not None, kiln.reason
    counted = {
        name: len(getattr(found, name)) for name in found.__struct_fields__ if name != "plugin" and name != "authorizes"
    }
    assert min(counted.values()) >= 1, counted
    assert found.authorizes and len(found.event_hooks) == 3


def test_its_actions(client: Any) -> None:
    cold = client.do_one("kiln.cool", "kiln/node/kiln-1", parameters={"how": "fast"})
    assert (cold.status, "cold already" in cold.message) == ("refused", True)
    look = client.do_one("kiln.look", "kiln/node/kiln-1")
    assert look.run is not None and look.run.argv[0] == sys.executable
    razed = client.do_one("kiln.raze", "kiln/node/kiln-1", typed_name="kiln-1")
    assert (razed.status, "listed buildings" in razed.message) == ("refused", True)
    choices = client.call(COMPLETE, CompleteParams("kiln.fire", "kiln/node/kiln-1", "clay", "p"), 60.0).choices
    assert [each.value for each in choices] == ["porcelain"]


def test_its_pages_documents_logs_metrics_and_texts(client: Any, until: Callable[[Callable[[], bool]], None]) -> None:
    kiln = "kiln/node/kiln-1"
    page = client.call(BROWSE, BrowseRequest("kiln", "reading", kiln, limit=3, last=True), 60.0).page
    assert (page.total, page.next, page.resources[-1].name) == (1_000_000, "", "kiln-1/999999")
    assert "earthenware" in repr(client.describe(kiln).document)
    assert [each.name for each in client.call(LOG_SOURCES, LogSourcesParams(kiln), 60.0).sources] == ["events"]
    names: set[str] = set()

    def measured() -> bool:
        names.update(each.name for each in client.call(METRICS, MetricsParams(kiln), 60.0).series)
        return names >= {"degrees", "draught"}

    until(measured)
    text = client.call(TEXT_GET, TextParams(kiln), 60.0)
    change = client.call(TEXT_PUT, TextPut(kiln, "glaze: tenmoku\n", text.version, confirmed=True), 60.0)
    assert "+glaze: tenmoku" in change.diff
    with pytest.raises(RefusedError, match="changed meanwhile"):
        client.call(TEXT_PUT, TextPut(kiln, "glaze: ash\n", text.version, confirmed=True), 60.0)


def test_its_jobs_and_processes(client: Any) -> None:
    glazed = client.finished(client.do_one("kiln.glaze", "kiln/node/kiln-2").job)
    assert glazed.state is JobState.SUCCEEDED and glazed.result == {"mean": pytest.approx(0.5, abs=0.1)}, glazed.error
    assert [each.name for each in glazed.artefacts] == ["shine.txt"]
    fired = client.do_one("kiln.fire", "kiln/node/kiln-2", parameters={"temperature": 900.0}, confirmed=True)
    record = client.finished(fired.job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result is not None and record.result["degrees"] >= 900
    assert [each.name for each in record.steps] == ["heat", "put out"]
    assert not [each for each in client.get("process").resources if "stoker-of" in each.name]


def test_its_controller_finding_and_events(
    instance: Any, client: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    created = client.do_one(
        "process.create",
        parameters={"type": "kiln.stoker", "name": "night", "parameters": {"kiln": "kiln-3", "pace": 100.0}},
    )
    assert created.status == "done", created.message
    until(lambda: any("1250" in each.reason or "too-hot" in each.address for each in client.get("finding").resources))
    assert client.do_one("process.remove", "core/process/night", confirmed=True).status == "done"
    controller = "core/controller/kiln/overheat"
    configured = client.do_one("controller.configure", controller, settings={"hottest": 1200.0})
    assert configured.status == "done", configured.message
    assert client.do_one("controller.enable", controller).status == "done"

    def cooled() -> bool:
        return any(each.action == "kiln.cool" and "overheat" in each.actor for each in client.journal("kiln.cool"))

    until(cooled)
    until(lambda: "too-hot" not in " ".join(each.address for each in client.get("finding").resources))
    log = instance.paths.logs / "host-kiln.log"
    until(lambda: log.exists() and "gone: kiln-3 is above 1250 degrees" in log.read_text(encoding="utf-8"))


def test_its_command_and_check(instance: Any, client: Any) -> None:
    reported = run(instance, "kiln", "report", "--json")
    assert reported.returncode == 0, reported.stderr
    assert [each["kiln"] for each in json.loads(reported.stdout)] == ["kiln-1", "kiln-2", "kiln-3"]
    checked = run(instance, "plugin", "doctor", "kiln")
    assert checked.returncode == 0, checked.stdout
    assert "the door is there" in checked.stdout
