"""Who looks after an environment, what is protected, and what a plan would change: decided without touching anything."""

import zipfile
from pathlib import Path

import pytest

from quarterdeck.loading import planning
from quarterdeck.loading.api_wheel import write_api_wheel
from quarterdeck.loading.discovery import find_plugins
from quarterdeck.loading.installation import (
    EnvironmentFacts,
    Manager,
    Verb,
    foreign_command,
    keeps_to_itself,
    manager,
    pip_command,
    read_facts,
    refuse_foreign,
)
from quarterdeck.loading.own_environments import OwnEnvironments
from quarterdeck.loading.pip_program import Pip, PipConflictError, ResolvedItem, find_pip, pip_error
from quarterdeck.loading.places import Place
from quarterdeck.loading.planning import Change, Plan, distribution_of, planned_changes, protected_changes
from quarterdeck.loading.plugin_source import PluginSource, plugin_source
from quarterdeck.loading.protected import Installed, closure, installed_distributions, needed_by, required_name
from quarterdeck.runtime.plugin_turnover import turnover
from quarterdeck_api import __version__
from quarterdeck_api.catalogue import Catalogue, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError

VENV = EnvironmentFacts("/opt/qd", virtual=True)
DEBIAN = EnvironmentFacts("/usr", virtual=False, marker=True, writable=False)


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        (VENV, Manager.PIP),
        (EnvironmentFacts("/opt/qd", virtual=True, marker=True), Manager.PIP),
        (EnvironmentFacts("/usr/local", virtual=False), Manager.PIP),
        (EnvironmentFacts("/opt/qd", virtual=True, uv_made=True, pip=False), Manager.UV),
        (EnvironmentFacts("/opt/qd", virtual=True, pipx=True), Manager.PIPX),
        (EnvironmentFacts("/opt/qd", virtual=True, uv_tool=True, uv_made=True, pip=False), Manager.UV_TOOL),
        (DEBIAN, Manager.SYSTEM),
    ],
)
def test_who_looks_after_an_environment(facts: EnvironmentFacts, who: Manager) -> None:
    assert manager(facts) is who


def test_what_may_not_be_written_keeps_to_itself() -> None:
    assert keeps_to_itself(VENV) == ""
    assert "operating system" in keeps_to_itself(DEBIAN)
    assert "cannot be written" in keeps_to_itself(EnvironmentFacts("/opt/qd", virtual=True, writable=False))


@pytest.mark.parametrize(
    ("facts", "verb", "command"),
    [
        (EnvironmentFacts("/p", True, pipx=True), Verb.INSTALL, "pipx inject quarterdeck extra"),
        (EnvironmentFacts("/p", True, pipx=True), Verb.UPGRADE, "pipx inject --force quarterdeck extra"),
        (EnvironmentFacts("/p", True, pipx=True), Verb.REMOVE, "pipx uninject quarterdeck extra"),
        (
            EnvironmentFacts("/p", True, uv_tool=True, receipt=("one",)),
            Verb.INSTALL,
            "uv tool install quarterdeck --with one --with extra",
        ),
        (
            EnvironmentFacts("/p", True, uv_tool=True, receipt=("one", "extra")),
            Verb.REMOVE,
            "uv tool install quarterdeck --with one",
        ),
        (
            EnvironmentFacts("/p", True, uv_tool=True),
            Verb.UPGRADE,
            "uv tool install quarterdeck --upgrade --with extra",
        ),
    ],
)
def test_pipx_and_uv_tool_are_told_what_to_type(facts: EnvironmentFacts, verb: Verb, command: str) -> None:
    assert foreign_command(facts, verb, ["extra"]) == command
    with pytest.raises(RefusedError) as refused:
        refuse_foreign(facts, verb, ["extra"])
    assert command in refused.value.remedy
    assert ("--own-environment" in refused.value.remedy) is (verb is Verb.INSTALL)


