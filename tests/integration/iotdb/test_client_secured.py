"""The client on a real IoTDB that is set up in another way: TLS, the compact protocol, nanoseconds."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iotdb_cluster import Cluster, new_cluster
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.tablet import Tablet, TabletColumn
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.value_types import TimePrecision, ValueType
from quarterdeck_api.errors import QuarterdeckError, UnreachableError

_WORD = "changeit"


def _run(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=120)


def _papers(folder: Path) -> None:
    """An authority, a server and a client that it has signed, and the stores that Java wants."""
    key = ("-newkey", "rsa:2048", "-nodes")
    _run(
        folder, "openssl", "req", "-x509", *key, "-subj", "/CN=ca", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"
    )
    (folder / "names.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        _run(folder, "openssl", "req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names.ext")
        _run(folder, "openssl", "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
    stored = ("-inkey", "server.key", "-passout", f"pass:{_WORD}", "-name", "server", "-out", "server.p12")
    _run(folder, "openssl", "pkcs12", "-export", "-in", "server.pem", *stored)
    keytool = str(Path(os.environ["JAVA_HOME"], "bin", "keytool")) if "JAVA_HOME" in os.environ else "keytool"
    trusted = ("-file", "ca.pem", "-keystore", "trust.p12", "-storetype", "PKCS12", "-storepass", _WORD)
    _run(folder, keytool, "-importcert", "-noprompt", "-alias", "ca", *trusted)


@pytest.fixture(scope="module")
def secured(iotdb_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Path]]:
    """A cluster of the module's own (the shared one is asked for so that these tests are skipped together with the others)."""
    folder = tmp_path_factory.mktemp("papers")
    _papers(folder)
    cluster = new_cluster(
        {
            "enable_thrift_ssl": "true",
            "key_store_path": str(folder / "server.p12"),
            "key_store_pwd": _WORD,
            "trust_store_path": str(folder / "trust.p12"),
            "trust_store_pwd": _WORD,
            "dn_rpc_thrift_compression_enable": "true",
            "timestamp_precision": "ns",
        }
    )
    try:
        cluster.start()
        yield cluster, folder
    finally:
        cluster.close()


@pytest.fixture
def connect(secured: tuple[Cluster, Path]) -> Iterator[Callable[..., IotdbClient]]:
    cluster, folder = secured
    made: list[IotdbClient] = []

    def make(**changed: Any) -> IotdbClient:
        right = {
            "tls": True,
            "ca_file": str(folder / "ca.pem"),
            "client_certificate": str(folder / "client.pem"),
            "client_key": str(folder / "client.key"),
            "compression": True,
            "connect_timeout": 30.0,
        }
        made.append(IotdbClient(IotdbSettings(nodes=(cluster.client_url,), **{**right, **changed})))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_values_come_back_from_it(
    connect: Callable[..., IotdbClient], until: Callable[[Callable[[], bool]], None]
) -> None:
    client = connect()

    def ready() -> bool:
        try:
            client.execute("CREATE DATABASE root.secured")
        except QuarterdeckError:
            return False
        return True

    until(ready)
    assert client.precision() is TimePrecision.ns
    times = 1_700_000_000_123_456_789 + np.arange(20_000)
    column = TabletColumn("s", ValueType.DOUBLE, np.arange(20_000) * 0.5)
    client.insert(Tablet("root.secured.d", times, (column,)))
    batches = list(client.batches("SELECT s FROM root.secured.d", fetch_rows=5_000))
    np.testing.assert_array_equal(np.concatenate([each.columns["Time"] for each in batches]), times)
    assert sum(each.rows for each in batches) == 20_000


@pytest.mark.parametrize(
    "changed",
    [
        {"compression": False},
        {"tls": False, "ca_file": "", "client_certificate": "", "client_key": ""},
    ],
    ids=["the other protocol", "no TLS"],
)
def test_a_setting_that_is_not_the_servers_is_named(
    connect: Callable[..., IotdbClient], changed: dict[str, Any]
) -> None:
    with pytest.raises(QuarterdeckError, match="while logging in") as caught:
        connect(**changed).rows("SHOW VERSION")
    for setting in ("tls", "client_certificate", "compression"):
        assert f"`{setting}`" in caught.value.remedy


def test_a_client_may_come_without_a_certificate(connect: Callable[..., IotdbClient]) -> None:
    """2.0.10 does not ask clients for one, with a trust store neither; whether ours shows one is tested with a server that does."""
    assert connect(client_certificate="", client_key="").rows("SHOW VERSION").values


def test_an_authority_that_did_not_sign_the_server_is_refused(connect: Callable[..., IotdbClient]) -> None:
    with pytest.raises(UnreachableError, match="its certificate is not accepted"):
        connect(ca_file="").rows("SHOW VERSION")
