"""Every backend type against the contract, in a real host."""

from collections.abc import Callable
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE
from quarterdeck_api.protocol import AddressParams
from quarterdeck_api.testing import contract

SECRET = "not to be seen"


def test_every_declared_backend_type_is_tested(subject: Any, tested_types: frozenset[str]) -> None:
    assert {each.id for each in subject.catalogue.backend_types} <= tested_types


@pytest.mark.parametrize("check", contract.EMITTED, ids=lambda check: check.__name__)
def test_what_it_emits(subject: Any, check: Callable[[Any], None]) -> None:
    assert contract.resources(subject)
    check(subject)


@pytest.mark.parametrize("check", contract.ASKED, ids=lambda check: check.__name__)
def test_what_it_answers(subject: Any, check: Callable[[Any], Any]) -> None:
    subject.run(check(subject))


def test_its_secrets_are_nowhere(subject: Any) -> None:
    async def everything() -> list[object]:
        found: list[object] = list(subject.changes)
        for address in list(contract.resources(subject))[:5]:
            try:
                found.append(await subject.ask(BACKEND_DESCRIBE, AddressParams(address)))
            except QuarterdeckError as error:
                found.append(error)
        return found

    for each in subject.run(everything()):
        contract.check_no_secret(each, SECRET, type(each).__name__)
    assert contract.files_with(subject.logs, SECRET) == []


def test_opening_it_again_and_again_leaves_no_thread_behind(subject: Any) -> None:
    subject.run(subject.retry())
    threads = subject.host.num_threads()
    for _ in range(3):
        subject.run(subject.retry())
    # A pool thread more may have been made meanwhile; one for each opening would be three.
    assert subject.host.num_threads() <= threads + 1
    assert subject.run(subject.stuck_calls()) == 0


def test_closing_it_ends_its_host_and_all_of_its_processes(
    backend_type: str, open_subject: Callable[[str], Any]
) -> None:
    opened = open_subject(backend_type)
    host = opened.host
    family = [host, *host.children(recursive=True)]
    opened.close()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    log = "\n".join(path.read_text(encoding="utf-8") for path in opened.logs.iterdir())
    assert "abandoned" not in log
    assert "Traceback" not in log
