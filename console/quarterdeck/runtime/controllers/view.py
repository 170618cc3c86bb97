"""Controllers as resources of the kind `controller`, and as documents."""

from msgspec.structs import replace

from quarterdeck.runtime.controllers.controller_store import ControllerRecord
from quarterdeck.runtime.journal import redact
from quarterdeck_api.catalogue import Column, ColumnType, ControllerInfo
from quarterdeck_api.documents import Block, Fact, FactsBlock, TextBlock
from quarterdeck_api.resources import Cell, Health, Resource

CONTROLLER_COLUMNS = (
    Column("backend", "Backend"),
    Column("type", "Controller"),
    Column("on", "On", ColumnType.BOOLEAN),
    Column("interval", "Interval", ColumnType.DURATION),
    Column("last", "Last look", ColumnType.TIMESTAMP),
    Column("decision", "Decision"),
    Column("sentence", "Why"),
    Column("next", "Next look", ColumnType.TIMESTAMP),
    Column("looks", "Looks", ColumnType.INTEGER),
    Column("acts", "Acts", ColumnType.INTEGER),
)

#: What every description of a controller has to say.
AT_MOST_ONCE = (
    "Each look is made at most once: one that is cut off, by the end of the runtime or of the plugin's host, is not made again before its next time, "
    "and what it had requested by then stands in the journal. Enabled controllers keep the runtime running; after a reboot they look again once it is "
    "started."
)


def controller_resource(record: ControllerRecord, info: ControllerInfo, why_not: str) -> Resource:
    """A controller as a resource; `why_not` is why its backend cannot be looked at now."""
    health, state, reason = _condition(record, why_not)
    off = {"controller.enable": "it is on"} if record.enabled else {"controller.disable": "it is off"}
    upcoming = record.next_look if record.enabled and not record.looking else None
    return Resource(
        str(record.address),
        record.name,
        health,
        state,
        reason,
        cells=(
            record.backend,
            info.id,
            record.enabled,
            record.interval or info.interval,
            record.last or None,
            record.decision,
            record.sentence,
            upcoming or None,
            record.looks,
            record.acts,
        ),
        actions_off=off,
    )


def controller_blocks(record: ControllerRecord, info: ControllerInfo) -> list[Block]:
    """What a controller is, and how it is set; secrets are references, and are shown as such are: not at all."""
    blocks: list[Block] = [FactsBlock((Fact("Title", info.title), Fact("What it does", info.summary)), "Controller")]
    settings = redact(record.parameters, info.parameters)
    properties = info.parameters.get("properties", {})
    facts = [Fact(name, _plain(settings.get(name, each.get("default")))) for name, each in properties.items()]
    facts.append(Fact("dangerous actions", "confirmed once for all" if record.confirmed else "not confirmed"))
    blocks += [FactsBlock(tuple(facts), "Settings"), TextBlock(AT_MOST_ONCE)]
    return blocks


def _condition(record: ControllerRecord, why_not: str) -> tuple[Health, str, str]:
    """A look is short and changes no health: whoever follows healths is spared two changes for each."""
    if record.looking:
        health, _, reason = _condition(replace(record, looking=0.0), why_not)
        return health, "looking", reason
    if not record.enabled:
        return Health.STOPPED, "off", ""
    if why_not:
        return Health.UNKNOWN, "waiting", why_not
    if record.decision == "failed":
        return Health.FAILED, "failing", record.sentence
    return Health.OK, "on", ""


def _plain(value: object) -> Cell:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
