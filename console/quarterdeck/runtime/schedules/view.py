"""Schedules as resources of the kind `schedule`, and as documents."""

from collections.abc import Sequence

from quarterdeck.runtime.schedules.conflicts import Conflict
from quarterdeck.runtime.schedules.rules import (
    Misfire,
    clock_change_notes,
    moment_text,
    next_time,
    next_times,
    parse_rule,
    rule_words,
)
from quarterdeck.runtime.schedules.schedule_store import Overlap, Schedule, ScheduleRun
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.documents import Block, Document, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Health, Link, Resource

SCHEDULE_COLUMNS = (
    Column("rule", "Rule"),
    Column("zone", "Zone"),
    Column("next", "Next", ColumnType.TIMESTAMP),
    Column("last", "Last", ColumnType.TIMESTAMP),
    Column("last_outcome", "Last outcome"),
    Column("action", "Action"),
    Column("target", "Target"),
)

_HONESTY = (
    "Schedules run only while the runtime runs. Enabled schedules keep it running, but after a reboot nothing runs until the runtime is started "
    "again, unless its service is installed: `quarterdeck runtime install`."
)
_INSTALLED = "Schedules run while the runtime runs; its service is installed and starts it with the machine."

#: Of what happened at earlier times, so many lines are shown.
_SHOWN_RUNS = 25

_BAD_OUTCOMES = ("failed", "dead", "refused", "unknown", "cancelled")
_MISFIRE_WORDS = {
    Misfire.SKIP: "is left out",
    Misfire.ONCE: "is made up for once, however many there were",
    Misfire.ALL: "is made up for, up to {} of them",
}
_OVERLAP_WORDS = {
    Overlap.REFUSE: "refused while an earlier one lives",
    Overlap.ALLOW: "queued beside earlier ones",
}


def honesty(installed: bool) -> str:
    """What every screen and command about schedules has to say; `installed`: the runtime starts with the machine."""
    return _INSTALLED if installed else _HONESTY


def schedule_resource(schedule: Schedule, conflicts: Sequence[Conflict] = ()) -> Resource:
    """A schedule as a resource; times that are not known are empty."""
    try:
        upcoming = next_time(schedule.when(), schedule.handled)
        broken = ""
    except UsageError as error:
        upcoming, broken = None, error.message
    health, state, reason = _condition(schedule, upcoming, broken)
    if conflicts and health is Health.OK:
        health, reason = Health.DEGRADED, conflicts[0].sentence(schedule.zone)
    off = {"schedule.enable": "it is enabled"} if schedule.enabled else {"schedule.disable": "it is disabled"}
    links = [Link("target", target) for target in schedule.targets]
    links += [Link("job", job) for job in schedule.last_job.split()]
    return Resource(
        str(schedule.address),
        f"{schedule.name} {schedule.created}",
        health,
        state,
        reason,
        schedule.last if health is Health.DEGRADED and schedule.last else schedule.changed,
        (
            schedule.rule,
            schedule.zone,
            upcoming if schedule.enabled else None,
            schedule.last or None,
            schedule.last_outcome,
            schedule.action,
            ", ".join(schedule.targets),
        ),
        links=tuple(links),
        actions_off=off,
    )


def schedule_blocks(
    schedule: Schedule,
    now: float,
    runs: Sequence[ScheduleRun] = (),
    conflicts: Sequence[Conflict] = (),
    installed: bool = False,
) -> list[Block]:
    """What a schedule will do: when, how it goes about missed times and live jobs, what it requests, and what happened at earlier times."""
    try:
        shown = preview_document(schedule.rule, schedule.zone, now, schedule.created, conflicts, installed)
        blocks: list[Block] = list(shown.blocks)
    except UsageError as error:
        blocks = [TextBlock(f"{error.message}\n{error.remedy}", title="The rule cannot be read")]
    manner = (
        Fact("A missed time", _MISFIRE_WORDS[schedule.misfire].format(schedule.misfire_limit)),
        Fact("A further job", _OVERLAP_WORDS[schedule.overlap]),
    )
    blocks.append(FactsBlock(manner, "Manner"))
    asked = {**schedule.parameters, **schedule.settings}
    if asked:
        blocks.append(FactsBlock(tuple(Fact(name, str(value)) for name, value in asked.items()), "Asked for"))
    if runs:
        blocks.append(_history(schedule, runs))
    return blocks


def _history(schedule: Schedule, runs: Sequence[ScheduleRun]) -> Block:
    rows = tuple(
        (
            moment_text(run.due, schedule.zone) if run.due else "",
            run.occasion.value,
            moment_text(run.time, schedule.zone),
            run.target,
            run.outcome,
            run.job,
            run.detail,
        )
        for run in runs[:_SHOWN_RUNS]
    )
    return TableBlock(("Due", "Occasion", "Requested", "On", "Outcome", "Job", "Detail"), rows, "What happened")


def preview_document(
    rule: str, zone: str, now: float, anchor: float, conflicts: Sequence[Conflict] = (), installed: bool = False
) -> Document:
    """A rule in words, its next five times with UTC offset, what changes of the clocks do to it, and what it comes into the way of.

    Raises UsageError.
    """
    read = parse_rule(rule, zone, anchor)
    words = rule_words(read, zone)
    times = tuple((moment_text(time, zone), moment_text(time, "UTC")) for time in next_times(read, now))
    blocks: list[Block] = [FactsBlock((Fact("Rule", rule), Fact("Zone", zone), Fact("In words", words)))]
    blocks.append(TableBlock(("Local time", "UTC"), times, "Next times"))
    if notes := clock_change_notes(read, now):
        blocks.append(TextBlock("\n".join(notes), title="When the clocks change"))
    if conflicts:
        blocks.append(TextBlock("\n".join(each.sentence(zone) for each in conflicts), title="Conflicts"))
    blocks.append(TextBlock(honesty(installed)))
    return Document(f"{words[:1].upper()}{words[1:]}", tuple(blocks))


def _condition(schedule: Schedule, upcoming: float | None, broken: str) -> tuple[Health, str, str]:
    if broken:
        return Health.FAILED, "broken", broken
    if not schedule.enabled:
        return Health.STOPPED, "disabled", ""
    state = "enabled" if upcoming is not None else "finished"
    if (
        schedule.claimed
    ):  # Requesting is short and changes no health: whoever follows healths is spared two changes for each time.
        state = "requesting"
    if schedule.last_outcome in _BAD_OUTCOMES:
        detail = f": {schedule.last_detail}" if schedule.last_detail else ""
        return Health.DEGRADED, state, f"its last request was {schedule.last_outcome}{detail}"
    return (Health.OK if upcoming is not None else Health.STOPPED), state, ""
