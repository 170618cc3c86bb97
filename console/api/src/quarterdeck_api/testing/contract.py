"""The contract between a backend and the console, as checks that raise AssertionError with a sentence.

A check is given a Subject: one open backend in a real host. It looks at what the backend has emitted, or asks it as the runtime would. `CHECKS`
are all of them; a plugin's suite runs each against each of its backends::

    @pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
    def test_contract(backend: HostedBackend, check: contract.Check) -> None:
        backend.check(check)
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from quarterdeck_api.backend import ActionRequest
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.documents import Document
from quarterdeck_api.editing import EDIT_ACTION
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnsupportedError
from quarterdeck_api.host_protocol import (
    BACKEND_COMPLETE,
    BACKEND_DESCRIBE,
    BACKEND_PARAMETERS,
    BACKEND_PERFORM,
    BACKEND_PROBE,
    BackendName,
)
from quarterdeck_api.parameter_values import check_value
from quarterdeck_api.parameters import fields
from quarterdeck_api.protocol import AddressParams, CompleteParams, ParametersParams
from quarterdeck_api.resources import Address, Synced
from quarterdeck_api.testing.browsing import check_browsed_documents, check_filters, check_pages
from quarterdeck_api.testing.streams import check_live_documents, check_logs, check_metrics, check_reports
from quarterdeck_api.testing.subject import (
    Subject,
    actions_of,
    actions_of_kind,
    check_resource_cells,
    resources,
    sample,
)
from quarterdeck_api.testing.texts import check_texts
from quarterdeck_api.wire import Method

__all__ = ["Subject", "resources"]

Check = Callable[[Any], Awaitable[None] | None]


def check_identity(subject: Subject) -> None:
    """Every resource has an address of this backend, a uid of its own, and a kind that the plugin declares as mirrored."""
    uids: dict[tuple[str, str], str] = {}
    for resource in resources(subject).values():
        address = Address.parse(resource.address)
        assert address.backend == subject.name, f"{address} is not an address of {subject.name}"
        assert resource.uid, f"{address} has no uid"
        first = uids.setdefault((address.kind, resource.uid), resource.address)
        assert first == resource.address, f"{address} has the uid of {first}"
        kind = subject.catalogue.kind(address.kind)
        assert kind is not None, f"the plugin declares no kind {address.kind!r}, which {address} is of"
        assert kind.mirrored, f"{address} is of a browsed kind and must not be emitted"


def check_relations(subject: Subject) -> None:
    """Parents and links of the same backend exist, and actions that are off are actions of the kind."""
    known = resources(subject)
    for resource in known.values():
        for target in filter(None, (resource.parent, *(link.address for link in resource.links))):
            foreign = Address.parse(target).backend != subject.name
            assert foreign or target in known, f"{resource.address} refers to {target}, which does not exist"
        actions = {action.id for action in actions_of(subject, resource)} | {EDIT_ACTION}
        for action, reason in resource.actions_off.items():
            assert action in actions, f"{resource.address} turns {action} off, which its kind has not"
            assert reason, f"{resource.address} does not say why {action} is off"


def check_cells(subject: Subject) -> None:
    """Cells are as many as columns, and each is of its column's type or empty."""
    for resource in resources(subject).values():
        check_resource_cells(subject, resource)


def check_synced(subject: Subject) -> None:
    """Every mirrored kind of the plugin is said completely, those of which the backend has nothing too."""
    mirrored = {kind.id for kind in subject.catalogue.kinds if kind.mirrored}
    said = {kind for change in subject.changes if isinstance(change, Synced) for kind in change.kinds}
    assert mirrored <= said, f"{subject.name} never syncs {', '.join(sorted(mirrored - said))}: who asks for it waits"
    assert said <= mirrored, f"{subject.name} syncs {', '.join(sorted(said - mirrored))}, which is not a mirrored kind"


async def check_documents(subject: Subject) -> None:
    """Each resource is described by a document with a title, or none is because the backend cannot."""
    for resource in sample(subject):
        try:
            document = await subject.ask(BACKEND_DESCRIBE, AddressParams(resource.address))
        except UnsupportedError:
            return
        assert document.title, f"the document of {resource.address} has no title"
        assert document.blocks, f"the document of {resource.address} is empty"


async def check_own_parameters(subject: Subject) -> None:
    """For every action with parameters of the resource's own there is a schema that forms understand, with defaults that it allows."""
    for resource in sample(subject):
        for action in actions_of(subject, resource):
            if not action.own_parameters or action.id in resource.actions_off:
                continue
            schema = await subject.ask(BACKEND_PARAMETERS, ParametersParams(action.id, resource.address))
            known = {each.name for each in fields(action.parameters)}
            for field in fields(schema):
                asked = field.only_with
                assert asked is None or asked.parameter in known, (
                    f"{action.id} --set {field.name} is only with {asked.parameter}, which is none of its parameters"
                )
                if field.default is not None or not (field.required or field.nullable):
                    check_value(field, field.default)


