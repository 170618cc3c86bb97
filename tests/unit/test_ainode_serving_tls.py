"""Mutual TLS of our AINode: who is let in, and files that do not go together."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from listening_ainode import MakeNode, forecast, listening_ainodes, values
from made_certificates import make_authority, make_certificate
from quarterdeck_ainode.serving import rpc_messages as messages
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.tls import tls_contexts
from quarterdeck_api.errors import UsageError


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    with listening_ainodes(tmp_path) as make:
        yield make


def test_tls_lets_in_whoever_has_a_certificate_of_the_authority(make_node: MakeNode, tmp_path: Path) -> None:
    for authority in ("plant", "stranger"):
        make_authority(tmp_path, authority)
    make_certificate(tmp_path, "node", "plant")
    make_certificate(tmp_path, "foreign", "stranger")

    def contexts(name: str, authority: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        found = tls_contexts(
            ServerParameters(
                certificate=str(tmp_path / f"{name}.pem"),
                key=str(tmp_path / f"{name}.key"),
                authority=str(tmp_path / f"{authority}.pem"),
            )
        )
        assert found.listening is not None
        assert found.connecting is not None
        return found.listening, found.connecting

    listening, connecting = contexts("node", "plant")
    node = make_node(tls=listening)
    assert values(node.asker(connecting).ask("forecast", forecast("last", 1))) == [2.5]
    plain = node.asker()
    plain.send("showModels", messages.ModelsRequest())
    assert plain.ended()
    with pytest.raises((ssl.SSLError, ConnectionError)):  # TLS 1.3 says so with the first answer.
        node.asker(contexts("foreign", "plant")[1]).ask("showModels", messages.ModelsRequest())
    with pytest.raises(ssl.SSLCertVerificationError):
        node.asker(contexts("foreign", "stranger")[1])
    assert values(node.asker(connecting).ask("forecast", forecast("last", 1))) == [2.5]


def test_tls_needs_files_that_go_together(tmp_path: Path) -> None:
    make_authority(tmp_path, "plant")
    make_authority(tmp_path, "other")
    certificate, key, other = (str(tmp_path / name) for name in ("plant.pem", "plant.key", "other.key"))
    assert tls_contexts(ServerParameters()).listening is None
    with pytest.raises(UsageError, match="needs a certificate and the authority"):
        tls_contexts(ServerParameters(certificate=certificate, key=key))
    with pytest.raises(UsageError, match="is no file"):
        tls_contexts(ServerParameters(certificate=certificate, key=key, authority=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="do not go together"):
        tls_contexts(ServerParameters(certificate=certificate, key=other, authority=certificate))
