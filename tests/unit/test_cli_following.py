"""Following a job to its end, and carrying out a request: against a session that a test plays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from quarterdeck.cli import following
from quarterdeck.cli.doing import Manner, carry_out
from quarterdeck.client.blocking import Notification
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import ErrorReport, ExitCode, UnreachableError
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import (
    DO,
    JOB_GET,
    WATCH_DELTA,
    WATCH_SNAPSHOT,
    CatalogueResult,
    Delta,
    DoParams,
    DoResult,
    JobRecord,
    Outcome,
    SnapshotChunk,
)
from quarterdeck_api.resources import Health, Resource

COLUMNS = (Column("progress", "Progress", ColumnType.FRACTION), Column("message", "Message"))


def job(state: str, fraction: float = 0.0) -> Resource:
    return Resource("core/job/7", "7", Health.BUSY, state, cells=(fraction, "fitting"))


def snapshot(*rows: Resource) -> Notification:
    return Notification(WATCH_SNAPSHOT.name, SnapshotChunk(1, 1, rows, len(rows), True, True))


def delta(*rows: Resource) -> Notification:
    return Notification(WATCH_DELTA.name, Delta(1, 2, rows, ()))


class PlayedSession:
    """Gives the notifications that a test wrote; an exception among them is raised."""

    def __init__(self, *script: Notification | BaseException, outcome: Outcome | None = None) -> None:
        self.script = list(script)
        self.outcome = outcome or Outcome("ainode/model/x", "accepted", job="core/job/7")
        self.state = JobState.SUCCEEDED
        self.asked: list[tuple[str, Any]] = []

    def call(self, method: Any, params: Any, timeout: float = 0.0, *, changes_something: bool = False) -> Any:
        self.asked.append((method.name, params))
        if method is DO:
            return DoResult((self.outcome,) * max(len(params.addresses), 1))
        if method is JOB_GET:
            return JobRecord(7, "core/job/7", "f", "ainode", "model.forecast", "", self.state, 1.0, result={"mae": 1})
        return None

    def catalogue(self) -> CatalogueResult:
        core = Catalogue(PluginInfo("core", "Core", "1", "1.0"), kinds=(KindInfo("job", "Jobs", COLUMNS),))
        return CatalogueResult((PluginStatus("core", "quarterdeck", "1", PluginPhase.READY, catalogue=core),), ())

    def notifications(self, timeout: float | None = None) -> Iterator[Notification]:
        while self.script:
            item = self.script.pop(0)
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        self.script.clear()


def follow(session: PlayedSession) -> tuple[JobRecord, list[following.Advance]]:
    heard: list[following.Advance] = []
    return following.follow_job(session, "core/job/7", heard.append), heard  # type: ignore[arg-type]


def test_a_job_is_followed_from_its_snapshot_through_deltas_to_its_record() -> None:
    found, heard = follow(
        PlayedSession(snapshot(job("queued")), delta(job("running", 0.5)), delta(job("succeeded", 1)))
    )
    assert found.state is JobState.SUCCEEDED
    assert [advance.state.value for advance in heard] == ["queued", "running", "succeeded"]
    assert heard[1] == following.Advance(JobState.RUNNING, 0.5, "fitting")


def test_a_job_that_is_no_longer_mirrored_is_asked_for() -> None:
    found, heard = follow(PlayedSession(snapshot()))
    assert found.job == 7 and not heard


def test_a_lost_runtime_is_connected_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    second = PlayedSession(snapshot(job("succeeded", 1)))
    monkeypatch.setattr(following, "open_session", lambda client: second)
    found, _ = follow(PlayedSession(snapshot(job("running")), UnreachableError("the connection ended")))
    assert found.state is JobState.SUCCEEDED and ("job.get", following.JobParams(7)) in second.asked


def test_a_runtime_that_stays_lost_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "open_session", lambda client: PlayedSession(UnreachableError("gone")))
    with pytest.raises(UnreachableError):
        follow(PlayedSession(UnreachableError("gone")))


def run(session: PlayedSession, request: DoParams, manner: Manner) -> int:
    return carry_out(session, request, manner)  # type: ignore[arg-type]


def test_json_is_one_document_for_one_address_and_a_list_for_several(capsys: pytest.CaptureFixture[str]) -> None:
    session = PlayedSession(snapshot(job("succeeded")))
    assert run(session, DoParams("model.forecast", ("ainode/model/x",)), Manner(as_json=True)) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["address"] == "core/job/7" and document["result"] == {"mae": 1}
    session = PlayedSession(snapshot(job("succeeded")), snapshot(job("succeeded")))
    run(session, DoParams("model.forecast", ("a/model/x", "a/model/y")), Manner(as_json=True))
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_without_waiting_only_the_address_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    session = PlayedSession(KeyboardInterrupt())
    assert run(session, DoParams("model.forecast"), Manner(no_wait=True)) == ExitCode.DONE
    assert capsys.readouterr().out == "core/job/7\n"


@pytest.mark.parametrize("cancel", [False, True])
def test_an_interrupt_detaches_or_cancels(capsys: pytest.CaptureFixture[str], cancel: bool) -> None:
    session = PlayedSession(snapshot(job("running")), KeyboardInterrupt())
    assert run(session, DoParams("model.forecast"), Manner(cancel_on_interrupt=cancel)) == ExitCode.INTERRUPTED
    assert capsys.readouterr().out == "core/job/7\n"
    asked = [params.action for name, params in session.asked if name == "do"]
    assert asked == (["model.forecast", "job.cancel"] if cancel else ["model.forecast"])


def test_failures_decide_the_exit_code_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    session = PlayedSession(snapshot(job("failed")))
    session.state = JobState.FAILED
    assert run(session, DoParams("model.forecast"), Manner()) == ExitCode.FAILED
    refused = Outcome("a/b/c", "refused", error=ErrorReport("refused", "it has to be confirmed", "add --yes"))
    assert run(PlayedSession(outcome=refused), DoParams("dataset.remove"), Manner()) == ExitCode.REFUSED
    written = capsys.readouterr()
    assert "it has to be confirmed" in written.err and "add --yes" in written.err and "confirmed" not in written.out
