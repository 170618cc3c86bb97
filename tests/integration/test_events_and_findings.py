"""What needs attention is found, shown and told to the hooks of plugins; hooks that fail are reported and hurt nobody."""

import json
from collections.abc import Callable
from typing import Any

G1 = "watchful/gauge/g1"


def make(make_instance: Callable[..., Any], config: str = "") -> Any:
    instance = make_instance(config, ("watchful", "exemplary"))
    (instance.home / "watchful").mkdir(parents=True)
    assert instance.client("first").get("gauge", "watchful").pending == {}
    return instance


def events(instance: Any, kind: str = "") -> list[Any]:
    file = instance.home / "watchful" / "events"
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [each for each in found if kind in ("", each["type"])]


def findings(client: Any) -> dict[str, Any]:
    found = client.get("finding", "core")
    return {found.cell(each, "code"): each for each in found.resources}


def test_what_a_backend_finds_is_shown_and_goes_with_its_cause(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make(make_instance)
    client = instance.client()
    client.do_one("gauge.set", G1, parameters={"level": 5})
    until(lambda: "gauge-low" in findings(client))
    low = findings(client)["gauge-low"]
    assert (low.address, low.health.value, low.state) == (f"core/finding/gauge-low/{G1}", "failed", "critical")
    assert [link.address for link in low.links] == [G1]
    described = client.describe(low.address)
    assert "g1 is at 5 %" in described.resource.reason
    client.do_one("gauge.set", G1, parameters={"level": 50})
    until(lambda: "gauge-low" not in findings(client))
    until(lambda: [each["raised"] for each in events(instance, "finding")] == [True, False])
    until(lambda: len(events(instance, "health_changed")) >= 2)
    changes = [(each["before"], each["health"]) for each in events(instance, "health_changed")]
    assert changes == [("ok", "degraded"), ("degraded", "ok")]


def test_the_core_finds_what_is_wrong_with_plugins_backends_and_configuration(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    config = '[backends.vault]\ntype = "exemplary"\nnodes = "env:QD_NOBODY_HAS_THIS"\n\n[runtime]\nidel_exit = 3\n'
    instance = make_instance(config, ("exemplary", "hostile_raises"))
    client = instance.client()
    until(lambda: {"backend-unreachable", "plugin-broken", "configuration"} <= findings(client).keys())
    found = findings(client)
    assert "QD_NOBODY_HAS_THIS" in found["backend-unreachable"].reason
    assert "idel_exit" in found["configuration"].reason
    assert found["plugin-broken"].address.startswith("core/finding/plugin-broken/core/plugin/")


def test_a_job_that_ends_is_told_once(make_instance: Callable[..., Any], until: Callable[..., None]) -> None:
    instance = make(make_instance)
    client = instance.client()
    assert client.get("node", "exemplary").pending == {}
    outcome = client.do_one("node.host-sleep", "exemplary/node/n1", parameters={"seconds": 0.1, "fail": True})
    client.finished(outcome.job)
    until(lambda: len(events(instance, "job_finished")) == 1)
    [told] = events(instance, "job_finished")
    assert (told["address"], told["action"], told["state"]) == (outcome.job, "node.host-sleep", "failed")
    assert told["error"]["message"]
    client.do_one("gauge.set", G1, parameters={"level": 1})
    until(lambda: any(each["type"] == "finding" for each in events(instance)))
    assert len(events(instance, "job_finished")) == 1  # Events come in order, so a second one would be there.


def test_a_hook_that_raises_is_a_finding_and_hurts_nobody(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make(make_instance)
    client = instance.client()
    (instance.home / "watchful" / "hook").write_text("raise")
    client.do_one("gauge.set", G1, parameters={"level": 5})
    until(lambda: "event-hook-failed" in findings(client))
    assert "ValueError" in findings(client)["event-hook-failed"].reason
    assert client.do_one("gauge.set", G1, parameters={"level": 6}).status == "done"
    (instance.home / "watchful" / "hook").write_text("")
    client.do_one("gauge.set", G1, parameters={"level": 60})
    until(lambda: "event-hook-failed" not in findings(client))
    told = {each["finding"]["code"] for each in events(instance, "finding")}
    assert "event-hook-failed" not in told


def test_a_host_that_crashes_again_and_again_is_a_finding(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make(make_instance)
    client = instance.client()

    def crashed() -> bool:
        client.do_one("node.crash", "exemplary/node/n1")
        return any(host.plugin == "exemplary" and host.state == "failed" for host in client.status().hosts)

    until(crashed)
    until(lambda: {"host-crash-loop", "backend-failed"} <= findings(client).keys())
    assert findings(client)["host-crash-loop"].state == "critical"
