"""Which kinds lie below a resource, and which backends have them, by what the catalogue says."""

import pytest

from quarterdeck.cli.browsing import browsed_backends
from quarterdeck.tui.kind_choices import browsing_backend, child_kinds
from quarterdeck_api.catalogue import Catalogue, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import UsageError
from quarterdeck_api.protocol import BackendState, CatalogueResult
from quarterdeck_api.resources import Resource

KINDS = (
    KindInfo("node", "Nodes"),
    KindInfo("device", "Devices", mirrored=False, parent_kind="node", backend_types=("harbour.real",)),
    KindInfo("table", "Tables", mirrored=False, parent_kind="node", backend_types=("harbour.real",)),
    KindInfo("series", "Series", mirrored=False, parent_kind="device", also_below=("table",)),
)
STATUS = PluginStatus(
    "harbour",
    "harbour",
    "1",
    PluginPhase.READY,
    catalogue=Catalogue(PluginInfo("harbour", "Harbour", "1", "1.0"), kinds=KINDS),
)
KNOWN = CatalogueResult(
    (STATUS,),
    (
        BackendState("toy", "harbour.toy", "harbour", "Toy", "ready"),
        BackendState("sea", "harbour.real", "harbour", "Sea", "ready"),
    ),
)


@pytest.mark.parametrize(
    ("address", "below"),
    [
        ("sea/node/a", ("device", "table")),
        ("toy/node/a", ()),
        ("sea/device/a", ("series",)),
        ("sea/table/a", ("series",)),
        ("sea/series/a", ()),
    ],
)
def test_kinds_lie_below_all_of_their_parents_in_backends_of_their_types(address: str, below: tuple[str, ...]) -> None:
    assert child_kinds(KNOWN, Resource(address, "a")).ids == below


def test_only_backends_of_its_types_have_a_kind() -> None:
    assert browsing_backend(KNOWN, "device", "") == "sea"
    assert browsed_backends(KNOWN, "device") == ["sea"]
    assert browsed_backends(KNOWN, "series") == ["toy", "sea"]
    with pytest.raises(UsageError, match="toy has no devices"):
        browsing_backend(KNOWN, "device", "toy")
