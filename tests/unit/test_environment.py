"""Which backends are opened, with which secrets, and where a job finds what it names."""

import pytest

from quarterdeck.config.settings import BackendSettings, Settings
from quarterdeck.runtime.environment import OfferedEnvironment, configured_backends, hosted, unopened
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import UnreachableError

LOCAL = BackendTypeInfo("plants.local", "Here", {}, "plants:local", embedded=True)
REMOTE = BackendTypeInfo("plants.remote", "There", {}, "plants:remote")


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    catalogue = Catalogue(PluginInfo("plants", "Plants", "1.0", "1.0"), backend_types=(LOCAL, REMOTE))
    made.set_plugins([PluginStatus("plants", "plants", "1.0", PluginPhase.READY, catalogue=catalogue)])
    return made


def settings(**backends: BackendSettings) -> Settings:
    return Settings(backends=backends)


def test_an_embedded_type_is_there_without_configuration(registry: Registry) -> None:
    backends, broken = configured_backends(settings(), registry)
    assert [(each.name, each.plugin, each.type) for each in backends] == [("plants", "plants", LOCAL)]
    assert broken == []


def test_configuration_adds_backends_and_takes_the_embedded_ones_place(registry: Registry) -> None:
    asked = settings(
        north=BackendSettings(type="plants.remote", read_only=True, settings={"host": "h"}),
        plants=BackendSettings(type="plants.remote"),
    )
    backends, _ = configured_backends(asked, registry)
    found = {each.name: each for each in backends}
    assert found.keys() == {"north", "plants"}
    assert (found["north"].read_only, found["north"].settings) == (True, {"host": "h"})
    assert found["plants"].type is REMOTE


def test_an_unknown_type_is_a_failed_backend_and_nothing_takes_its_name(registry: Registry) -> None:
    backends, broken = configured_backends(settings(plants=BackendSettings(type="plants.remot")), registry)
    assert backends == []
    [state] = broken
    assert (state.name, state.state) == ("plants", "failed")
    assert "plants.remot" in state.reason
    assert "plants.remote" in state.remedy


def test_only_names_that_are_wanted_are_taken_and_the_runtimes_own_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QD_OWN", "own")
    for name in ("QD_THEIRS", "QD_NOBODYS", "QD_OTHER"):
        monkeypatch.delenv(name, raising=False)
    wanted = {"user": "env:QD_OWN", "password": "env:QD_THEIRS", "more": ["env:QD_NOBODYS"]}
    offered = OfferedEnvironment(settings(north=BackendSettings(type="plants.remote", settings=wanted)))
    assert offered.missing() == ("QD_NOBODYS", "QD_THEIRS")
    offered.offer({"QD_OWN": "theirs", "QD_THEIRS": "theirs", "QD_OTHER": "planted"})
    assert [offered.lookup(name) for name in ("QD_OWN", "QD_THEIRS", "QD_OTHER")] == ["own", "theirs", None]
    assert offered.missing() == ("QD_NOBODYS",)


def test_a_backend_is_opened_with_its_secrets_or_says_what_is_missing() -> None:
    backend = ConfiguredBackend("north", "plants", REMOTE, {"password": "env:QD_PW", "host": "h"}, True)
    opened = hosted(backend, {"QD_PW": "cucumber"}.get)
    assert opened.settings == {"password": "cucumber", "host": "h"}
    assert (opened.type, opened.read_only, opened.embedded) == ("plants.remote", True, False)
    with pytest.raises(UnreachableError, match="QD_PW") as caught:
        hosted(backend, {}.get)
    state = unopened(backend, caught.value, 12.0)
    assert (state.state, state.since, state.read_only) == ("unreachable", 12.0, True)
    assert "QD_PW" in state.reason
    assert state.remedy
