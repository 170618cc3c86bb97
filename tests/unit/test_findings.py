"""Findings: who says what, what is shown once, and what the runtime finds by itself."""

from pathlib import Path

import pytest

from quarterdeck.runtime.core_findings import (
    ClockWatch,
    backend_findings,
    configuration_findings,
    disk_findings,
    host_findings,
    plugin_findings,
)
from quarterdeck.runtime.findings import SOURCE_LIMIT, TEXT_LIMIT, Findings
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.events import FindingChanged
from quarterdeck_api.findings import Finding, Severity
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Change, Health, Remove, Upsert
from quarterdeck_api.runtime_requests import ConfigurationState, HostStatus


class World:
    """Findings with everything that they publish and tell."""

    def __init__(self) -> None:
        self.now = 100.0
        self.shown: dict[str, Upsert] = {}
        self.told: list[FindingChanged] = []
        self.findings = Findings(self.publish, self.told.append, lambda: self.now)

    def publish(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, Upsert):
                self.shown[change.resource.address] = change
            elif isinstance(change, Remove):
                del self.shown[change.address]


def finding(code: str = "low", address: str = "plant/gauge/g1", sentence: str = "it is low", **more: object) -> Finding:
    return Finding(code, sentence, "fill it", address, **more)  # type: ignore[arg-type]


def test_what_a_source_says_takes_the_place_of_what_it_said() -> None:
    world = World()
    world.findings.say("plant", [finding(), finding("high", severity=Severity.CRITICAL)])
    assert sorted(world.shown) == ["core/finding/high/plant/gauge/g1", "core/finding/low/plant/gauge/g1"]
    row = world.shown["core/finding/high/plant/gauge/g1"].resource
    assert (row.health, row.state, row.reason, row.since) == (Health.FAILED, "critical", "it is low", 100.0)
    world.now = 200.0
    world.findings.say("plant", [finding(sentence="it is lower")])
    assert list(world.shown) == ["core/finding/low/plant/gauge/g1"]
    row = world.shown["core/finding/low/plant/gauge/g1"].resource
    assert (row.reason, row.since) == ("it is lower", 100.0)  # It is the same finding, since when it came up.
    world.findings.say("plant", [])
    assert world.shown == {}
    assert world.findings.all() == []
    assert [(each.finding.code, each.raised) for each in world.told] == [
        ("low", True),
        ("high", True),
        ("high", False),
        ("low", False),
    ]


def test_what_two_say_is_shown_until_neither_says_it() -> None:
    world = World()
    world.findings.say("one", [finding(sentence="one's words")])
    world.findings.say("two", [finding(sentence="two's words")])
    assert [each.resource.reason for each in world.shown.values()] == ["one's words"]
    world.findings.say("one", [])
    assert [each.resource.reason for each in world.shown.values()] == ["two's words"]
    world.findings.say("two", [])
    assert [each.raised for each in world.told] == [True, False]


def test_single_findings_are_raised_and_cleared() -> None:
    world = World()
    world.findings.raised("processes", finding("loop", "core/process/a"))
    world.findings.raised("processes", finding("loop", "core/process/b"))
    world.findings.raised("processes", finding("loop", "core/process/a", "again"))
    assert {each.address: each.sentence for each in world.findings.all()} == {
        "core/process/a": "again",
        "core/process/b": "it is low",
    }
    world.findings.cleared("processes", "loop", "core/process/a")
    world.findings.cleared("nobody", "loop", "core/process/a")
    assert [each.address for each in world.findings.all()] == ["core/process/b"]


def test_a_flood_of_findings_is_bounded_in_number_and_length() -> None:
    world = World()
    world.findings.say("plant", [finding(f"c{number}", sentence="x" * 100_000) for number in range(SOURCE_LIMIT + 50)])
    assert len(world.shown) == SOURCE_LIMIT
    assert {len(each.sentence) for each in world.findings.all()} == {TEXT_LIMIT}


def test_backends_plugins_hosts_and_configuration() -> None:
    states = [
        BackendState("core", "core", "core", "", "failed"),
        BackendState("well", "t", "p", "", "ready"),
        BackendState("gone", "t", "p", "", "unreachable", "no route", since=7.0),
        BackendState("wrong", "t", "p", "", "failed", "a bad setting", "correct it"),
    ]
    found = [(each.code, each.address, each.severity.value, each.since) for each in backend_findings(states)]
    assert found == [("backend-unreachable", "gone", "warning", 7.0), ("backend-failed", "wrong", "critical", 0.0)]
    plugins = [
        PluginStatus("a", "a", "1", PluginPhase.READY),
        PluginStatus("b", "b", "1", PluginPhase.DISABLED),
        PluginStatus("c", "c", "1", PluginPhase.IMPORT, "it raises"),
    ]
    assert [each.address for each in plugin_findings(plugins)] == ["core/plugin/c"]
    hosts = [HostStatus("p", "ready"), HostStatus("q", "failed", reason="it ended too often")]
    assert [(each.code, each.sentence) for each in host_findings(hosts)] == [("host-crash-loop", "it ended too often")]
    state = ConfigurationState("f", 1.0, False, ("one", "two"), (), ("runtime.durable",))
    codes = {each.code: each for each in configuration_findings(state)}
    assert codes["configuration"].sentence == "one (and 1 more); the settings from before hold"
    assert "runtime.durable" in codes["restart-needed"].sentence
    assert configuration_findings(ConfigurationState()) == []


@pytest.mark.parametrize(
    ("free", "total", "found"),
    [(10 * 2**30, 100 * 2**30, 0), (2**29, 100 * 2**30, 1), (2**29, 2**30, 0), (2**20, 2**30, 1)],
)
def test_a_disk_that_is_nearly_full(free: int, total: int, found: int) -> None:
    assert len(disk_findings(Path("state"), free, total)) == found


def test_a_step_of_the_clock_is_noticed_and_forgotten() -> None:
    wall, steady = [1_000_000.0], [0.0]
    watch = ClockWatch(lambda: wall[0], lambda: steady[0])
    for _ in range(5):
        wall[0] += 30.5  # A little drift is no step.
        steady[0] += 30.0
        assert watch.look() == []
    wall[0] += 7230.0
    steady[0] += 30.0
    [step] = watch.look()
    assert ("forward by 7,200 s" in step.sentence, step.code) == (True, "clock-stepped")
    wall[0] -= 600.0
    [step] = watch.look()
    assert "back by 600 s" in step.sentence
    wall[0] += 3700.0
    steady[0] += 3700.0
    assert watch.look() == []