async def check_completion(subject: Subject, prefixes: Sequence[str] = ("", "a", "t", "1")) -> None:
    """Choices begin with what was typed, and appear once."""
    for resource in sample(subject):
        for action in actions_of(subject, resource):
            for name in _field_names(action):
                for prefix in prefixes:
                    asked = CompleteParams(action.id, resource.address, name, prefix)
                    try:
                        values = [choice.value for choice in (await subject.ask(BACKEND_COMPLETE, asked)).choices]
                    except UnsupportedError:
                        return
                    wrong = [value for value in values if not value.startswith(prefix)]
                    assert not wrong, f"{action.id} --{name} {prefix!r} is completed with {wrong[0]!r}"
                    assert len(values) == len(set(values)), f"{action.id} --{name} {prefix!r} gets a choice twice"


async def check_unknown_address(subject: Subject) -> None:
    """Whatever does not exist is answered with NotFoundError: a sentence that names the address."""
    for kind in sorted({resource.kind for resource in resources(subject).values()}):
        address = f"{subject.name}/{kind}/there is no such name"
        await _expect_not_found(subject, address, BACKEND_DESCRIBE, AddressParams(address))
        for action in actions_of_kind(subject, kind):
            if not action.job and not action.standalone and action.dry_run:
                request = ActionRequest(action.id, address, dry_run=True)
                await _expect_not_found(subject, address, BACKEND_PERFORM, request)
            if action.own_parameters:
                await _expect_not_found(subject, address, BACKEND_PARAMETERS, ParametersParams(action.id, address))


async def check_probe(subject: Subject) -> None:
    """The backend says its version when asked, or says that it cannot be asked."""
    try:
        result = await subject.ask(BACKEND_PROBE, BackendName(subject.name))
    except UnsupportedError:
        return
    assert result.version, f"{subject.name} does not know its version"


async def check_parallel_calls(subject: Subject, calls: int = 12) -> None:
    """Calls that are made at once are all answered, each for what it asked."""
    addresses = [resource.address for resource in sample(subject)]
    wanted = [addresses[number % len(addresses)] for number in range(calls)] if addresses else []
    asked = [subject.ask(BACKEND_DESCRIBE, AddressParams(address)) for address in wanted]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    if answers and all(isinstance(answer, UnsupportedError) for answer in answers):
        return
    titles: dict[str, str] = {}
    for address, answer in zip(wanted, answers, strict=True):
        assert isinstance(answer, Document), f"describing {address} beside others failed: {answer}"
        assert titles.setdefault(address, answer.title) == answer.title, f"{address} was mistaken for another resource"


def check_no_secret(found: object, secret: str, where: str) -> None:
    """A secret is nowhere in a value: a struct, a document, an error, or what they hold."""
    assert secret not in _text(found), f"a secret is shown in {where}"


def files_with(folder: Path, secret: str) -> list[Path]:
    """The files below a folder whose content or name has the secret in it."""
    needle = secret.encode()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if secret in path.name or (path.is_file() and not path.is_symlink() and needle in path.read_bytes())
    ]


#: Checks of what a backend has emitted, checks that ask it, and checks that follow its streams (these need a StreamingSubject).
EMITTED: tuple[Callable[[Subject], None], ...] = (check_identity, check_relations, check_cells, check_synced)
ASKED: tuple[Callable[[Subject], Awaitable[None]], ...] = (
    check_documents,
    check_own_parameters,
    check_completion,
    check_unknown_address,
    check_probe,
    check_parallel_calls,
    check_pages,
    check_filters,
    check_browsed_documents,
    check_texts,
    check_metrics,
)
STREAMED = (check_logs, check_live_documents, check_reports)
CHECKS: tuple[Check, ...] = (*EMITTED, *ASKED, *STREAMED)


async def _expect_not_found(subject: Subject, address: str, method: Method[Any, Any], params: object) -> None:
    try:
        await subject.ask(method, params)
    except UnsupportedError:
        return
    except NotFoundError as error:
        assert error.message and error.remedy, f"{method.name}: the error for {address} has no sentence or no remedy"
        return
    except QuarterdeckError as error:
        raise AssertionError(f"{method.name} of {address} is {error.code}, not not-found: {error.message}") from error
    raise AssertionError(f"{method.name} of {address}, which does not exist, was answered")


def _field_names(action: ActionInfo) -> list[str]:
    return [field.name for field in fields(action.parameters)]


def _text(found: object) -> str:
    if isinstance(found, QuarterdeckError):
        return f"{found.message} {found.remedy} {found.address}"
    return repr(found)
