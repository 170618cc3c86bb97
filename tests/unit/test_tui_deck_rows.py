"""Which jobs and findings stand on the deck."""

from quarterdeck.tui.deck_rows import MOST_ENDED, findings, recent_first, recent_jobs
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
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
    assert {address: (row.state, row.cells, row.reason) for address, row in found.items()} == {
        "core/plugin/bad": ("plugin timeout", ("repair it",), "it hangs"),
        "core/backend/b": ("failed", ("look",), "no"),
    }
