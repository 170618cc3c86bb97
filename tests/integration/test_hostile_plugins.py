"""Plugins that misbehave beside plugins that work: each is a line with a reason, and nothing else is harmed."""

from collections.abc import Callable
from typing import Any

import pytest

from quarterdeck_api.catalogue import PluginPhase
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import CATALOGUE
from quarterdeck_api.resources import Health
from quarterdeck_api.wire import Nothing

#: Folder, and how far the plugin comes.
HOSTILE = {
    "hostile_exits": PluginPhase.IMPORT,
    "hostile_future_api": PluginPhase.COMPATIBILITY,
    "hostile_hangs": PluginPhase.TIMEOUT,
    "hostile_nonsense": PluginPhase.VALIDATE,
    "hostile_osexit": PluginPhase.DECLARE,
    "hostile_raises": PluginPhase.IMPORT,
    "hostile_segfault": PluginPhase.DECLARE,
    "hostile_unknown_hook": PluginPhase.VALIDATE,
}


@pytest.fixture(scope="module")
def client(make_instance: Callable[..., Any]) -> Any:
    instance = make_instance(plugins=("exemplary", "hostile_garbage", "hostile_duplicate", *HOSTILE))
    return instance.client()


@pytest.mark.parametrize("folder", HOSTILE)
def test_each_is_a_resource_with_phase_reason_and_remedy(client: Any, folder: str) -> None:
    rows = {row.name: row for row in client.get("plugin").resources}
    row = rows[folder.replace("_", "-")]
    assert (row.state, row.health) == (HOSTILE[folder].value, Health.FAILED)
    assert row.reason
    assert row.cells[3], "there is no remedy"
    assert row.reason.isprintable()
    facts = client.describe(row.address).document.blocks[0].facts
    assert ("Reason", row.reason) in [(fact.label, fact.value) for fact in facts]


def test_the_others_work(client: Any) -> None:
    rows = {row.name: row.state for row in client.get("plugin").resources}
    assert {rows["core"], rows["ainode"], rows["exemplary"]} == {"ready"}
    assert client.do_one("node.ping", "exemplary/node/n1").status == "done"
    job = client.finished(client.do_one("node.empty", "exemplary/node/n1").job)
    assert job.state.value == "succeeded"
    assert len(client.get("model").resources) >= 8
    hosts = {host.plugin: host.state for host in client.status().hosts}
    assert hosts["ainode"] == hosts["exemplary"] == "ready"
    assert not set(hosts) & {folder.replace("_", "-") for folder in HOSTILE}


def test_a_plugin_that_takes_anothers_name_takes_nothing_else(client: Any) -> None:
    statuses = client.call(CATALOGUE, Nothing(), 30.0).plugins
    duplicates = [status for status in statuses if status.distribution == "hostile-duplicate"]
    assert all(status.catalogue is None and status.reason for status in duplicates)
    assert len({status.id for status in statuses}) == len(statuses)


def test_an_action_of_a_plugin_that_failed_is_not_known(client: Any) -> None:
    with pytest.raises(UsageError):
        client.do("node.sink", "exemplary/node/n1")
