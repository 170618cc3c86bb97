"""Checks of logs, live documents and metrics: they begin, end when nobody looks any more, and say what is so."""

import math

from quarterdeck_api.errors import NotFoundError, UnsupportedError
from quarterdeck_api.host_protocol import BACKEND_LOG_SOURCES, BACKEND_METRICS, MetricsAsked
from quarterdeck_api.logs import LogSourcesParams
from quarterdeck_api.resources import Address
from quarterdeck_api.testing.subject import StreamingSubject, Subject, sample

#: Lines of a log that a check reads at most.
_LINES = 10_000

#: Lines that a check asks for as the last ones.
_TAIL = 5

#: Resources of a kind whose streams a check opens.
_STREAMED = 3


async def check_logs(subject: StreamingSubject) -> None:
    """Each source can be read; a tail is no longer than asked for; following ends when nobody reads any more."""
    for address in _some(subject):
        try:
            sources = (await subject.ask(BACKEND_LOG_SOURCES, LogSourcesParams(address))).sources
        except UnsupportedError:
            return
        names = [each.name for each in sources]
        assert all(names) and len(names) == len(set(names)), f"the logs of {address} have no name, or the same: {names}"
        for name in names:
            read = await subject.read_log(address, name, tail=_TAIL, most=_LINES)
            if read.error is not None:
                assert read.error.message and read.error.remedy, f"log {name} of {address} fails without a sentence"
                continue
            assert read.ended, f"log {name} of {address} does not end although it is not followed"
            assert len(read.lines) <= _TAIL, (
                f"log {name} of {address} has {len(read.lines)} lines, not its last {_TAIL}"
            )
            followed = await subject.read_log(address, name, follow=True, tail=_TAIL, most=_LINES)
            assert followed.error is None, f"log {name} of {address} can be read, but not followed: {followed.error}"
        missing = await subject.read_log(address, "there is no such log", most=_LINES)
        assert isinstance(missing.error, NotFoundError | UnsupportedError), (
            f"a log of {address} that does not exist is {missing.error or 'answered'}, not not-found"
        )
    assert await subject.streams_left() == 0, f"logs of {subject.name} go on although nobody reads them"


async def check_live_documents(subject: StreamingSubject) -> None:
    """A live document shows itself soon, has a title, and ends when nobody looks any more."""
    for address in _some(subject):
        read = await subject.read_live(address)
        if isinstance(read.error, UnsupportedError):
            continue
        assert read.error is None, f"the live document of {address} fails: {read.error}"
        assert read.documents, f"the live document of {address} shows nothing"
        for document in read.documents:
            assert document.title and document.blocks, f"a live document of {address} is empty"
    assert await subject.streams_left() == 0, f"live documents of {subject.name} go on although nobody looks"


async def check_metrics(subject: Subject) -> None:
    """Series have as many values as times, in ascending order, and only the names that were asked for."""
    for address in _some(subject):
        try:
            series = (await subject.ask(BACKEND_METRICS, MetricsAsked(address, (), 0.0, 2_000_000_000.0))).series
        except UnsupportedError:
            return
        names = [each.name for each in series]
        assert len(names) == len(set(names)), f"{address} has a metric twice: {names}"
        for each in series:
            assert len(each.times) == len(each.values), f"{address}: {each.name} has times and values of other lengths"
            assert list(each.times) == sorted(each.times), f"{address}: the times of {each.name} do not ascend"
        if names:
            asked = MetricsAsked(address, (names[0],), 0.0, 2_000_000_000.0)
            found = [each.name for each in (await subject.ask(BACKEND_METRICS, asked)).series]
            assert found == [names[0]], f"{address}: asked for {names[0]}, it gives {found}"


def check_reports(subject: StreamingSubject) -> None:
    """Samples and findings are of this backend, and each says what it must."""
    for each in tuple(subject.samples):
        assert Address.parse(each.address).backend == subject.name, f"a sample is of {each.address}"
        assert each.name and math.isfinite(each.value), f"a sample of {each.address} has no name or no value"
    for finding in tuple(subject.findings):
        assert finding.code and finding.sentence and finding.remedy, (
            f"a finding about {finding.address} is not complete"
        )
        Address.parse(finding.address)


def _some(subject: Subject) -> list[str]:
    """A few addresses of each mirrored kind."""
    kinds: dict[str, list[str]] = {}
    for resource in sample(subject):
        kinds.setdefault(resource.kind, []).append(resource.address)
    return [address for found in kinds.values() for address in found[:_STREAMED]]
