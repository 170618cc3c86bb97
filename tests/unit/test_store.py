"""The store: rounds, revisions, limits, states."""

from collections.abc import Callable

import pytest

from quarterdeck.runtime.store import Store, StoreChange
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Address, Health, Remove, Resource, Synced, Unreachable, Upsert


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


@pytest.fixture
def model() -> Callable[..., Resource]:
    def make(name: str, health: Health = Health.OK, backend: str = "plant", **fields: object) -> Resource:
        return Resource(str(Address(backend, "model", name)), name, health, **fields)  # type: ignore[arg-type]

    return make


def ready(name: str = "plant", state: str = "ready") -> BackendState:
    return BackendState(name, "t.x", "t", "T", state)


def names(store: Store, kind: str = "", backend: str = "") -> list[str]:
    return [resource.address for resource in store.get(kind, backend)]


def test_one_batch_is_one_revision_and_no_change_is_none(store: Store, model: Callable[..., Resource]) -> None:
    seen: list[StoreChange] = []
    end = store.subscribe(seen.append)
    store.apply("plant", (Upsert(model("b")), Upsert(model("a"))))
    store.apply("plant", (Upsert(model("a")), Remove("plant/model/none")))
    assert store.revision == 1
    assert seen == [StoreChange(1, "plant", {"model": {"plant/model/a", "plant/model/b"}})]
    store.apply("plant", (Remove("plant/model/a"),))
    assert (store.revision, seen[-1].addresses) == (2, {"model": {"plant/model/a"}})
    end()
    store.apply("plant", (Remove("plant/model/b"),))
    assert len(seen) == 2
    assert store.get() == []


def test_get_is_in_address_order_over_backends_whose_names_begin_alike(store: Store) -> None:
    for backend in ("a-b", "a", "a0"):
        for name in ("z", "a/b", "B"):
            store.apply(backend, (Upsert(Resource(f"{backend}/model/{name}", name)),))
            store.apply(backend, (Upsert(Resource(f"{backend}/node/{name}", name)),))
    assert names(store) == sorted(names(store))
    assert len(names(store)) == 18
    assert names(store, "node", "a") == ["a/node/B", "a/node/a/b", "a/node/z"]
    assert store.count("node") == 9
    found = store.resource("a/node/a/b")
    assert found is not None
    assert found.name == "a/b"
    assert store.resource("a/node/none") is store.resource("nonsense") is None


def test_since_stays_while_health_stays(store: Store, clock: Clock, model: Callable[..., Resource]) -> None:
    def since() -> float:
        found = store.resource("plant/model/a")
        assert found is not None
        return found.since

    store.apply("plant", (Upsert(model("a")),))
    clock.now = 1001.0
    store.apply("plant", (Upsert(model("a", state="other")),))
    assert since() == 1000.0
    store.apply("plant", (Upsert(model("a", Health.FAILED)),))
    assert since() == 1001.0
    clock.now = 1002.0
    store.apply("plant", (Upsert(model("a", Health.FAILED, since=77.0)),))
    assert since() == 77.0


def test_synced_removes_what_the_round_did_not_mention(store: Store, model: Callable[..., Resource]) -> None:
    node = Resource("plant/node/n", "n")
    store.begin("plant")
    store.apply("plant", (Upsert(model("a")), Upsert(model("b")), Upsert(node), Synced(("model", "node"))))
    store.apply("plant", (Synced(("model",)),))
    assert len(names(store)) == 3, "a second Synced in the same round removes nothing"
    store.begin("plant")
    store.apply("plant", (Upsert(model("b")), Upsert(model("c"))))
    assert len(names(store)) == 4, "until Synced everything known before stays"
    store.apply("plant", (Synced(("model",)),))
    assert names(store) == ["plant/model/b", "plant/model/c", "plant/node/n"]
    store.apply("plant", (Synced(("node",)),))
    assert names(store) == ["plant/model/b", "plant/model/c"]


def test_rounds_of_backends_are_apart(store: Store, model: Callable[..., Resource]) -> None:
    store.apply("plant", (Upsert(model("a")),))
    store.apply("other", (Upsert(model("a", backend="other")),))
    store.begin("other")
    store.apply("other", (Synced(("model",)),))
    assert names(store) == ["plant/model/a"]


