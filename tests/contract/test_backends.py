"""Every backend type against the contract, in a real host."""

from collections.abc import Callable
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.testing import contract

SECRET = "not to be seen"


def test_every_declared_backend_type_is_tested(opened: Any, tested_types: frozenset[str]) -> None:
    assert {each.id for each in opened.runtime.catalogue.backend_types} <= tested_types


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_the_contract(opened: Any, check: contract.Check) -> None:
    assert opened.backend.resources
    opened.backend.check(check)


def test_its_secrets_are_nowhere(opened: Any) -> None:
    found: list[object] = [*opened.backend.changes, *opened.backend.samples, *opened.backend.findings]
    for address in list(opened.backend.resources)[:5]:
        try:
            found.append(opened.backend.describe(address))
        except QuarterdeckError as error:
            found.append(error)
    for each in found:
        contract.check_no_secret(each, SECRET, type(each).__name__)
    assert SECRET not in opened.runtime.log


def test_opening_it_again_and_again_leaves_no_thread_behind(opened: Any) -> None:
    opened.backend.retry()
    threads = opened.host.num_threads()
    for _ in range(3):
        opened.backend.retry()
    # A pool thread more may have been made meanwhile; one for each opening would be three.
    assert opened.host.num_threads() <= threads + 1
    assert opened.runtime.heartbeat().stuck_calls == 0


def test_closing_it_ends_its_host_and_all_of_its_processes(
    backend_type: str, open_backend: Callable[[str], Any]
) -> None:
    opened = open_backend(backend_type)
    host = opened.host
    family = [host, *host.children(recursive=True)]
    assert opened.close() == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    assert "abandoned" not in opened.runtime.log
    assert "Traceback" not in opened.runtime.log
    assert opened.runtime.protocol_faults == ()
