"""The registry: what exists, and what is said of what does not."""

import pytest

from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    JobTypeInfo,
    KindInfo,
    PluginInfo,
    PluginPhase,
    PluginStatus,
    SampleInfo,
)
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Address

PLANT = BackendTypeInfo("plants.plant", "Plant", {}, "plants:open")


def plugin(name: str, *actions: ActionInfo, samples: tuple[str, ...] = ()) -> PluginStatus:
    catalogue = Catalogue(
        PluginInfo(name, name.title(), "1.0", "1.0"),
        backend_types=(PLANT,),
        kinds=(KindInfo("node", "Nodes", (Column("pings", "Pings"),)), KindInfo("series", "Series", mirrored=False)),
        actions=actions,
        jobs=(JobTypeInfo(f"{name}.run", "Run", f"{name}:run"),),
        samples=tuple(SampleInfo(each, name, "/x.csv", "csv", "D", "y") for each in samples),
    )
    return PluginStatus(name, name, "1.0", PluginPhase.READY, catalogue=catalogue)


PING = ActionInfo("node.ping", "Ping", ("node",), {})
WATER = ActionInfo("node.water", "Water", ("node",), {}, backend_types=("plants.pot",))
MAKE = ActionInfo("node.make", "Make", ("node",), {}, standalone=True)
BROKEN = PluginStatus("weeds", "weeds", "1.0", PluginPhase.IMPORT, "it does not import", "mend it")


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    made.set_plugins(
        [plugin("plants", PING, WATER, MAKE, samples=("a", "b")), plugin("trees", samples=("b", "c")), BROKEN]
    )
    made.add_backend(ConfiguredBackend("plant", "plants", PLANT, {}, False))
    made.add_backend(ConfiguredBackend("oak", "trees", PLANT, {}, True))
    made.add_broken(BackendState("odd", "x", "", "x", "failed", "no plugin has the type", "install one"))
    return made


def test_plugins_that_are_ready_are_used_and_the_core_is_always_there(registry: Registry) -> None:
    assert [status.id for status in registry.plugins()] == ["core", "plants", "trees", "weeds"]
    assert [status.id for status in registry.ready_plugins()] == ["plants", "trees"]
    registry.set_plugins([])
    assert [status.id for status in registry.plugins()] == ["core"]
    assert registry.plugin_of("core") == "core"


@pytest.mark.parametrize(
    ("name", "error", "said", "remedy"),
    [
        ("weeds", UsageError, "it does not import", "mend it"),
        ("plant", NotFoundError, "no plugin 'plant'", "plants"),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why(
    registry: Registry, name: str, error: type[UsageError], said: str, remedy: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        registry.plugin(name)
    assert remedy in caught.value.remedy
    assert registry.status("weeds") is BROKEN


def test_backends_are_found_by_plugin_and_name(registry: Registry) -> None:
    assert [each.name for each in registry.backends()] == ["plant", "oak"]
    assert [each.name for each in registry.backends("trees")] == ["oak"]
    with pytest.raises(NotFoundError) as nearest:
        registry.backend("plont")
    assert "plant" in nearest.value.remedy
    with pytest.raises(UsageError, match="no plugin has the type") as broken:
        registry.backend("odd")
    assert broken.value.remedy == "install one"


def test_columns_and_kinds_are_those_of_the_backends_plugin(registry: Registry) -> None:
    assert [column.id for column in registry.columns("plant", "node")] == ["pings"]
    assert registry.columns("plant", "model") == ()
    assert registry.columns("gone", "node") == ()
    assert "action" in [column.id for column in registry.columns("core", "job")]
    assert registry.mirrored("plant", "node")
    assert not registry.mirrored("plant", "series")
    with pytest.raises(NotFoundError, match="no 'nodes'") as caught:
        registry.mirrored("plant", "nodes")
    assert "node" in caught.value.remedy


def test_an_action_is_looked_for_where_the_resource_is(registry: Registry) -> None:
    assert registry.action("node.ping", Address("plant", "node", "n1")) == ("plants", PING)
    assert registry.action("node.make", None) == ("plants", MAKE)
    assert registry.action("dataset.import", None)[0] == "core"
    assert registry.action_named("plants", "node.ping") is PING
    assert registry.action_named("plants", "node.pong") is None
    assert registry.action_named("weeds", "node.ping") is None


@pytest.mark.parametrize(
    ("action", "address", "error", "said", "remedy"),
    [
        ("node.pingg", Address("plant", "node", "n1"), NotFoundError, "node.pingg", "node.ping"),
        ("node.ping", Address("oak", "node", "n1"), NotFoundError, "on oak/node/n1", "none is declared"),
        ("node.ping", Address("plant", "series", "s"), UsageError, "is for a node", "quarterdeck get node"),
        (
            "node.water",
            Address("plant", "node", "n1"),
            UsageError,
            "type plants.pot, and plant is",
            "add NAME plants.pot",
        ),
        ("node.waters", Address("plant", "node", "n1"), NotFoundError, "node.waters", "node.make"),
        ("node.ping", None, UsageError, "needs the address", "after the action"),
        ("node.mak", None, NotFoundError, "node.mak", "node.make"),
        ("node.ping", Address("nowhere", "node", "n1"), NotFoundError, "nowhere", "plant"),
    ],
)
def test_an_action_that_is_not_there_is_an_error_with_a_way_on(
    registry: Registry, action: str, address: Address | None, error: type[UsageError], said: str, remedy: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        registry.action(action, address)
    assert remedy in caught.value.remedy


def test_job_types_and_samples(registry: Registry) -> None:
    assert registry.job_type("trees", "trees.run").implementation == "trees:run"
    with pytest.raises(UsageError, match=r"no job type 'plants\.run'"):
        registry.job_type("trees", "plants.run")
    assert [(sample.name, sample.title) for sample in registry.samples()] == [
        ("a", "plants"),
        ("b", "plants"),
        ("c", "trees"),
    ]
