"""Where our AINode is: addresses as text, what the cluster is told, the folder that is one node's only."""

import contextlib
import socket
from pathlib import Path

import pytest

from quarterdeck_ainode.serving.end_point import Address, parse_address
from quarterdeck_ainode.serving.node_folder import NodeFolder, NodeRecord
from quarterdeck_ainode.serving.server import advertised, default_data_folder, listening_port
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError


def test_a_folder_is_one_nodes_only(tmp_path: Path) -> None:
    first = NodeFolder(tmp_path / "deep" / "node")
    with pytest.raises(RefusedError, match="another AINode runs with the data folder"):
        NodeFolder(first.path)
    record = NodeRecord(5, "plant", "id", Address("::1", 10810), (Address("a", 1), Address("b", 2)))
    first.write(record)
    first.close()
    second = NodeFolder(first.path)
    assert second.read() == record
    second.forget()
    second.forget()
    assert second.read() is None
    (second.path / "node.json").write_text('{"node_id": "five"}', "utf-8")
    with pytest.raises(QuarterdeckError, match=r"node\.json cannot be read"):
        second.read()
    second.forget()
    (second.path / "node.json").mkdir()
    with pytest.raises(QuarterdeckError, match=r"node\.json cannot be written"):
        second.write(record)
    with pytest.raises(QuarterdeckError, match=r"node\.json cannot be removed"):
        second.forget()
    second.close()
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(QuarterdeckError, match="cannot be used"):
        NodeFolder(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("plant.example", Address("plant.example", 10710)),
        (" 10.0.0.1:9 ", Address("10.0.0.1", 9)),
        ("[::1]:9", Address("::1", 9)),
        ("[::1]", Address("::1", 10710)),
        ("fe80::1", Address("fe80::1", 10710)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse_address(text, 10710) == address
    assert parse_address(str(address), 1) == address


@pytest.mark.parametrize("text", ["", ":1", "a:0", "a:65536", "a:b", "a b:1", "[::1]:x", "a:-1", "a:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text, 10710)


def test_what_the_cluster_is_told_can_be_reached() -> None:
    nodes = (Address("127.0.0.1", 10710),)
    assert advertised(ServerParameters(host="10.1.1.1"), nodes) == "10.1.1.1"
    assert advertised(ServerParameters(host="0.0.0.0", advertise="plant-ai"), nodes) == "plant-ai"
    assert advertised(ServerParameters(host="0.0.0.0"), nodes) == "127.0.0.1"


def test_who_listens_at_every_address_of_one_sort_tells_one_of_that_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    """`::` is not listened at by IPv4, nor 0.0.0.0 by IPv6, however the ConfigNode is reached."""
    asked: list[socket.AddressFamily] = []
    real = socket.socket

    def opened(family: socket.AddressFamily = socket.AF_INET, *more: int) -> socket.socket:
        asked.append(family)
        return real(family, *more)

    monkeypatch.setattr(socket, "socket", opened)
    with pytest.raises(UsageError, match="cannot be found"):
        advertised(ServerParameters(host="0.0.0.0"), (Address("::1", 10710),))
    assert asked == [socket.AF_INET]
    with contextlib.suppress(UsageError, OSError):  # Not every machine has IPv6.
        assert ":" in advertised(ServerParameters(host="::"), (Address("127.0.0.1", 10710),))
    assert asked[1] == socket.AF_INET6


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_free_port_is_the_one_from_before_if_it_is_still_free(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = taken.getsockname()[1]
    record = NodeRecord(2, "plant", "id", Address(host, port), ())
    assert listening_port(ServerParameters(host=host, port=0), record) == 0
    taken.close()
    assert listening_port(ServerParameters(host=host, port=0), record) == port
    assert listening_port(ServerParameters(host=host, port=7), record) == 7
    assert listening_port(ServerParameters(host=host, port=0), None) == 0
    assert listening_port(ServerParameters(host="..", port=0), record) == 0


def test_each_cluster_has_a_folder_of_its_own(tmp_path: Path) -> None:
    node = Address("::1", 10710)
    assert default_data_folder(node, {"QUARTERDECK_HOME": str(tmp_path)}) == tmp_path / "ainode" / "--1-10710"
    shared = default_data_folder(Address("10.0.0.5", 10710), {"XDG_DATA_HOME": str(tmp_path)})
    assert shared == tmp_path / "quarterdeck-ainode" / "10.0.0.5-10710"
    relative = default_data_folder(node, {"XDG_DATA_HOME": "relative"})
    assert relative.is_relative_to(Path.home() / ".local" / "share")
