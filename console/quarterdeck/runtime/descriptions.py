"""Documents of resources: composed from what the store and the job service know, with the backend's own document where it has one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from quarterdeck.drawing.quantities import format_bytes, format_duration
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.journal import Journal, redact
from quarterdeck.runtime.plugin_view import plugin_blocks
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.registry import Registry
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnsupportedError
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE
from quarterdeck_api.protocol import AddressParams, DescribeResult, JobRecord
from quarterdeck_api.resources import CORE, Address, Cell, Resource

#: Seconds that a backend may take to describe a resource.
DESCRIBE_TIMEOUT = 10.0


class Descriptions:
    """Answers `describe`."""

    def __init__(
        self,
        registry: Registry,
        presence: Presence,
        hosts: HostSupervisor,
        jobs: JobService,
        journal: Journal,
        core_blocks: Mapping[str, Callable[[str], list[Block]]],
    ) -> None:
        self._registry = registry
        self._presence = presence
        self._hosts = hosts
        self._jobs = jobs
        self._journal = journal
        self._core_blocks = core_blocks
        self._core: dict[str, Callable[[Address], Awaitable[list[Block]]]] = {}

    def register(self, kind: str, blocks: Callable[[Address], Awaitable[list[Block]]]) -> None:
        """Has a part of the core say what is to be shown of a kind of its own."""
        self._core[kind] = blocks

    async def describe(self, asked: AddressParams) -> DescribeResult:
        """One resource with its document; a backend that cannot be asked leaves its part out and says why."""
        address = Address.parse(asked.address)
        resource = await self._presence.resource(address)
        if resource is None:
            return await self._browsed(address)
        columns = self._registry.columns(address.backend, address.kind)
        blocks: list[Block] = [FactsBlock(resource_facts(resource, columns))]
        if address.backend == CORE and address.kind == "job":
            record = self.job(int(address.name))
            blocks = [*result_blocks(record), *blocks, *job_blocks(record)]
        elif address.backend == CORE and address.kind in self._core_blocks:
            blocks += self._core_blocks[address.kind](address.name)
        elif address.backend == CORE and address.kind == "plugin":
            blocks += plugin_blocks(self._registry.status(address.name))
        elif address.backend == CORE and address.kind == "journal":
            blocks += self._journal_blocks(int(address.name))
        elif address.backend == CORE and address.kind in self._core:
            blocks += await self._core[address.kind](address)
        elif address.backend != CORE:
            blocks += await self._backend_blocks(address)
        title = f"{address.kind} {address.name}"
        return DescribeResult(resource, tuple(column.id for column in columns), Document(title, tuple(blocks)))

    async def composed(self, address: Address, blocks: Sequence[Block]) -> DescribeResult:
        """A document that a backend shows by itself, below what the store knows of its resource now."""
        resource = await self._presence.resource(address)
        if resource is None:
            return self._unmirrored(address, blocks)
        columns = self._registry.columns(address.backend, address.kind)
        facts = FactsBlock(resource_facts(resource, columns))
        document = Document(f"{address.kind} {address.name}", (facts, *blocks))
        return DescribeResult(resource, tuple(column.id for column in columns), document)

    async def _browsed(self, address: Address) -> DescribeResult:
        """A resource of a browsed kind, which only its backend knows; raises what the backend answers."""
        if address.backend == CORE and address.kind in self._core:
            return self._unmirrored(address, await self._core[address.kind](address))
        if address.backend == CORE:
            raise NotFoundError(f"{address} is not kept by the runtime", "open it from its parent", str(address))
        await self._presence.settled(address.backend)
        asked = AddressParams(str(address))
        found = await self._hosts.call(address.backend, BACKEND_DESCRIBE, asked, DESCRIBE_TIMEOUT)
        return self._unmirrored(address, found.blocks)

    def _unmirrored(self, address: Address, blocks: Sequence[Block]) -> DescribeResult:
        """What a backend says of a resource that is not in the store."""
        columns = tuple(column.id for column in self._registry.columns(address.backend, address.kind))
        document = Document(f"{address.kind} {address.name}", tuple(blocks))
        return DescribeResult(Resource(str(address), address.name), columns, document)

    def job(self, number: int) -> JobRecord:
        """A job as recorded, without the secrets among its parameters, its last step ended with it; raises NotFoundError."""
        record = self._jobs.get(number)
        action = self._registry.action_named(record.plugin, record.action)
        if action is not None:
            record = replace(record, parameters=redact(record.parameters, action.parameters))
        if record.state.final and record.steps and not record.steps[-1].ended:
            last = replace(record.steps[-1], ended=record.ended, state=record.state)
            record = replace(record, steps=(*record.steps[:-1], last))
        return record

    def _journal_blocks(self, number: int) -> list[Block]:
        """What was asked for, and what was found out since when the outcome was unknown."""
        entry, checks = self._journal.entry(number), self._journal.checks(number)
        blocks: list[Block] = [_asked_for(entry.parameters)] if entry.parameters else []
        if checks:
            rows = tuple((time_text(time), actor, verdict, sentence) for time, actor, verdict, sentence in checks)
            blocks.append(TableBlock(("Time", "Actor", "Verdict", "Found"), rows, "Checked since"))
        return blocks

    async def _backend_blocks(self, address: Address) -> list[Block]:
        try:
            document = await self._hosts.call(
                address.backend, BACKEND_DESCRIBE, AddressParams(str(address)), DESCRIBE_TIMEOUT
            )
        except UnsupportedError:
            return []  # The backend has nothing to add to the facts.
        except QuarterdeckError as error:
            return [TextBlock(f"{error.message}. {error.remedy}".strip(), title="The backend could not be asked")]
        return list(document.blocks)


def resource_facts(resource: Resource, columns: Sequence[Column]) -> tuple[Fact, ...]:
    """What the store knows of a resource, as labelled values."""
    facts: list[Fact] = [Fact("Address", resource.address), Fact("Health", resource.health.value)]
    if resource.state:
        facts.append(Fact("State", resource.state))
    if resource.reason:
        facts.append(Fact("Reason", resource.reason))
    if resource.since:
        facts.append(Fact("Since", time_text(resource.since)))
    if resource.parent:
        facts.append(Fact("Parent", resource.parent))
    for column, cell in zip(columns, resource.cells, strict=False):
        facts.append(Fact(column.title, _cell_value(column, cell)))
    facts += [Fact(link.relation.capitalize(), link.address) for link in resource.links]
    facts += [Fact(f"{action} is off", reason) for action, reason in resource.actions_off.items()]
    return tuple(facts)


def result_blocks(record: JobRecord) -> list[Block]:
    """What came of a job, which is what its reader wants first: the error or the result."""
    blocks: list[Block] = []
    if record.error is not None:
        blocks.append(TextBlock(f"{record.error.message}\n{record.error.remedy}".strip(), title="Error"))
    if record.document is not None:
        blocks += record.document.blocks
    return blocks


def job_blocks(record: JobRecord) -> list[Block]:
    """How a job came to its end: what was asked for, steps, artefacts, history."""
    blocks: list[Block] = []
    asked = {**record.parameters, **record.settings}
    if asked:
        blocks.append(_asked_for(asked))
    if record.steps:
        rows = tuple(
            (
                step.name,
                step.state.value,
                time_text(step.started),
                time_text(step.ended) if step.ended else "",
                step.attempt,
                step.log_offset,
            )
            for step in record.steps
        )
        blocks.append(TableBlock(("Step", "State", "Started", "Ended", "Attempt", "Log offset"), rows, "Steps"))
    if record.artefacts:
        files = zip(record.artefacts, record.artefact_paths, strict=True)
        rows = tuple((file.name, file.media_type, file.bytes, path) for file, path in files)
        blocks.append(TableBlock(("Artefact", "Type", "Bytes", "Path"), rows, "Artefacts"))
    history = tuple((time_text(event.time), event.event, event.attempt, event.detail) for event in record.history)
    blocks.append(TableBlock(("Time", "Event", "Attempt", "Detail"), history, "History"))
    return blocks


def time_text(seconds: float) -> str:
    """A Unix time in local time with offset, to the second."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")


def _asked_for(parameters: Mapping[str, Any]) -> FactsBlock:
    return FactsBlock(tuple(Fact(key, _plain(value)) for key, value in parameters.items()), "Asked for")


def _cell_value(column: Column, cell: Cell) -> Cell:
    if column.type is ColumnType.TIMESTAMP and isinstance(cell, int | float):
        return time_text(cell)
    if column.type is ColumnType.BYTES and isinstance(cell, int | float):
        return format_bytes(cell)
    if column.type is ColumnType.DURATION and isinstance(cell, int | float):
        return format_duration(cell)
    return cell


def _plain(value: object) -> Cell:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
