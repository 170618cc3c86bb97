"""Processes and instances as resources and documents."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from quarterdeck.runtime.processes.instance import Instance
from quarterdeck.runtime.processes.records import InstanceRecord, ProcessEvent, ProcessRecord, instance_name
from quarterdeck_api.documents import Block, Fact, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.processes import DesiredState, ProcessState
from quarterdeck_api.resources import CORE, Address, Cell, Health, Link, Resource
from quarterdeck_api.wire import encode_value

#: Lines of a log that a document shows.
SHOWN_LINES = 20
_TAIL_BYTES = 16 * 1024
_HEALTH = {
    ProcessState.STARTING: Health.BUSY,
    ProcessState.DRAINING: Health.BUSY,
    ProcessState.STOPPED: Health.STOPPED,
    ProcessState.BACKING_OFF: Health.DEGRADED,
    ProcessState.CRASH_LOOP: Health.FAILED,
}
#: From the worst to the best, as a process takes over the health of its instances.
_WORST_FIRST = (Health.FAILED, Health.DEGRADED, Health.UNKNOWN, Health.BUSY, Health.OK, Health.STOPPED)


def instance_address(name: str) -> str:
    """An instance's address."""
    return str(Address(CORE, "instance", name))


def instance_resource(record: ProcessRecord, instance: Instance, now: float) -> Resource:
    """An instance as a resource; memory and CPU are those that are shown, see `Instance.used`."""
    state = instance.state(now)
    alive = instance.guarded is not None
    cells: tuple[Cell, ...] = (
        record.spec.process_type,
        record.spec.backend,
        instance.pid or None,
        instance.record.started if alive and instance.record.started else None,
        instance.record.restarts,
        rounded(instance.shown_memory) if alive else None,
        round(instance.shown_cpu, 2) if alive else None,
        instance.message,
    )
    return Resource(
        instance_address(instance.name),
        instance.name,
        _health(instance, state),
        state.value,
        _reason(instance, state),
        cells=cells,
        parent=record.address,
        actions_off={} if alive else {"process.control": f"it does not run: it is {state.value}"},
    )


def process_resource(record: ProcessRecord, instances: Sequence[Instance], now: float) -> Resource:
    """A process as a resource, as well as its worst instance."""
    spec = record.spec
    states = [instance.state(now) for instance in instances]
    runs = spec.desired is DesiredState.RUNNING
    found = {_health(instance, state) for instance, state in zip(instances, states, strict=True)}
    health = next((each for each in _WORST_FIRST if each in found), Health.BUSY if runs else Health.STOPPED)
    running = sum(instance.running for instance in instances)
    if running < spec.count and runs and health is Health.OK:
        health = Health.BUSY
    worst = next((each for each in instances if _health(each, each.state(now)) is health), None)
    reason = _reason(worst, worst.state(now)) if worst is not None else ""
    many = len(instances) > 1
    memory = sum(each.shown_memory for each in instances)
    cells: tuple[Cell, ...] = (
        spec.process_type,
        spec.backend,
        "removed" if record.removed else spec.desired.value,
        running,
        spec.count,
        sum(each.record.restarts for each in instances),
        rounded(memory) if memory else None,
        round(sum(each.shown_cpu for each in instances), 2) if memory else None,
        worst.message if worst is not None else "",
    )
    links = [Link("instance", instance_address(each.name)) for each in instances]
    off = {"process.stop": "it is stopped"} if not runs else {}
    if not any(each.guarded is not None for each in instances):
        off["process.control"] = "no instance runs"
    return Resource(
        record.address,
        spec.name,
        health,
        _word(states, runs),
        f"{worst.name}: {reason}" if many and worst is not None and reason else reason,
        cells=cells,
        links=tuple(links),
        actions_off=off,
    )


