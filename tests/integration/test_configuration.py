"""A running runtime follows its configuration file, and the commands that write it."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.errors import NotFoundError, UnreachableError, UsageError
from quarterdeck_api.protocol import BACKEND_TEST, CATALOGUE, AddressParams
from quarterdeck_api.runtime_requests import CONFIG_RELOAD
from quarterdeck_api.wire import Nothing


@pytest.fixture(scope="module")
def instance(make_instance: Callable[..., Any]) -> Any:
    return make_instance("# nothing yet\n")


@pytest.fixture
def client(instance: Any) -> Any:
    """A client of a runtime whose configuration is empty."""
    client = instance.client()
    write(instance, "")
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    return client


def write(instance: Any, text: str) -> None:
    aside = instance.paths.config_folder / "aside"
    aside.write_text(text, encoding="utf-8")
    aside.replace(instance.paths.config_file)


def states(client: Any) -> dict[str, str]:
    return {each.name: each.state for each in client.call(CATALOGUE, Nothing(), 30.0).backends}


def names(client: Any, backend: str) -> list[str]:
    return [each.name for each in client.get("node", backend).resources]


def quarterdeck(instance: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *words],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_backends_come_change_and_go_with_the_file(instance: Any, client: Any, until: Callable[..., None]) -> None:
    write(instance, '[backends.plant]\ntype = "exemplary"\nnodes = 2\n')
    until(lambda: states(client).get("plant") == "ready")
    assert names(client, "plant") == ["n1", "n2"]
    write(instance, '[backends.plant]\ntype = "exemplary"\nnodes = 4\n')
    until(lambda: states(client).get("plant") == "ready" and len(names(client, "plant")) == 4)
    assert client.do_one("node.ping", "plant/node/n4").status == "done"
    write(instance, '[backends.plant]\ntype = "exemplary.meny"\n')
    until(lambda: states(client).get("plant") == "failed")
    write(instance, "")
    until(lambda: "plant" not in states(client))
    assert states(client)["exemplary"] == "ready"
    with pytest.raises(NotFoundError):
        client.get("node", "plant")
    with pytest.raises(NotFoundError):
        client.do("node.ping", "plant/node/n1")


def test_what_is_not_meant_stays_as_it_is(instance: Any, client: Any, until: Callable[..., None]) -> None:
    one = '[backends.one]\ntype = "exemplary"\n'
    write(instance, one)
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    client.get("node", "one")
    assert client.do_one("node.ping", "one/node/n1").status == "done"
    until(lambda: client.get("node", "one").resources[0].cells[0] == 1)
    host = instance.host_pid(client)
    write(instance, one + '[backends.two]\ntype = "exemplary"\n')
    state = client.call(CONFIG_RELOAD, Nothing(), 60.0)
    assert state.changes == ("backend two is added",)
    assert client.get("node", "one").resources[0].cells[0] == 1, "it was not opened anew"
    assert names(client, "two") == ["n1", "n2", "n3"]
    assert instance.host_pid(client) == host


def test_protections_and_idleness_hold_at_once_and_the_rest_is_said(instance: Any, client: Any) -> None:
    assert client.do_one("node.ping", "exemplary/node/n1").status == "done"
    write(instance, "[runtime]\nread_only = true\nmax_workers = 7\n")
    state = client.call(CONFIG_RELOAD, Nothing(), 60.0)
    assert (state.applied, state.changes) == (True, ("runtime.read_only is true",))
    assert state.restart_for == ("runtime.max_workers",)
    assert client.do_one("node.ping", "exemplary/node/n1").status == "refused"
    found = client.status()
    assert found.read_only and found.configuration == state
    write(instance, '[[guardrails]]\nactions = ["node.ping"]\nbackends = "exem*"\nrequire = "deny"\n')
    assert client.call(CONFIG_RELOAD, Nothing(), 60.0).restart_for == ()
    assert "guardrail" in client.do_one("node.ping", "exemplary/node/n1").error.message
    write(instance, "")
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    assert client.do_one("node.ping", "exemplary/node/n1").status == "done"


def test_a_wrong_file_changes_nothing_and_says_so(instance: Any, client: Any, until: Callable[..., None]) -> None:
    good = '[runtime]\nread_only = true\n[backends.plant]\ntype = "exemplary"\n'
    write(instance, good)
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    for wrong, line in (("[runtime\n", ":1:"), ("[runtime]\nread_onyl = true\n", ":2:")):
        write(instance, wrong)
        until(lambda: not client.status().configuration.applied)
        found = client.status().configuration
        assert line in found.problems[0] and "config.toml" in found.problems[0]
        assert client.status().read_only and "plant" in states(client)
        core = next(each for each in client.get("plugin").resources if each.name == "core")
        assert core.health.value == "degraded" and line in core.reason
        assert "is not taken over until it is corrected" in instance.log()
        assert client.call(CONFIG_RELOAD, Nothing(), 60.0).applied is False
        write(instance, good)
        until(lambda: client.status().configuration.applied)
    core = next(each for each in client.get("plugin").resources if each.name == "core")
    assert (core.health.value, core.reason) == ("ok", "")


def test_a_plugin_ends_when_it_is_disabled_and_comes_back(instance: Any, client: Any) -> None:
    plant = '[backends.plant]\ntype = "exemplary"\n'
    write(instance, plant)
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    write(instance, plant + '[plugins]\ndisabled = ["exemplary"]\n')
    state = client.call(CONFIG_RELOAD, Nothing(), 60.0)
    assert (state.changes, state.problems) == (("plugin exemplary is disabled",), ())
    found = next(each for each in client.call(CATALOGUE, Nothing(), 30.0).backends if each.name == "plant")
    assert (found.state, found.reason) == ("failed", "plugin exemplary is disabled")
    assert "plugin enable exemplary" in found.remedy
    assert "exemplary" not in states(client)
    assert "exemplary" not in [host.plugin for host in client.status().hosts]
    row = next(each for each in client.get("plugin").resources if each.name == "exemplary")
    assert row.state == "disabled"
    write(instance, "")
    changes = client.call(CONFIG_RELOAD, Nothing(), 60.0).changes
    assert changes == ("plugin exemplary is enabled", "backend plant is removed")
    assert names(client, "exemplary") == ["n1", "n2", "n3"]


def test_a_backend_is_tested(instance: Any, client: Any) -> None:
    write(
        instance,
        '[backends.locked]\ntype = "exemplary"\npassword = "file:/nowhere/password"\n'
        '[backends.many]\ntype = "exemplary.many"\nrows = 3\n[backends.odd]\ntype = "exemplary.meny"\n',
    )
    client.call(CONFIG_RELOAD, Nothing(), 60.0)
    found = client.call(BACKEND_TEST, AddressParams("exemplary"), 60.0)
    assert (found.name, found.version, found.capabilities) == ("exemplary", "1.0", ("ping",))
    assert found.latency > 0
    assert "cannot be asked" in client.call(BACKEND_TEST, AddressParams("many"), 60.0).notices[0]
    with pytest.raises(UnreachableError, match="/nowhere/password"):
        client.call(BACKEND_TEST, AddressParams("locked"), 60.0)
    with pytest.raises(UsageError, match=r"exemplary\.meny"):
        client.call(BACKEND_TEST, AddressParams("odd"), 60.0)
    with pytest.raises(NotFoundError, match="nobody"):
        client.call(BACKEND_TEST, AddressParams("nobody"), 60.0)


def test_the_life_of_a_backend_by_command(instance: Any, client: Any) -> None:
    write(instance, "# mine\n[console]\ntheme = 'light'  # bright\n")
    refused = quarterdeck(instance, "backend", "add", "plant", "exemplary", "--password", "cucumber")
    assert refused.returncode == 4
    assert "cucumber" not in refused.stdout + refused.stderr + instance.paths.config_file.read_text()
    instance.environment["QD_PLANT"] = "cucumber"
    added = quarterdeck(
        instance, "backend", "add", "plant", "exemplary", "--nodes", "2", "--password", "env:QD_PLANT", "--json"
    )
    assert added.returncode == 0, added.stderr
    file = str(instance.paths.config_file)
    assert json.loads(added.stdout) == {"name": "plant", "file": file, "applied": True}
    text = instance.paths.config_file.read_text()
    assert text.startswith("# mine\n[console]\ntheme = 'light'  # bright\n") and "env:QD_PLANT" in text
    tested = quarterdeck(instance, "backend", "test", "plant", "--json")
    assert tested.returncode == 0, tested.stderr
    assert json.loads(tested.stdout)["version"] == "1.0"
    listed = json.loads(quarterdeck(instance, "backend", "list", "--json").stdout)
    assert {each["name"]: each["state"] for each in listed}["plant"] == "ready"
    assert quarterdeck(instance, "backend", "add", "plant", "exemplary").returncode == 4
    assert quarterdeck(instance, "backend", "add", "Plant", "exemplary").returncode == 2
    wrong = quarterdeck(instance, "backend", "add", "new", "exemplary.mny")
    assert wrong.returncode == 2 and "exemplary.many" in wrong.stderr
    assert "--nodes" in quarterdeck(instance, "backend", "add", "new", "exemplary", "--help").stdout
    removed = quarterdeck(instance, "backend", "remove", "plant", "--json")
    assert json.loads(removed.stdout) == {"name": "plant", "file": file, "applied": True}
    assert "plant" not in states(client)
    unknown = quarterdeck(instance, "backend", "remove", "exemplary")
    assert unknown.returncode == 2 and "plugin disable" in unknown.stderr


def test_plugins_are_switched_by_command(instance: Any, client: Any) -> None:
    off = quarterdeck(instance, "plugin", "disable", "exemplary", "--json")
    assert json.loads(off.stdout) == {"id": "exemplary", "disabled": True, "changed": True, "applied": True}
    assert "exemplary" not in states(client)
    again = quarterdeck(instance, "plugin", "disable", "exemplary", "--json")
    assert json.loads(again.stdout)["changed"] is False
    on = quarterdeck(instance, "plugin", "enable", "exemplary", "--json")
    assert json.loads(on.stdout) == {"id": "exemplary", "disabled": False, "changed": True, "applied": True}
    assert states(client)["exemplary"] in ("connecting", "ready")
    assert quarterdeck(instance, "plugin", "disable", "exemplar").returncode == 2


def test_the_file_is_begun_described_and_read_again_by_command(instance: Any, client: Any) -> None:
    assert quarterdeck(instance, "config", "init").returncode == 4
    schema = json.loads(quarterdeck(instance, "config", "schema").stdout)
    assert "exemplary" in json.dumps(schema["properties"]["backends"])
    write(instance, "[runtime]\nread_only = true\n")
    good = quarterdeck(instance, "config", "reload", "--json")
    assert good.returncode == 0 and json.loads(good.stdout)["applied"] is True
    write(instance, "[rutnime]\n")
    bad = quarterdeck(instance, "config", "reload", "--json")
    assert bad.returncode == 2 and json.loads(bad.stdout)["applied"] is False
    shown = quarterdeck(instance, "runtime", "status").stdout
    assert "rutnime" in shown and "not taken over" in shown
