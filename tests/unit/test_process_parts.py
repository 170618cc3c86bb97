"""What is kept of processes, what is known of an instance, and what is shown of both."""

from pathlib import Path

import pytest

from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.processes.decisions import Act, Limits
from quarterdeck.runtime.processes.guarded_process import exit_reason
from quarterdeck.runtime.processes.instance import Instance
from quarterdeck.runtime.processes.process_store import KEPT_EVENTS, ProcessStore
from quarterdeck.runtime.processes.records import InstanceRecord, ProcessRecord
from quarterdeck.runtime.processes.usage import Usage
from quarterdeck.runtime.processes.view import instance_resource, last_lines, process_resource
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.processes import DesiredState, ProcessReport, ProcessSpec, ProcessState
from quarterdeck_api.resources import Health
from quarterdeck_api.worker_protocol import ChildExited

SPEC = ProcessSpec("one", "a.b", "a", "plant", {"x": [1, {"y": None}]}, count=2)
LIMITS = Limits(beats=True, ready_timeout=30.0, heartbeat_timeout=10.0)


def test_everything_is_there_again_after_the_runtime(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database = open_database(path)
    store = ProcessStore(database, lambda: 5.0)
    store.save(ProcessRecord(SPEC, 1.5))
    record = InstanceRecord("one", 2, "token", "guard", 3.5, 4, 7, 9.25, True, "it fell")
    store.save_instance(record, "started")
    store.set_desired("one", DesiredState.STOPPED)
    store.note("one", "stop", "by somebody")
    database.close()
    database = open_database(path)
    again = ProcessStore(database, lambda: 6.0)
    assert again.get("one").spec.desired is DesiredState.STOPPED
    assert again.get("one").spec.parameters == SPEC.parameters
    assert again.instance("one", 2) == record
    assert again.instance("one", 1) == InstanceRecord("one", 1)
    assert [(each.time, each.instance, each.event) for each in again.events("one")] == [
        (5.0, 2, "started"),
        (5.0, 0, "stop"),
    ]
    again.forget("one")
    assert not again.all()
    assert not again.events("one")
    with pytest.raises(NotFoundError, match="there is no process 'one'"):
        again.get("one")
    database.close()


def test_history_is_bounded_for_each_process(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state.db")
    store = ProcessStore(database, lambda: 0.0)
    store.save(ProcessRecord(SPEC, 0.0))
    store.note("two", "kept")
    for number in range(KEPT_EVENTS + 50):
        store.note("one", f"event {number}")
    events = store.events("one")
    assert len(events) == KEPT_EVENTS
    assert events[-1].event == f"event {KEPT_EVENTS + 49}"
    assert [each.event for each in store.events("two")] == ["kept"]
    database.close()


class Running(Instance):
    """An instance behind a guard that is none."""

    def __init__(self, number: int = 1, limits: Limits = LIMITS) -> None:
        super().__init__(InstanceRecord("one", number, "token", "guard", 10.0), limits)
        self.wanted = True
        self.began(_Guarded())  # type: ignore[arg-type]


class _Guarded:
    identity = None


def test_silence_counts_only_while_the_host_could_have_heard() -> None:
    instance = Running()
    instance.passes(100.0, host_ready=False)
    assert instance.decide(20.0).act is Act.NOTHING
    assert instance.state(20.0) is ProcessState.STARTING
    instance.reported(ProcessReport("one.1", True, Health.UNKNOWN, "starting"))
    assert instance.state(20.0) is ProcessState.STARTING
    instance.reported(ProcessReport("one.1", True, Health.OK))
    assert instance.state(20.0) is ProcessState.RUNNING
    instance.passes(100.0, host_ready=False)
    assert instance.decide(20.0).act is Act.NOTHING
    instance.passes(11.0, host_ready=True)
    assert instance.decide(20.0).act is Act.STOP
    instance.reported(ProcessReport("one.1", True, Health.OK))
    assert instance.decide(20.0).act is Act.NOTHING


def test_what_is_found_again_is_presumed_to_run_until_it_is_heard_of() -> None:
    instance = Running()
    instance.found_again(_Guarded())  # type: ignore[arg-type]
    assert (instance.state(20.0), instance.health) == (ProcessState.RUNNING, Health.UNKNOWN)
    instance.reported(ProcessReport("one.1", True, Health.UNKNOWN, "starting"))
    assert instance.state(20.0) is ProcessState.STARTING  # It had only just been started.
    instance.found_again(_Guarded())  # type: ignore[arg-type]
    instance.reported(ProcessReport("one.1", True, Health.OK))
    instance.reported(ProcessReport("one.1", True, Health.UNKNOWN, "who knows"))
    assert instance.state(20.0) is ProcessState.RUNNING
    instance.found_again(_Guarded())  # type: ignore[arg-type]
    instance.passes(11.0, host_ready=True)
    assert instance.decide(20.0).act is Act.STOP


def test_a_connection_that_is_lost_is_no_word_of_health() -> None:
    instance = Running()
    instance.reported(ProcessReport("one.1", True, Health.DEGRADED, "cold"))
    instance.reported(ProcessReport("one.1", False))
    assert (instance.connected, instance.health, instance.message) == (False, Health.DEGRADED, "cold")


def test_a_program_is_ready_once_it_has_lived_a_moment() -> None:
    instance = Running(limits=Limits(beats=False, ready_timeout=30.0, heartbeat_timeout=10.0))
    instance.passes(0.5, host_ready=False)
    assert not instance.ready
    instance.passes(0.6, host_ready=False)
    assert instance.running


def test_what_stays_about_the_same_is_not_shown_anew() -> None:
    instance = Running()
    assert instance.used(Usage(100_000_000, 1.0), 0.5)
    assert not instance.used(Usage(103_000_000, 2.0), 0.51)
    assert instance.shown_memory == 100_000_000
    assert instance.used(Usage(105_000_000, 3.0), 0.51)
    assert (instance.shown_memory, instance.shown_cpu) == (105_000_000, 0.5)
    assert instance.used(Usage(105_000_000, 3.0), 0.6)
    assert instance.shown_cpu == 0.6


def test_a_process_is_as_well_as_its_worst_instance() -> None:
    record = ProcessRecord(SPEC, 0.0)
    first, second = Running(1), Running(2)
    first.reported(ProcessReport("one.1", True, Health.OK, "fine"))
    second.reported(ProcessReport("one.2", True, Health.OK, "fine"))
    shown = process_resource(record, [first, second], 20.0)
    assert (shown.health, shown.state, shown.reason, shown.cells[3:5]) == (Health.OK, "running", "", (2, 2))
    second.reported(ProcessReport("one.2", True, Health.DEGRADED, "cold"))
    shown = process_resource(record, [first, second], 20.0)
    assert (shown.health, shown.reason) == (Health.DEGRADED, "one.2: cold")
    second.ended()
    second.record = InstanceRecord("one", 2, failures=5, crash_loop=True, reason="it fell")
    shown = process_resource(record, [first, second], 20.0)
    assert (shown.health, shown.state, shown.cells[3]) == (Health.FAILED, "crash-loop", 1)
    assert shown.reason == "one.2: it ended soon after each of its last 5 starts; the last time it fell"
    row = instance_resource(record, second, 20.0)
    assert row.actions_off == {"process.control": "it does not run: it is crash-loop"}
    assert row.parent == "core/process/one"


@pytest.mark.parametrize(
    ("exited", "reason"),
    [
        (None, "its guard was killed, and the process with it"),
        (ChildExited(3), "it ended by itself with exit code 3"),
        (ChildExited(-9), "it was ended by SIGKILL"),
        (ChildExited(-250), "it was ended by signal 250"),
        (ChildExited(0, reason="alone"), "it was stopped because the runtime was gone"),
        (ChildExited(-15, reason="stop"), "it was stopped"),
    ],
)
def test_ends_have_reasons(exited: ChildExited | None, reason: str) -> None:
    assert exit_reason(exited) == reason


def test_last_lines_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert last_lines(path) == []
    path.write_bytes(b"\xff broken\n" + b"".join(b"line %d\n" % number for number in range(10_000)))
    assert last_lines(path, 2) == ["line 9998", "line 9999"]