def test_connecting_begins_a_round_and_synced_makes_ready(store: Store, model: Callable[..., Resource]) -> None:
    told: list[str] = []
    store.subscribe_backends(lambda: told.append(store.backends()[0].state))
    store.set_backend(ready(state="connecting"))
    assert not store.is_synced("plant", "model")
    store.apply("plant", (Upsert(model("a")), Synced(("model",))))
    state = store.backend("plant")
    assert state is not None
    assert (state.state, state.synced) == ("ready", True)
    assert store.is_synced("plant", "model")
    assert not store.is_synced("plant", "node")
    store.set_backend(ready(state="connecting"))
    state = store.backend("plant")
    assert state is not None
    assert not state.synced
    store.apply("plant", (Synced(("model",)),))
    assert names(store) == []
    assert list(dict.fromkeys(told)) == ["connecting", "ready"]
    assert told[-1] == "ready"


def test_one_kind_can_be_said_anew_while_all_stay_complete(store: Store, model: Callable[..., Resource]) -> None:
    node = Resource("plant/node/n", "n")
    store.set_backend(ready())
    store.apply("plant", (Upsert(model("a")), Upsert(node), Synced(("model", "node"))))
    store.begin("plant")
    assert store.is_synced("plant", "model")
    store.apply("plant", (Upsert(model("b")), Synced(("model",))))
    assert names(store) == ["plant/model/b", "plant/node/n"]
    assert store.is_synced("plant", "node")


def test_a_state_given_as_synced_counts_for_every_kind(store: Store) -> None:
    store.set_backend(BackendState("core", "core", "core", "Core", "ready", synced=True))
    assert store.is_synced("core", "job")
    assert not store.is_synced("nobody", "job")


def test_unreachable_keeps_resources_and_says_since_when(
    store: Store, clock: Clock, model: Callable[..., Resource]
) -> None:
    store.set_backend(ready())
    store.apply("plant", (Upsert(model("a")), Synced(("model",))))
    clock.now = 1005.0
    store.apply("plant", (Unreachable("no route", "look at the network"),))
    clock.now = 1010.0
    store.apply("plant", (Unreachable("no route to it", "look at the network"),))
    state = store.backend("plant")
    assert state is not None
    assert (state.state, state.reason, state.remedy, state.since) == (
        "unreachable",
        "no route to it",
        "look at the network",
        1005.0,
    )
    assert names(store) == ["plant/model/a"]
    store.set_backend(ready(state="unreachable"))
    state = store.backend("plant")
    assert state is not None
    assert (state.since, state.synced) == (1005.0, True)
    store.apply("plant", (Synced(("model",)),))
    state = store.backend("plant")
    assert state is not None
    assert (state.state, state.reason, state.since) == ("ready", "", 1010.0)


def test_resources_beyond_the_limit_are_left_out_with_a_sentence(clock: Clock, model: Callable[..., Resource]) -> None:
    store = Store(clock, limit=3)
    store.set_backend(ready())
    store.apply("plant", tuple(Upsert(model(str(number))) for number in range(5)))
    state = store.backend("plant")
    assert state is not None
    assert len(names(store)) == 3
    assert "more than 3 resources" in state.reason
    store.apply("plant", (Remove("plant/model/0"), Upsert(model("7"))))
    assert names(store) == ["plant/model/1", "plant/model/2", "plant/model/7"]
    store.begin("plant")
    state = store.backend("plant")
    assert state is not None
    assert state.reason == ""


@pytest.mark.parametrize("address", ["other/model/a", "plant/model", "plant", "plant//a", "plant/model/", ""])
def test_addresses_of_others_are_left_out_with_a_sentence(store: Store, address: str) -> None:
    store.set_backend(ready())
    store.apply("plant", (Upsert(Resource(address, "u")), Upsert(Resource("plant/model/good", "u"))))
    state = store.backend("plant")
    assert state is not None
    assert names(store) == ["plant/model/good"]
    assert repr(address) in state.reason


def test_a_backend_that_is_no_longer_configured_goes_with_everything(
    store: Store, model: Callable[..., Resource]
) -> None:
    seen: list[StoreChange] = []
    store.set_backend(ready())
    store.apply("plant", (Upsert(model("a")),))
    store.subscribe(seen.append)
    store.remove_backend("plant")
    assert (names(store), store.backends()) == ([], ())
    assert seen[0].addresses == {"model": {"plant/model/a"}}


def test_the_timeline_gets_health_state_and_reason_only(clock: Clock, model: Callable[..., Resource]) -> None:
    lines: list[tuple[float, str | None, str]] = []

    def timeline(time: float, before: Resource | None, after: Resource) -> None:
        lines.append((time, before.state if before else None, after.state))

    store = Store(clock, timeline)
    store.apply("plant", (Upsert(model("a", state="new")),))
    store.apply("plant", (Upsert(model("a", state="new", cells=(1, 2))),))
    store.apply("plant", (Upsert(model("a", state="old", cells=(1, 2))),))
    assert lines == [(1000.0, None, "new"), (1000.0, "new", "old")]
