"""Plugins are installed, upgraded and removed while the runtime runs and jobs of them run; every job ends with the code it began with."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.loading.declaring import declare_plugin, found_status
from quarterdeck.loading.discovery import find_plugins
from quarterdeck.loading.installation import EnvironmentFacts, Verb
from quarterdeck.loading.installing import carry_out, plan_removal
from quarterdeck.loading.own_environments import OwnEnvironments
from quarterdeck.loading.places import Place
from quarterdeck.loading.planning import plan_install
from quarterdeck.loading.plugin_source import plugin_source
from quarterdeck_api.catalogue import PluginPhase
from quarterdeck_api.errors import NotFoundError, RefusedError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.plugin_requests import (
    PLUGIN_BEGIN,
    PLUGIN_END,
    PLUGIN_PROCEED,
    PluginChange,
    PluginChangeEnd,
    PluginChangeNumber,
)
from quarterdeck_api.protocol import CATALOGUE
from quarterdeck_api.wire import Nothing

pytestmark = pytest.mark.timeout(300)

QUIET = '[plugins]\ndisabled = ["ainode", "rows"]\n'


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any], index: Path) -> Any:
    return make_instance(QUIET, ("exemplary",), PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index))


def quarterdeck(instance: Any, *words: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "quarterdeck", *words],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def changed(instance: Any, *words: str) -> dict[str, Any]:
    """A change of plugins that must be carried out; its document."""
    code, output, errors = quarterdeck(instance, "plugin", *words, "--yes", "--json")
    assert code == 0, output + errors
    return json.loads(output)


@pytest.fixture
def installed(instance: Any, lodger: Callable[..., Path]) -> Iterator[Any]:
    """A client while the lodger lives in an environment of its own, in version 1.0."""
    client = instance.client()
    document = changed(instance, "install", str(lodger("1.0")), "--own-environment")
    assert (document["environment"], document["after"]) == ("own", "1.0")
    yield client
    if any(each.id == "lodger" for each in client.call(CATALOGUE, Nothing(), 30.0).plugins):
        changed(instance, "remove", "lodger")


def room(client: Any) -> dict[str, str]:
    found = client.get("room")
    [resource] = found.resources
    return dict(zip(found.columns[resource.address.split("/")[0]], resource.cells, strict=True))


def stay(client: Any, action: str, until_file: Path | None = None) -> str:
    outcome = client.do_one(action, "lodger/room/r1", parameters={"until": str(until_file or "")})
    assert outcome.status == "accepted", outcome
    return outcome.job


def test_it_lives_and_works_in_its_own_environment(instance: Any, installed: Any) -> None:
    generation = instance.paths.environments / "quarterdeck-lodger" / "env-1"
    assert room(installed) == {"prefix": str(generation), "version": "1.0"}
    job = installed.finished(stay(installed, "room.stay"))
    assert job.result["prefix"] == str(generation) != sys.prefix
    status = next(each for each in installed.call(CATALOGUE, Nothing(), 30.0).plugins if each.id == "lodger")
    assert status.interpreter == str(generation / "bin" / "python") and status.paths == ()
    assert f"in an environment of its own, {generation}" in quarterdeck(instance, "plugin", "info", "lodger")[1]
    listed = json.loads(quarterdeck(instance, "plugin", "list", "--json")[1])
    assert {each["id"]: each["environment"] for each in listed}["lodger"] == "own"
    code, said, _ = quarterdeck(instance, "plugin", "doctor", "lodger")
    assert code == 0 and "quarterdeck_lodger.room:host_stay is imported" in said


def test_an_upgrade_lets_running_jobs_end_with_their_code(
    instance: Any, installed: Any, lodger: Callable[..., Path], tmp_path: Path, until: Callable[..., None]
) -> None:
    go, host_go = tmp_path / "go", tmp_path / "host-go"
    in_worker = stay(installed, "room.stay", go)
    in_host = stay(installed, "room.host-stay", host_go)
    installed.running(in_worker)
    installed.running(in_host)
    document = changed(instance, "upgrade", "lodger", "--from", str(lodger("2.0")))
    assert (document["verb"], document["before"], document["after"]) == ("upgrade", "1.0", "2.0")
    assert document["waiting"] == ["lodger"], "its host runs a job"
    assert room(installed)["version"] == "1.0"
    queued = stay(installed, "room.stay")
    assert installed.job(queued).state is JobState.QUEUED
    assert "waits for the jobs in its host" in installed.job(queued).message
    host_go.touch()
    assert installed.finished(in_host).result["leaving"] == "1.0"
    until(lambda: bool(installed.get("room").resources) and room(installed)["version"] == "2.0")
    assert installed.finished(queued).result["leaving"] == "2.0"
    assert installed.job(in_worker).state is JobState.RUNNING
    go.touch()
    record = installed.finished(in_worker)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
    assert (record.result["version"], record.result["leaving"]) == ("1.0", "1.0")
    until(lambda: not Path(record.result["prefix"]).exists())


def test_its_processes_go_over_to_another_version_and_wait_for_it_when_it_is_gone(
    instance: Any, installed: Any, lodger: Callable[..., Path], until: Callable[..., None]
) -> None:
    def guest() -> str:
        """What the process says of itself, or why it does not run."""
        found = installed.get("process")
        [resource] = [each for each in found.resources if each.name == "g1"]
        cells = dict(zip(found.columns["core"], resource.cells, strict=True))
        return f"{resource.state} {cells['message']} {resource.reason}"

    assert quarterdeck(instance, "processes", "create", "lodger.guest", "g1")[0] == 0
    until(lambda: guest().startswith("running 1.0 in"))
    changed(instance, "upgrade", "lodger", "--from", str(lodger("2.0")))
    until(lambda: guest().startswith("running 2.0 in"))
    changed(instance, "remove", "lodger")
    until(lambda: "there is no plugin 'lodger'" in guest())
    changed(instance, "install", str(lodger("1.0")), "--own-environment")
    until(lambda: guest().startswith("running 1.0 in"))
    assert quarterdeck(instance, "processes", "remove", "g1", "--yes")[0] == 0


def test_removing_it_lets_running_jobs_end_and_keeps_their_records(
    instance: Any, installed: Any, tmp_path: Path, until: Callable[..., None]
) -> None:
    go = tmp_path / "go"
    job = stay(installed, "room.stay", go)
    prefix = Path(room(installed)["prefix"])
    installed.running(job)
    document = changed(instance, "remove", "lodger")
    assert document["changes"] == [{"distribution": "quarterdeck-lodger", "before": "1.0", "after": ""}]
    with pytest.raises(NotFoundError):
        installed.get("room", "lodger")
    assert "lodger" not in {each.id for each in installed.call(CATALOGUE, Nothing(), 30.0).plugins}
    go.touch()
    record = installed.finished(job)
    assert record.state is JobState.SUCCEEDED and record.result["leaving"] == "1.0"
    until(lambda: not prefix.parent.exists())
    assert installed.job(job).result == record.result


def test_everything_is_in_the_journal(instance: Any, installed: Any, lodger: Callable[..., Path]) -> None:
    changed(instance, "upgrade", "lodger", "--from", str(lodger("2.0")))
    changed(instance, "remove", "lodger")
    newest = installed.journal()[:3]
    assert [each.action for each in newest] == ["plugin.remove", "plugin.upgrade", "plugin.install"]
    assert {each.outcome for each in newest} == {"done"} and all("plugin" in each.actor for each in newest)
    versions = [(each.parameters.get("before", ""), each.parameters.get("after", "")) for each in newest]
    assert versions == [("2.0", ""), ("1.0", "2.0"), ("", "1.0")]
    quarterdeck(instance, "plugin", "disable", "exemplary")
    quarterdeck(instance, "plugin", "enable", "exemplary")
    assert [each.action for each in installed.journal()[:2]] == ["plugin.enable", "plugin.disable"]
    assert installed.journal()[0].address == "core/plugin/exemplary"


def test_what_clashes_with_the_core_gets_an_environment_of_its_own(instance: Any, lodger: Callable[..., Path]) -> None:
    before = version("tomlkit")
    clashing = str(lodger("3.0", "tomlkit<0.5"))
    code, said, errors = quarterdeck(instance, "plugin", "install", clashing, "--dry-run", "--json")
    assert code == 0, errors
    plan = json.loads(said)
    assert plan["environment"] == "own" and "tomlkit" in plan["why"] and plan["applied"] is False
    assert {"distribution": "tomlkit", "before": "", "after": "0.1"} in plan["changes"]
    assert not (instance.paths.environments / "quarterdeck-lodger" / "current.json").exists()
    changed(instance, "install", clashing)
    assert room(instance.client())["prefix"].startswith(str(instance.paths.environments))
    assert version("tomlkit") == before
    changed(instance, "remove", "lodger")


def test_what_is_no_plugin_is_refused_and_leaves_nothing(instance: Any, index: Path) -> None:
    code, _, said = quarterdeck(instance, "plugin", "install", str(index / "no_plugin-1.0-py3-none-any.whl"), "--yes")
    assert code == 2 and "is no plugin" in said
    code, _, said = quarterdeck(instance, "plugin", "install", "no-plugin", "--own-environment", "--yes")
    assert code == 2 and "no-plugin is no plugin" in said
    assert not (instance.paths.environments / "no-plugin").exists()
    code, _, said = quarterdeck(instance, "plugin", "install", "no-such-thing", "--own-environment", "--yes")
    assert code == 1 and "pip says" in said and "no-such-thing" in said
    code, _, said = quarterdeck(instance, "plugin", "remove", "exemplary", "--yes")
    assert code == 4 and "QUARTERDECK_PLUGIN_PATH" in said


def test_policy_is_asked_and_a_client_that_leaves_holds_nothing(
    instance: Any, until: Callable[..., None], tmp_path: Path
) -> None:
    client = instance.client()
    with pytest.raises(RefusedError, match="confirmed"):
        client.call(PLUGIN_BEGIN, PluginChange("remove", "exemplary"), 30.0)
    assert client.journal()[0].outcome == "refused"
    leaver = instance.client()
    asked = PluginChange("upgrade", "exemplary", hold=("exemplary",), confirmed=True)
    begun = leaver.call(PLUGIN_BEGIN, asked, 30.0)
    with pytest.raises(NotFoundError):
        client.call(PLUGIN_END, PluginChangeEnd(begun.change, "done"), 30.0)
    held = client.do_one("node.empty", "exemplary/node/n1").job
    assert client.job(held).state is JobState.QUEUED and "is being changed" in client.job(held).message
    leaver.close()
    assert client.finished(held).state is JobState.SUCCEEDED
    until(lambda: client.journal()[0 if client.journal()[0].action == "plugin.upgrade" else 1].outcome == "unknown")


def test_plugins_that_may_refuse_are_asked_but_not_about_ending_them(make_instance: Callable[..., Any]) -> None:
    instance = make_instance(QUIET, ("exemplary", "watchful"))
    (instance.home / "watchful").mkdir()
    (instance.home / "watchful" / "authorize").write_text("no: never", encoding="utf-8")
    client = instance.client()
    for verb, plugin in (("install", "lodger"), ("upgrade", "exemplary")):
        with pytest.raises(RefusedError, match="never"):
            client.call(PLUGIN_BEGIN, PluginChange(verb, plugin, confirmed=True), 60.0)
        assert (client.journal()[0].action, client.journal()[0].outcome) == (f"plugin.{verb}", "refused")
    for verb in ("upgrade", "disable", "remove"):
        begun = client.call(PLUGIN_BEGIN, PluginChange(verb, "watchful", confirmed=True), 60.0)
        client.call(PLUGIN_END, PluginChangeEnd(begun.change, "failed", "the test only asks"), 60.0)


def test_files_are_changed_only_when_no_job_uses_them(instance: Any, tmp_path: Path) -> None:
    client = instance.client()
    job = client.do_one("node.sleep", "exemplary/node/n1", parameters={"seconds": 60.0}).job
    client.running(job)
    asked = PluginChange("upgrade", "exemplary", hold=("exemplary",), confirmed=True)
    begun = client.call(PLUGIN_BEGIN, asked, 30.0)
    number = int(job.rsplit("/", 1)[1])
    assert (begun.proceed, begun.running) == (False, (number,))
    host = instance.host_pid(client)
    assert client.call(PLUGIN_PROCEED, PluginChangeNumber(begun.change), 30.0).proceed is False
    assert instance.host_pid(client) == host
    client.do_one("job.cancel", job)
    client.finished(job)
    assert client.call(PLUGIN_PROCEED, PluginChangeNumber(begun.change), 60.0).proceed
    assert "exemplary" not in {each.plugin for each in client.status().hosts}
    client.call(PLUGIN_END, PluginChangeEnd(begun.change, "failed", "the test says so"), 60.0)
    assert client.do_one("node.ping", "exemplary/node/n1").status == "done"
    assert instance.host_pid(client) != host


def test_in_the_shared_environment_an_upgrade_waits_for_jobs(
    fresh: Any, lodger: Callable[..., Path], tmp_path: Path, until: Callable[..., None]
) -> None:
    first, second = str(lodger("1.0")), str(lodger("2.0"))
    code, said, _ = fresh.run("plugin", "install", first, "--dry-run")
    assert code == 0 and f"install quarterdeck-lodger 1.0 in Quarterdeck's environment, {fresh.folder}" in said
    code, _, said = fresh.run("plugin", "install", first)
    assert code == 4 and "--yes" in said
    assert not list(fresh.packages.glob("quarterdeck_lodger*"))
    fresh.done("plugin", "install", first, "--yes")
    assert fresh.done("plugin", "install", first, "--yes") == ""
    fresh.done("processes", "create", "lodger.guest", "g1")
    go = tmp_path / "go"
    job = fresh.done("do", "room.stay", "lodger/room/r1", "--until", str(go), "--no-wait").strip()
    until(lambda: json.loads(fresh.done("jobs", "show", job, "--json"))["state"] == "running")
    given_up = fresh.start("plugin", "upgrade", "lodger", "--from", second, "--yes")
    assert given_up.stderr is not None
    assert any("waiting for" in line and job in line for line in given_up.stderr)
    given_up.send_signal(signal.SIGINT)
    given_up.communicate(timeout=60)
    assert given_up.returncode == 130
    assert list(fresh.packages.glob("quarterdeck_lodger-1.0*"))
    upgrade = fresh.start("plugin", "upgrade", "lodger", "--from", second, "--yes")
    assert upgrade.stderr is not None
    assert any("waiting for" in line and job in line for line in upgrade.stderr)
    assert list(fresh.packages.glob("quarterdeck_lodger-1.0*")), "nothing is touched while it waits"
    go.touch()
    output, errors = upgrade.communicate(timeout=120)
    assert upgrade.returncode == 0 and "lodger 2.0 is ready" in output, errors
    assert json.loads(fresh.done("jobs", "show", job, "--json"))["result"]["leaving"] == "1.0"
    later = json.loads(fresh.done("do", "room.stay", "lodger/room/r1", "--json"))
    assert later["result"]["leaving"] == "2.0" and later["result"]["prefix"] == str(fresh.folder)
    until(lambda: "2.0 in" in fresh.done("processes", "list"))
    fresh.done("plugin", "remove", "lodger", "--yes")
    until(lambda: "there is no plugin 'lodger'" in fresh.done("processes", "list"))
    fresh.done("processes", "remove", "g1", "--yes")
    assert not list(fresh.packages.glob("quarterdeck_lodger*"))
    assert fresh.run("get", "room")[0] == 2
    outcomes = [each["outcome"] for each in json.loads(fresh.done("journal", "--json")) if "upgrade" in each["action"]]
    assert outcomes == ["done", "failed"]


def test_what_is_installed_by_hand_is_noticed(
    fresh: Any, lodger: Callable[..., Path], until: Callable[..., None]
) -> None:
    fresh.done("runtime", "start")

    def pip(*words: str) -> None:
        command = [str(fresh.python), "-m", "pip", *words]
        subprocess.run(command, env=fresh.environment, check=True, capture_output=True, timeout=120)

    pip("install", str(lodger("1.0")))
    until(lambda: fresh.run("get", "room")[0] == 0)
    pip("install", str(lodger("2.0")))
    until(lambda: "2.0" in fresh.run("get", "room")[1])
    pip("uninstall", "--yes", "quarterdeck-lodger")
    until(lambda: fresh.run("get", "room")[0] == 2)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (EnvironmentFacts("/usr", virtual=False, marker=True), "managed by the operating system"),
        (EnvironmentFacts("/opt/qd", virtual=True, writable=False), "cannot be written"),
        (EnvironmentFacts("/opt/qd", virtual=True, uv_made=True, writable=False, pip=False), "cannot be written"),
    ],
)
def test_where_nothing_may_be_written_a_plugin_lives_on_its_own(
    facts: EnvironmentFacts,
    why: str,
    index: Path,
    lodger: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    environments = OwnEnvironments(tmp_path / "own")
    plan = plan_install(plugin_source(str(lodger("1.0")), tmp_path), Verb.INSTALL, environments, facts)
    assert plan.place is Place.OWN and why in plan.why
    carry_out(plan, environments, facts, lambda _: None)
    [found] = find_plugins(tmp_path / "found.json", (), search_path=(), environments=environments)
    status = declare_plugin(found_status(found))
    assert (status.phase, status.version) == (PluginPhase.READY, "1.0"), status.reason
    again = plan_install(plugin_source(str(lodger("2.0")), tmp_path), Verb.UPGRADE, environments, facts, own=True)
    assert (again.verb, again.before, again.after) == (Verb.UPGRADE, "1.0", "2.0")
    removal = plan_removal(status, environments, facts)
    carry_out(removal, environments, facts, lambda _: None)
    assert environments.all() == ()
