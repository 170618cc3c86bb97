"""Kinds that one plugin mirrors and another browses: each backend is taken for what it is."""

import pytest

from quarterdeck.runtime.serving.lookup import Lookup
from quarterdeck.runtime.store import Store
from quarterdeck_api.catalogue import Catalogue, Column, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import BackendState


class TwoPlugins:
    """`few` has all its streams in the store, `many` too many for that."""

    def plugins(self) -> tuple[PluginStatus, ...]:
        return tuple(
            PluginStatus(
                name,
                name,
                "1",
                PluginPhase.READY,
                catalogue=Catalogue(
                    PluginInfo(name, name, "1", "1.0"),
                    kinds=(KindInfo("stream", "Streams", mirrored=name == "few"), KindInfo("message", "M", (), False)),
                ),
            )
            for name in ("few", "many")
        )

    def columns(self, backend: str, kind: str) -> tuple[Column, ...]:
        return ()


@pytest.fixture
def lookup() -> Lookup:
    store = Store(lambda: 0.0)
    for plugin, backend in (("few", "home"), ("many", "plant"), ("few", "office")):
        store.set_backend(BackendState(backend, plugin, plugin, plugin, "ready"))
    return Lookup(store, TwoPlugins())


def test_only_backends_that_mirror_a_kind_are_listed(lookup: Lookup) -> None:
    lookup.check("stream", "")
    lookup.check("stream", "home")
    assert lookup.backends_with("stream", "") == ["home", "office"]
    assert lookup.backends_with("stream", "office") == ["office"]
    assert lookup.backends_with("stream", "plant") == []


def test_a_backend_that_browses_a_kind_says_so(lookup: Lookup) -> None:
    with pytest.raises(UsageError, match="stream is browsed page by page in plant") as caught:
        lookup.check("stream", "plant")
    assert "quarterdeck get stream --limit 200" in caught.value.remedy
    with pytest.raises(UsageError, match="message is browsed page by page, not"):
        lookup.check("message", "")
