"""Findings: what needs attention, said by backends and by parts of the runtime, as resources of the kind `finding`."""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from quarterdeck_api.catalogue import Column
from quarterdeck_api.events import FindingChanged
from quarterdeck_api.findings import Finding, Severity
from quarterdeck_api.resources import CORE, Address, Change, Health, Link, Remove, Resource, Upsert

FINDING_COLUMNS = (
    Column("code", "Code"),
    Column("address", "On"),
    Column("severity", "Severity"),
    Column("remedy", "Remedy"),
)

#: Findings of one source that are kept; a source with more has one cause that is worth more than their list.
SOURCE_LIMIT = 1_000
#: Characters of a sentence or remedy that are kept.
TEXT_LIMIT = 2_000

_HEALTH = {Severity.WARNING: Health.DEGRADED, Severity.CRITICAL: Health.FAILED}

_Key = tuple[str, str]


class Findings:
    """Everything that needs attention now, by code and address; each source says all that it finds, in place of what it said before.

    `publish` takes the changes of resources, `tell` what came up or is gone, `clock` gives Unix seconds.
    """

    def __init__(
        self,
        publish: Callable[[tuple[Change, ...]], None],
        tell: Callable[[FindingChanged], None],
        clock: Callable[[], float],
    ) -> None:
        self._publish = publish
        self._tell = tell
        self._clock = clock
        self._sources: dict[str, dict[_Key, Finding]] = {}
        self._shown: dict[_Key, Finding] = {}

    def say(self, source: str, findings: Iterable[Finding]) -> None:
        """Takes everything that a source (a backend's name, a part of the runtime) finds; nothing forgets the source."""
        said: dict[_Key, Finding] = {}
        for each in findings:
            if len(said) >= SOURCE_LIMIT:
                break
            said.setdefault((each.code, each.address), _clipped(each))
        if said == self._sources.get(source, {}):
            return
        if said:
            self._sources[source] = said
        else:
            del self._sources[source]
        self._show()

    def raised(self, source: str, finding: Finding) -> None:
        """Adds one finding to what a source says, or brings it up to date."""
        kept = [each for each in self._sources.get(source, {}).values() if _key(each) != _key(finding)]
        self.say(source, [*kept, finding])

    def cleared(self, source: str, code: str, address: str) -> None:
        """Takes one finding of a source away; nothing happens when it does not say it."""
        self.say(source, [each for each in self._sources.get(source, {}).values() if _key(each) != (code, address)])

    def sources(self) -> tuple[str, ...]:
        """Who finds something now."""
        return tuple(self._sources)

    def all(self) -> list[Finding]:
        """Everything that needs attention, the oldest first."""
        return sorted(self._shown.values(), key=lambda each: each.since)

    def _show(self) -> None:
        """Brings what is shown to what the sources say; what several say alike is shown once, as the first said it."""
        wanted: dict[_Key, Finding] = {}
        for said in self._sources.values():
            for key, finding in said.items():
                wanted.setdefault(key, finding)
        before, now = self._shown, self._clock()
        self._shown = {key: _dated(each, before.get(key), now) for key, each in wanted.items()}
        changed = [key for key, each in self._shown.items() if before.get(key) != each]
        gone = [key for key in before if key not in self._shown]
        self._publish(
            (
                *(Upsert(finding_resource(self._shown[key])) for key in changed),
                *(Remove(str(finding_address(before[key]))) for key in gone),
            )
        )
        for key in changed:
            if key not in before:
                self._tell(FindingChanged(self._shown[key], True))
        for key in gone:
            self._tell(FindingChanged(before[key], False))


def finding_address(finding: Finding) -> Address:
    """The address that a finding has itself."""
    return Address(CORE, "finding", f"{finding.code}/{finding.address}")


def finding_resource(finding: Finding) -> Resource:
    """A finding as a resource; its reason is the sentence."""
    links = (Link("on", finding.address),) if finding.address.count("/") >= 2 else ()
    return Resource(
        str(finding_address(finding)),
        f"{finding.code} {finding.address}",
        _HEALTH[finding.severity],
        finding.severity.value,
        finding.sentence,
        finding.since,
        (finding.code, finding.address, finding.severity.value, finding.remedy),
        links=links,
    )


def _key(finding: Finding) -> _Key:
    return finding.code, finding.address


def _dated(finding: Finding, before: Finding | None, now: float) -> Finding:
    return finding if finding.since else replace(finding, since=before.since if before is not None else now)


def _clipped(finding: Finding) -> Finding:
    if max(len(finding.sentence), len(finding.remedy)) <= TEXT_LIMIT:
        return finding
    return replace(finding, sentence=finding.sentence[:TEXT_LIMIT], remedy=finding.remedy[:TEXT_LIMIT])