def test_commands_for_pip_and_uv_environments() -> None:
    refuse_foreign(VENV, Verb.INSTALL, ["extra"])
    assert pip_command(VENV, Verb.REMOVE, ["extra"]) == "/opt/qd/bin/python -m pip uninstall extra"
    uv = EnvironmentFacts("/opt/my qd", virtual=True, uv_made=True, pip=False)
    assert pip_command(uv, Verb.UPGRADE, ["extra"]) == (
        "uv pip install --python '/opt/my qd/bin/python' --upgrade extra"
    )


def test_the_facts_of_an_environment_are_read_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.5.1\n", encoding="utf-8")
    facts = read_facts()
    assert facts.uv_made and not facts.pipx and not facts.uv_tool and facts.prefix == str(tmp_path)
    (tmp_path / "pipx_metadata.json").write_text("{}", encoding="utf-8")
    receipt = '[tool]\nrequirements = [{ name = "quarterdeck" }, { name = "quarterdeck-ainode" }]\n'
    (tmp_path / "uv-receipt.toml").write_text(receipt, encoding="utf-8")
    facts = read_facts()
    assert facts.pipx and facts.uv_tool and facts.receipt == ("quarterdeck-ainode",)


def test_an_environment_without_pip_uses_the_one_that_python_ships() -> None:
    assert find_pip(VENV).arguments("/x/python")[-2:] == ["--python", "/x/python"]
    pytest.importorskip("ensurepip")
    shipped = find_pip(EnvironmentFacts("/opt/qd", virtual=True, pip=False))
    assert shipped.wheel.endswith(".whl") and Path(shipped.wheel).is_file()
    assert shipped.arguments("/x/python") == ["/x/python", f"{shipped.wheel}/pip"]


def test_requirements_are_followed_but_for_extras() -> None:
    assert required_name("Foo.Bar[x]>=1,<2; python_version>'3'") == "foo-bar"
    assert required_name("hypothesis>=6; extra == 'test'") == ""
    assert required_name("pkg @ file:///x.whl") == "pkg"
    installed = {
        "quarterdeck": Installed("quarterdeck", "1", ("textual", "missing")),
        "textual": Installed("textual", "8", ("rich",)),
        "rich": Installed("rich", "14", ("textual",)),
        "numpy": Installed("numpy", "2"),
    }
    assert closure(installed) == {"quarterdeck": "1", "textual": "8", "rich": "14"}
    assert needed_by(installed, "rich") == ("textual",)


def test_what_this_core_needs_is_protected() -> None:
    protected = closure(installed_distributions())
    assert {"quarterdeck", "quarterdeck-api", "textual", "rich", "msgspec", "pluggy", "pyarrow"} <= set(protected)
    assert not {"pytest", "hatchling", "hypothesis"} & set(protected), "extras are not followed"


def test_a_plan_knows_what_it_changes_and_disturbs() -> None:
    installed = {"numpy": Installed("numpy", "2.0"), "quarterdeck": Installed("quarterdeck", "1")}
    resolved = (ResolvedItem("Numpy", "2.1", False), ResolvedItem("my-plugin", "1.0", True))
    changes = planned_changes(resolved, installed)
    assert changes == (Change("Numpy", "2.0", "2.1"), Change("my-plugin", "", "1.0"))
    assert protected_changes(changes, {"numpy": "2.0"}) == ["Numpy"]
    assert distribution_of(resolved, PluginSource("x")) == "my-plugin"
    assert distribution_of((), PluginSource("x", "my-plugin")) == "my-plugin"
    with pytest.raises(UsageError, match="several"):
        distribution_of((*resolved, ResolvedItem("other", "1", True)), PluginSource("x"))
    plan = Plan(Verb.INSTALL, "my-plugin", "", "1.0", Place.SHARED, "/opt", changes)
    assert plan.disturbs and plan.pins == ("Numpy==2.1", "my-plugin==1.0")
    assert not Plan(Verb.INSTALL, "my-plugin", "", "1.0", Place.SHARED, "/opt", changes[1:]).disturbs
    assert not Plan(Verb.REMOVE, "my-plugin", "1.0", "", Place.OWN, "/opt", (Change("my-plugin", "1.0", ""),)).disturbs


