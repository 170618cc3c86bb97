"""Checks of texts: a dry run changes nothing, and what was changed elsewhere is not overwritten."""

from quarterdeck_api.editing import TextParams, TextPut
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UnsupportedError, UsageError
from quarterdeck_api.host_protocol import BACKEND_GET_TEXT, BACKEND_PUT_TEXT
from quarterdeck_api.testing.subject import Subject, sample


async def check_texts(subject: Subject) -> None:
    """The same text changes nothing, a dry run puts nothing, another version is refused; what does not exist is not found."""
    for resource in sample(subject):
        address = resource.address
        try:
            before = await subject.ask(BACKEND_GET_TEXT, TextParams(address))
        except UnsupportedError:
            continue
        same = await subject.ask(BACKEND_PUT_TEXT, TextPut(address, before.text, before.version, dry_run=True))
        assert not same.diff, f"putting the text of {address} as it is would change something"
        try:
            await subject.ask(BACKEND_PUT_TEXT, TextPut(address, f"{before.text}\n", before.version, dry_run=True))
        except UsageError as error:
            assert error.message, f"{address} refuses a text without a sentence"
        after = await subject.ask(BACKEND_GET_TEXT, TextParams(address))
        assert after == before, f"a dry run has changed the text of {address}"
        await _check_conflict(subject, address, before.text)
        await _check_missing(subject, resource.kind)


async def _check_conflict(subject: Subject, address: str, text: str) -> None:
    wrong = TextPut(address, f"{text}\n", "no version of yours", dry_run=True)
    try:
        await subject.ask(BACKEND_PUT_TEXT, wrong)
    except RefusedError as error:
        assert error.message and error.remedy, f"{address} refuses another version without a sentence or a remedy"
    except QuarterdeckError as error:
        raise AssertionError(f"{address}: another version is {error.code}, not refused: {error.message}") from error
    else:
        raise AssertionError(f"{address} takes a text in place of a version that it does not have")


async def _check_missing(subject: Subject, kind: str) -> None:
    address = f"{subject.name}/{kind}/there is no such name"
    try:
        await subject.ask(BACKEND_GET_TEXT, TextParams(address))
    except (NotFoundError, UnsupportedError):
        return
    raise AssertionError(f"{address}, which does not exist, has a text")
