"""Addresses of DataNodes, which one is tried when, and settings that cannot be right."""

import random
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_ainode.iotdb.client.connecting import checked_endpoints, tls_context
from quarterdeck_ainode.iotdb.client.endpoints import Endpoint, Endpoints, endpoint
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_api.errors import UsageError

A, B, C = (Endpoint(name, 6667) for name in "abc")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.5:6667", "10.0.0.5", 6667),
        ("[fe80::1]:1", "fe80::1", 1),
        (" plant-7.local:65535 ", "plant-7.local", 65535),
    ],
)
def test_an_address_is_read_and_written_again(text: str, host: str, port: int) -> None:
    read = endpoint(text)
    assert (read.host, read.port) == (host, port)
    assert str(read) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6667",
        "host",
        "host:",
        ":6667",
        "host:0",
        "host:65536",
        "host:-1",
        "host:x",
        "host:٦",
        "::1:6667",
        "[]:6667",
        "a b:1",
        "http://a:1",
        "u@a:1",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is no address of a DataNode") as caught:
        endpoint(text)
    assert "10.0.0.5:6667" in caught.value.remedy


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_one_that_worked_is_first_and_one_that_failed_rests() -> None:
    clock = Clock()
    endpoints = Endpoints([A, B, C, A], clock, random.Random(1))
    assert endpoints.to_try(patient=True) == [A, B, C]
    endpoints.failed(A, "a is away")
    endpoints.worked(B)
    assert endpoints.to_try(patient=True) == [B, C]
    assert endpoints.to_try(patient=False) == [B, A, C]
    assert endpoints.reasons() == "a is away"
    clock.now = 1.6
    assert endpoints.to_try(patient=True) == [B, A, C]


def test_the_rest_doubles_is_bounded_and_spread() -> None:
    rests: dict[int, list[float]] = {}
    for seed in range(20):
        clock = Clock()
        endpoints = Endpoints([A], clock, random.Random(seed))
        for failure in range(8):
            endpoints.failed(A, "away")
            began = clock.now
            while not endpoints.to_try(patient=True):
                clock.now += 0.01
            rests.setdefault(failure, []).append(clock.now - began)
    for failure, found in rests.items():
        least = min(2.0**failure, 15.0)
        assert least <= min(found) and max(found) <= least * 1.5 + 0.02
        assert max(found) - min(found) > 0.2 * least


def test_many_threads_that_see_one_failure_count_once() -> None:
    clock = Clock()
    endpoints = Endpoints([A], clock, random.Random(1))
    for _ in range(24):
        endpoints.failed(A, "away")
    clock.now = 1.6
    assert endpoints.to_try(patient=True) == [A]


def settings(**given: Any) -> IotdbSettings:
    return IotdbSettings(nodes=("a:1", "[::1]:2"), **given)


def test_settings_without_tls_need_no_files() -> None:
    assert tls_context(settings()) is None
    assert checked_endpoints(settings()) == (Endpoint("a", 1), Endpoint("::1", 2))


@pytest.mark.parametrize("name", ["ca_file", "client_certificate", "client_key"])
def test_files_for_tls_without_tls_are_not_ignored(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is set, but tls is not"):
        tls_context(settings(**{name: "/x.pem"}))


def test_tls_without_a_file_takes_the_machines_authorities() -> None:
    import ssl

    context = tls_context(settings(tls=True))
    assert context is not None and context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
def test_a_file_that_is_missing_or_no_pem_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"{name} .* cannot be read: No such file"):
        tls_context(settings(tls=True, **{name: str(tmp_path / "none.pem")}))
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(UsageError, match=rf"{name} .* is no PEM file"):
        tls_context(settings(tls=True, **{name: str(tmp_path / "text.pem")}))
    (tmp_path / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n")
    with pytest.raises(UsageError, match=rf"{name} .*(cannot be used|holds no certificates)"):
        tls_context(settings(tls=True, **{name: str(tmp_path / "torn.pem")}))


def test_a_key_needs_its_certificate() -> None:
    with pytest.raises(UsageError, match="client_key is set without client_certificate"):
        tls_context(settings(tls=True, client_key="/k.pem"))