def test_pips_words_become_an_error_with_a_remedy() -> None:
    conflict = pip_error(
        [
            "ERROR: Cannot install x because these package versions have conflicting dependencies.",
            "    x 1.0 depends on textual<8",
            "    The user requested (constraint) textual==8.2.8",
            "ERROR: ResolutionImpossible: for help visit …",
        ]
    )
    assert isinstance(conflict, PipConflictError) and "x 1.0 depends on textual<8" in conflict.message
    plain = pip_error(["Looking in links", "ERROR: No matching distribution found for nothing", ""])
    assert type(plain) is QuarterdeckError and "No matching distribution found for nothing" in plain.message
    assert "it says nothing" in pip_error([]).message


def test_a_source_is_a_wheel_a_folder_or_a_name(tmp_path: Path) -> None:
    wheel = tmp_path / "quarterdeck_x-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("quarterdeck_x-1.0.dist-info/entry_points.txt", "[quarterdeck.plugins]\nx = x.plugin\n")
    found = plugin_source(wheel.name, tmp_path)
    assert found == PluginSource(str(wheel), "quarterdeck-x")
    found.check()
    project = tmp_path / "project"
    project.mkdir()
    with pytest.raises(UsageError, match=r"no pyproject\.toml"):
        plugin_source("./project", tmp_path)
    (project / "pyproject.toml").touch()
    assert plugin_source("project", tmp_path).text == str(project)
    assert plugin_source("quarterdeck-x>=1.0", tmp_path) == PluginSource("quarterdeck-x>=1.0", "quarterdeck-x")
    for wrong in ("./missing", "missing.whl", "--index-url=x", "two words", ""):
        with pytest.raises(UsageError):
            plugin_source(wrong, tmp_path)


@pytest.mark.parametrize("content", [b"no zip", None])
def test_a_wheel_that_is_no_plugin_is_refused(tmp_path: Path, content: bytes | None) -> None:
    wheel = tmp_path / "x-1.0-py3-none-any.whl"
    if content is not None:
        wheel.write_bytes(content)
    else:
        with zipfile.ZipFile(wheel, "w") as packed:
            packed.writestr("x-1.0.dist-info/METADATA", "")
    with pytest.raises(UsageError):
        PluginSource(str(wheel)).check()