def process_blocks(
    record: ProcessRecord,
    instances: Sequence[Instance],
    events: Sequence[ProcessEvent],
    now: float,
    logs: dict[str, Path],
) -> list[Block]:
    """What a process was given, its instances, their last lines when they do not stay up, and its history."""
    blocks: list[Block] = []
    if record.spec.parameters:
        facts = tuple(Fact(name, _plain(value)) for name, value in record.spec.parameters.items())
        blocks.append(FactsBlock(facts, "Given"))
    rows = tuple(
        (
            each.name,
            each.state(now).value,
            each.pid or None,
            each.record.restarts,
            each.message or _reason_now(each, now),
        )
        for each in instances
    )
    blocks.append(TableBlock(("Instance", "State", "PID", "Restarts", "About"), rows, "Instances"))
    for instance in instances:
        if instance.record.failures:
            blocks += log_blocks(instance.name, logs[instance.name])
    return [*blocks, *history_blocks(record.spec.name, events)]


def instance_blocks(instance: Instance, events: Sequence[ProcessEvent], log: Path) -> list[Block]:
    """An instance's last lines and its history."""
    own = [event for event in events if event.instance in (0, instance.record.number)]
    return [*log_blocks(instance.name, log), *history_blocks(instance.record.process, own)]


def log_blocks(name: str, path: Path) -> list[Block]:
    """The last lines of a log; nothing when there are none."""
    lines = last_lines(path)
    return [TextBlock("\n".join(lines), title=f"Last lines of {name}")] if lines else []


def history_blocks(process: str, events: Sequence[ProcessEvent]) -> list[Block]:
    """What happened to a process, the newest first."""
    rows = tuple(
        (
            datetime.fromtimestamp(event.time).astimezone().isoformat(sep=" ", timespec="seconds"),
            instance_name(process, event.instance) if event.instance else process,
            event.event,
            event.detail,
        )
        for event in reversed(events)
    )
    return [TableBlock(("Time", "Of", "Event", "Detail"), rows, "History")] if rows else []


def last_lines(path: Path, count: int = SHOWN_LINES) -> list[str]:
    """The last lines of a file, none when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def rounded(size: int) -> int:
    """A size in bytes to about three digits of its binary unit."""
    step = 1 << max(0, size.bit_length() - 6)
    return round(size / step) * step


def failed_to_stay(record: InstanceRecord) -> str:
    """Why an instance is not started any more."""
    return f"it ended soon after each of its last {record.failures} starts; the last time {record.reason}"


def _health(instance: Instance, state: ProcessState) -> Health:
    if state is ProcessState.RUNNING:
        return instance.health if instance.limits.beats else Health.OK
    return _HEALTH[state]


def _reason(instance: Instance, state: ProcessState) -> str:
    if state is ProcessState.RUNNING and instance.presumed_ready and instance.limits.beats:
        return "it has not been heard of since the runtime started"
    if state is ProcessState.RUNNING:
        return instance.message if instance.health not in (Health.OK, Health.BUSY) else ""
    if state is ProcessState.CRASH_LOOP:
        return failed_to_stay(instance.record)
    if state is ProcessState.BACKING_OFF:
        return instance.blocked or instance.record.reason
    if state is ProcessState.DRAINING and instance.stop_decision is not None:
        return instance.stop_decision.reason
    return ""


def _reason_now(instance: Instance, now: float) -> str:
    return _reason(instance, instance.state(now))


def _word(states: Sequence[ProcessState], runs: bool) -> str:
    """One word for all instances: the most urgent one's."""
    order = (
        ProcessState.CRASH_LOOP,
        ProcessState.BACKING_OFF,
        ProcessState.DRAINING,
        ProcessState.STARTING,
        ProcessState.RUNNING,
    )
    found = next((each for each in order if each in states), None)
    return (found or (ProcessState.STARTING if runs else ProcessState.STOPPED)).value


def _plain(value: object) -> Cell:
    return (
        value if isinstance(value, str | int | float | bool) or value is None else bytes(encode_value(value)).decode()
    )
