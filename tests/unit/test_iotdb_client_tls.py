"""Encrypted connections: the server's certificate and name are checked, a client's certificate is shown, and failures say what to correct."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_datanode import Answer, FakeDataNode, result, texts
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import UnknownOutcomeError, UnreachableError, UsageError

VERSION = "SHOW VERSION"
CREATE = "CREATE MODEL m USING URI 'file:///m'"


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority `ca`, certificates that it has signed (`server` for 127.0.0.1, `elsewhere` for another name, `client`), and a `stranger`."""
    folder = tmp_path_factory.mktemp("papers")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "stranger"):
        _openssl(
            folder,
            "req",
            "-x509",
            *key,
            "-subj",
            f"/CN={name}",
            "-days",
            "30",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    for name, alternative in (("server", "IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere"), ("client", "DNS:client")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        _openssl(folder, "req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", f"{name}.ext"]
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    _openssl(folder, "ec", "-in", "client.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    return folder


Serve = Callable[..., FakeDataNode]
Connect = Callable[..., IotdbClient]


@pytest.fixture
def serve(papers: Path) -> Iterator[Serve]:
    made: list[FakeDataNode] = []

    def make(name: str = "server", *, asks: bool = False) -> FakeDataNode:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(papers / f"{name}.pem", papers / f"{name}.key")
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(papers / "ca.pem")
        made.append(FakeDataNode(tls=context))
        made[-1].on(VERSION, result([("Version", "TEXT")], texts("2.0.10")))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def connect(papers: Path) -> Iterator[Connect]:
    made: list[IotdbClient] = []

    def make(node: FakeDataNode, **given: Any) -> IotdbClient:
        settings = {"tls": True, "ca_file": str(papers / "ca.pem"), "connect_timeout": 60.0, **given}
        made.append(IotdbClient(IotdbSettings(nodes=(node.url,), **settings)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_server_whose_certificate_is_right_is_used_again_and_again(serve: Serve, connect: Connect) -> None:
    node = serve()
    client = connect(node)
    for _ in range(3):
        assert client.rows(VERSION).values == (("2.0.10",),)
    assert node.connections == 1


@pytest.mark.parametrize("name", ["stranger", "elsewhere"])
def test_a_certificate_that_is_not_right_is_refused_before_the_password_is_sent(
    serve: Serve, connect: Connect, name: str
) -> None:
    node = serve(name)
    with pytest.raises(UnreachableError, match="its certificate is not accepted") as caught:
        connect(node).rows(VERSION)
    assert "ca_file" in caught.value.remedy
    assert node.calls["openSession"] == 0


def test_the_machines_authorities_do_not_know_a_private_one(serve: Serve, connect: Connect) -> None:
    with pytest.raises(UnreachableError, match="its certificate is not accepted"):
        connect(serve(), ca_file="").rows(VERSION)


def test_a_client_shows_its_certificate(serve: Serve, connect: Connect, papers: Path) -> None:
    shown = {"client_certificate": str(papers / "client.pem"), "client_key": str(papers / "client.key")}
    assert connect(serve(asks=True), **shown).rows(VERSION).values == (("2.0.10",),)
    together = papers / "together.pem"
    together.write_text((papers / "client.pem").read_text() + (papers / "client.key").read_text())
    assert connect(serve(asks=True), client_certificate=str(together)).rows(VERSION).values == (("2.0.10",),)


def test_a_client_without_a_certificate_is_told(serve: Serve, connect: Connect) -> None:
    with pytest.raises(UnreachableError, match="while logging in") as caught:
        connect(serve(asks=True)).execute(CREATE)
    assert "client_certificate" in caught.value.remedy


def test_a_key_with_a_password_or_of_another_certificate_is_refused(
    serve: Serve, connect: Connect, papers: Path
) -> None:
    for key in ("locked.key", "server.key"):
        given = {"client_certificate": str(papers / "client.pem"), "client_key": str(papers / key)}
        with pytest.raises(UsageError, match="cannot be used"):
            connect(serve(), **given)


def test_a_server_that_does_not_speak_tls_is_told_from_one_that_is_away(connect: Connect) -> None:
    plain = FakeDataNode()
    try:
        with pytest.raises(UnreachableError) as caught:
            connect(plain, connect_timeout=1.0).rows(VERSION)
        assert caught.value.remedy and plain.calls["openSession"] == 0
    finally:
        plain.close()


def test_a_server_that_speaks_tls_to_a_client_that_does_not(serve: Serve) -> None:
    node = serve()
    client = IotdbClient(IotdbSettings(nodes=(node.url,), connect_timeout=60.0))
    with pytest.raises(UnreachableError):
        client.execute(CREATE)
    assert node.statements == []
    client.close()


def test_an_idle_session_whose_server_was_restarted_loses_no_statement(serve: Serve, connect: Connect) -> None:
    node = serve()
    client = connect(node)
    client.execute("FLUSH")
    node.drop()
    client.execute(CREATE)
    assert node.statements == ["FLUSH", CREATE]


def test_a_lost_answer_is_unknown(serve: Serve, connect: Connect) -> None:
    node = serve()
    node.on(CREATE, Answer.CLOSE)
    with pytest.raises(UnknownOutcomeError):
        connect(node).execute(CREATE)
    assert node.statements == [CREATE]