def test_the_wheel_of_the_api_has_its_package_and_is_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = write_api_wheel(tmp_path / "a"), write_api_wheel(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        names = packed.namelist()
        metadata = packed.read(f"quarterdeck_api-{__version__}.dist-info/METADATA").decode()
    assert {"quarterdeck_api/host/program.py", "quarterdeck_api/py.typed", "quarterdeck_api/worker.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert f"Version: {__version__}\n" in metadata and "Requires-Dist: msgspec" in metadata


def test_generations_of_an_environment(tmp_path: Path) -> None:
    environments = OwnEnvironments(tmp_path / "own")
    assert environments.all() == () and environments.abandoned() == ()
    first, python = environments.create("Quarterdeck_X")
    assert python == tmp_path / "own" / "quarterdeck-x" / "env-1" / "bin" / "python" and python.exists()
    assert environments.all() == (), "not in use before it is said"
    used = environments.use("Quarterdeck_X", "1.0", first, "x.whl")
    assert environments.get("quarterdeck-x") == used and environments.python(used) == python
    second, _ = environments.create("quarterdeck-x")
    assert second == "env-2"
    environments.use("quarterdeck-x", "2.0", second, "x.whl")
    assert environments.abandoned() == (python.parents[1],)
    with environments.changing():
        assert environments.abandoned() == (), "what is just being made is not in use either"
        with pytest.raises(RefusedError, match="another command"), OwnEnvironments(tmp_path / "own").changing():
            pass
    environments.forget("quarterdeck-x")
    environments.remove(environments.abandoned())
    assert not (tmp_path / "own" / "quarterdeck-x").exists()


@pytest.mark.parametrize("api", [__version__, "0.0.1"])
def test_an_environment_that_cannot_be_used_is_a_line_with_a_reason(tmp_path: Path, api: str) -> None:
    environments = OwnEnvironments(tmp_path / "own")
    generation, python = environments.create("quarterdeck-x")
    used = environments.use("quarterdeck-x", "1.0", generation, "x.whl")
    [empty] = find_plugins(tmp_path / "a.json", (), search_path=(), environments=environments)
    assert "is damaged" in empty.fault and "x.whl" in empty.remedy
    information = environments.site_packages(used) / "quarterdeck_x-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: quarterdeck-x\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[quarterdeck.plugins]\nx = quarterdeck_x.plugin\n")
    other = environments.folder / "quarterdeck-x" / "current.json"
    other.write_text(other.read_text().replace(f'"api":"{__version__}"', f'"api":"{api}"'))
    [found] = find_plugins(tmp_path / "b.json", (), search_path=(), environments=environments)
    assert (found.name, found.interpreter, found.paths) == ("x", str(python), ())
    assert bool(found.fault) is (api != __version__)
    if found.fault:
        assert "quarterdeck-api 0.0.1" in found.fault and "plugin upgrade quarterdeck-x" in found.remedy


def plugin(name: str, version: str = "1", ready: bool = True) -> PluginStatus:
    catalogue = Catalogue(PluginInfo(name, name, version, "1.0")) if ready else None
    phase = PluginPhase.READY if ready else PluginPhase.IMPORT
    return PluginStatus(name, name, version, phase, catalogue=catalogue, declare_seconds=0.1)


def test_only_what_differs_turns_over_and_busy_plugins_wait() -> None:
    before = (plugin("core"), plugin("same"), plugin("gone"), plugin("new"), plugin("busy"), plugin("needs"))
    same = PluginStatus("same", "same", "1", PluginPhase.READY, catalogue=plugin("same").catalogue, cached=True)
    after = (same, plugin("new", "2"), plugin("busy", "2"), plugin("needs"), plugin("fresh"))
    found = turnover(before, after, {"needs"}, lambda name: name == "busy")
    assert found.waiting == ("busy",)
    assert found.changed == {
        "fresh": "it was installed (1)",
        "gone": "it was removed",
        "needs": "it, or what it needs, was changed",
        "new": "it was changed from 1 to 2",
    }
    assert {each.id: each.version for each in found.statuses} == {
        "same": "1",
        "new": "2",
        "busy": "1",
        "needs": "1",
        "fresh": "1",
    }


def test_a_busy_plugin_that_is_removed_stays_until_its_jobs_have_ended() -> None:
    found = turnover((plugin("busy"),), (), (), lambda _: True)
    assert (found.waiting, found.changed, [each.id for each in found.statuses]) == (("busy",), {}, ["busy"])
    broken = turnover((plugin("broken", ready=False),), (plugin("broken", "2"),), (), lambda _: True)
    assert broken.changed == {"broken": "it was changed from 1 to 2"}, "what never ran has no jobs"


def test_pip_is_run_on_other_environments_from_aside() -> None:
    assert Pip().arguments("/x/python")[1:4] == ["-P", "-m", "pip"]


@pytest.mark.parametrize(
    ("version", "source", "differs"),
    [("1.0", "quarterdeck-x", False), ("1.1", "quarterdeck-x", True), ("1.0", "/some/x-1.0-py3-none-any.whl", True)],
)
def test_the_newest_release_is_not_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, source: str, differs: bool
) -> None:
    environments = OwnEnvironments(tmp_path / "own")
    (tmp_path / "own" / "quarterdeck-x").mkdir(parents=True)
    environments.use("quarterdeck-x", "1.0", "env-1", source)
    resolved = (ResolvedItem("quarterdeck-api", __version__, True), ResolvedItem("quarterdeck-x", version, True))
    monkeypatch.setattr(planning, "resolve", lambda *_: resolved)
    monkeypatch.setattr(PluginSource, "check", lambda _: None)
    plan = planning.plan_install(PluginSource(source), Verb.UPGRADE, environments, VENV, own=True)
    assert (plan.verb, plan.before, plan.after) == (Verb.UPGRADE, "1.0", version)
    assert bool(plan.changes) is differs
