"""Which jobs and findings stand on the deck."""

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.tui.deck_layout import shared_lines
from quarterdeck.tui.deck_rows import (
    MOST_ENDED,
    ProcessRates,
    ahead,
    ahead_first,
    finding_target,
    findings,
    recent_first,
    recent_jobs,
)
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health, Resource


def job(number: int, state: str, since: float = 0.0) -> Resource:
    return Resource(f"core/job/{number}", str(number), Health.OK, state, since=since)


def test_running_jobs_come_first_then_the_newest_that_ended() -> None:
    jobs = [job(1, "running"), job(2, "failed", 9.0), job(3, "succeeded", 5.0), job(4, "queued"), job(10, "running")]
    shown = sorted(recent_jobs(jobs).values(), key=recent_first)
    assert [each.name for each in shown] == ["10", "1", "2", "3"]


def test_old_jobs_are_left_to_their_own_pane() -> None:
    jobs = [job(number, "succeeded", float(number)) for number in range(50)]
    assert set(recent_jobs(jobs)) == {f"core/job/{number}" for number in range(50 - MOST_ENDED, 50)}


def test_faults_of_plugins_and_backends_are_findings_with_a_remedy() -> None:
    plugins = [
        PluginStatus("good", "good", "1", PluginPhase.READY),
        PluginStatus("off", "off", "1", PluginPhase.DISABLED),
        PluginStatus("bad", "bad", "1", PluginPhase.TIMEOUT, "it hangs", "repair it"),
    ]
    backends = [BackendState("a", "t", "p", "A", "ready"), BackendState("b", "t", "p", "B", "failed", "no", "look")]
    found = findings(plugins, backends)
    assert [(finding_target(each), each.reason, each.cells[3]) for each in found.values()] == [
        ("core/plugin/bad", "it hangs", "repair it"),
        ("b", "no", "look"),
    ]


def row(kind: str, name: str, health: Health = Health.OK) -> Resource:
    return Resource(f"core/{kind}/{name}", name, health, health.value)


def test_what_goes_on_by_itself_begins_with_what_is_not_well_and_goes_on_with_what_comes_next() -> None:
    shown = ahead(
        [(row("process", "small"), {"running": 2, "wanted": 3}), (row("process", "large", Health.FAILED), {})],
        [(row("schedule", "late"), {"next": 20.0, "action": "model.forecast", "target": "ainode/model/arima"})],
        [
            (row("controller", "drift"), {"on": True, "next": 10.0, "sentence": "nothing new"}),
            (row("controller", "off"), {"on": False, "next": 1.0}),
        ],
        {"small": "frames 30/s"},
    )
    assert [(each.name, each.cells) for each in sorted(shown.values(), key=ahead_first)] == [
        ("large", ("process", "", None)),
        ("small", ("process", "2 of 3 run  frames 30/s", None)),
        ("drift", ("controller", "nothing new", 10.0)),
        ("late", ("schedule", "model.forecast ainode/model/arima", 20.0)),
    ]


def test_a_process_does_what_its_instances_do_together() -> None:
    rates = ProcessRates()
    samples = [("stage", "frames", 10.0, "1/s"), ("stage.2", "frames", 12.0, "1/s"), ("stage.2", "depth", 3.0, "1")]
    rates.take([MetricSample(f"core/instance/{at}", name, value, 1.0, unit) for at, name, value, unit in samples])
    rates.take([MetricSample("core/instance/stage", "frames", 20.0, 2.0, "1/s")])
    assert rates.texts() == {"stage": "frames 32/s"}


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(0, 80))
def test_lines_are_shared_with_the_most_important_first(rows: list[int], room: int) -> None:
    lines = shared_lines(room, rows)
    assert sum(lines) <= room and all(count != 1 for count in lines)
    assert all(count <= wanted + 1 for count, wanted in zip(lines, rows, strict=True))
    assert all((count > 0) <= (wanted > 0) for count, wanted in zip(lines, rows, strict=True))
    shown = [count > 0 for count, wanted in zip(lines, rows, strict=True) if wanted]
    assert shown == sorted(shown, reverse=True), "what is left out is less important than all that is shown"
    if sum(wanted + 1 for wanted in rows if wanted) <= room:
        assert lines == [wanted + 1 if wanted else 0 for wanted in rows]


def test_the_smallest_terminal_shows_findings_backends_and_jobs() -> None:
    assert shared_lines(9, [2, 4, 20, 5]) == [3, 2, 2, 2]
