"""Whether a resource exists, asked while backends connect, when they have spoken, and when they cannot."""

import asyncio
from collections.abc import Callable

import pytest

from quarterdeck.runtime import presence as module
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.registry import ConfiguredBackend, Registry
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import NotFoundError, UnreachableError
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Address, Resource, Synced, Upsert

KINDS = (KindInfo("node", "Nodes"), KindInfo("series", "Series", mirrored=False))
N1 = Address("plant", "node", "n1")


def older_job(number: int) -> Resource:
    if number > 9:
        raise NotFoundError(f"there is no job {number}")
    return Resource(f"core/job/{number}", str(number))


@pytest.fixture
def store() -> Store:
    made = Store(lambda: 1.0)
    made.set_backend(BackendState("plant", "p", "plants", "Plant", "connecting"))
    made.set_backend(BackendState("core", "core", "core", "Core", "ready"))
    made.apply("core", (Upsert(Resource("core/job/12", "12")), Synced(("job",))))
    return made


@pytest.fixture
def presence(store: Store) -> Presence:
    registry = Registry()
    kind = BackendTypeInfo("p", "Plant", {}, "plants:open")
    catalogue = Catalogue(PluginInfo("plants", "Plants", "1", "1.0"), backend_types=(kind,), kinds=KINDS)
    registry.set_plugins([PluginStatus("plants", "plants", "1", PluginPhase.READY, catalogue=catalogue)])
    registry.add_backend(ConfiguredBackend("plant", "plants", kind, {}, False))
    return Presence(registry, store, older_job)


def find(presence: Presence, address: Address, meanwhile: Callable[[], None] = lambda: None) -> Resource | None:
    """Looks for a resource, while something happens once whoever looks waits."""

    async def scenario() -> Resource | None:
        looking = asyncio.create_task(presence.resource(address))
        await asyncio.sleep(0)
        meanwhile()
        async with asyncio.timeout(30):
            return await looking

    return asyncio.run(scenario())


def test_what_is_there_is_found_at_once(presence: Presence, store: Store) -> None:
    store.apply("plant", (Upsert(Resource(str(N1), "n1")),))
    found = find(presence, N1)
    assert found is not None and found.address == str(N1)


def test_a_backend_that_connects_is_waited_for(presence: Presence, store: Store) -> None:
    found = find(presence, N1, lambda: store.apply("plant", (Upsert(Resource(str(N1), "n1")), Synced(("node",)))))
    assert found is not None and found.uid == "n1"


def test_what_is_not_there_gets_the_nearest_name_once_all_is_said(presence: Presence, store: Store) -> None:
    store.apply("plant", (Upsert(Resource("plant/node/pump-2", "p2")), Synced(("node",))))
    with pytest.raises(NotFoundError, match="there is no plant/node/pump-1") as caught:
        find(presence, Address("plant", "node", "pump-1"))
    assert caught.value.remedy == "did you mean pump-2?"
    assert caught.value.address == "plant/node/pump-1"


def test_among_very_many_names_the_nearest_is_not_looked_for(presence: Presence, store: Store) -> None:
    rows = [Upsert(Resource(f"plant/node/x{number}", str(number))) for number in range(1_001)]
    store.apply("plant", (*rows, Synced(("node",))))
    with pytest.raises(NotFoundError) as caught:
        find(presence, N1)
    assert caught.value.remedy == "see `quarterdeck get node`"


def test_a_backend_that_cannot_say_says_why(presence: Presence, store: Store) -> None:
    failed = BackendState("plant", "p", "plants", "Plant", "unreachable", "the gate is shut", "open it")
    with pytest.raises(UnreachableError, match="the gate is shut") as caught:
        find(presence, N1, lambda: store.set_backend(failed))
    assert caught.value.remedy == "open it"


def test_nobody_waits_for_ever(presence: Presence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.01)
    with pytest.raises(UnreachableError, match="has not said yet"):
        find(presence, N1)


def test_a_browsed_kind_is_the_backends_affair(presence: Presence) -> None:
    assert find(presence, Address("plant", "series", "root.a")) is None


@pytest.mark.parametrize(
    ("address", "said"), [("plant/tree/oak", "no 'tree'"), ("nowhere/node/n1", "no backend 'nowhere'")]
)
def test_unknown_kinds_and_backends_are_errors(presence: Presence, address: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        find(presence, Address.parse(address))


def test_a_job_that_is_not_shown_any_more_is_still_found(presence: Presence) -> None:
    found = find(presence, Address("core", "job", "3"))
    assert found is not None and found.uid == "3"
    with pytest.raises(NotFoundError, match="no job 99"):
        find(presence, Address("core", "job", "99"))
    with pytest.raises(NotFoundError):
        find(presence, Address("core", "job", "three"))
