"""The context of a job, and how its end becomes a result."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from quarterdeck_api.backend import WatchContext
from quarterdeck_api.errors import (
    CallTimeoutError,
    JobCancelledError,
    QuarterdeckError,
    RefusedError,
    UnknownOutcomeError,
    UsageError,
)
from quarterdeck_api.host_protocol import JOB_CHECKPOINT, JobCheckpoint, JobProgress
from quarterdeck_api.import_string import load_object
from quarterdeck_api.job_context import FileLog
from quarterdeck_api.job_execution import execute, execute_coroutine
from quarterdeck_api.jobs import ArtefactFile, DatasetLocation, JobSpec, JobState, JobValue
from quarterdeck_api.wire import Method
from quarterdeck_api.worker_job import WorkerJob


class Bench:
    """A running job whose clock, timer, channel and log are in the test's hand."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.now = 0.0
        self.sent: list[Any] = []
        self.lines: list[str] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        values: dict[str, Any] = {
            "job": 1,
            "token": 7,
            "attempt": 1,
            "job_type": "sample.job",
            "implementation": "sample:job",
            "backend": "plant",
            "backend_factory": "",
            "backend_settings": {"nodes": ["a"]},
            "address": "plant/model/x",
            "parameters": {},
            "settings": {},
            "datasets": {},
            "lease_path": "",
            "log_path": "",
            "spool_folder": str(folder),
        }
        self.job = WorkerJob(
            JobSpec(**{**values, **changes}),
            channel=self,
            log=self,
            clock=lambda: self.now,
            later=lambda seconds, action: self.timers.append((seconds, action)),
        )

    def send(self, method: Method[Any, Any], params: Any) -> None:
        self.sent.append(params)

    def write(self, line: str) -> None:
        self.lines.append(line)

    def offset(self) -> int:
        return sum(len(line) + 1 for line in self.lines)

    def fractions(self) -> list[float]:
        return [params.fraction for params in self.sent if isinstance(params, JobProgress)]


class FakeBackend:
    """A backend that remembers whether it was closed."""

    opened: ClassVar[list["FakeBackend"]] = []

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name, self.settings, self.closed = name, settings, 0
        FakeBackend.opened.append(self)

    def watch(self, context: WatchContext) -> None:
        context.wait(0)

    def close(self) -> None:
        self.closed += 1
        raise RuntimeError("the connection was gone already")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_progress_is_coalesced_and_the_last_one_is_sent_when_the_time_comes(bench: Bench) -> None:
    for step in range(1, 10):
        bench.job.progress(step / 10)
    assert bench.fractions() == [0.1]
    ((seconds, action),) = bench.timers
    assert seconds == pytest.approx(0.05)
    bench.now = 0.05
    action()
    assert bench.fractions() == [0.1, 0.9]
    bench.now = 0.2
    bench.job.progress(0.95)
    assert bench.fractions() == [0.1, 0.9, 0.95]


def test_a_second_of_reports_gives_at_most_twenty_messages_and_one_more(bench: Bench) -> None:
    for step in range(1000):
        bench.now = step / 1000
        bench.job.progress(step / 1000)
        if bench.timers and bench.now >= 0.05 * len(bench.fractions()):
            bench.timers.pop()[1]()
    assert 10 <= len(bench.fractions()) <= 21


def test_the_last_progress_is_sent_at_the_end_and_nothing_after_it(bench: Bench) -> None:
    bench.job.progress(0.1)
    bench.job.progress(1.0, "done")
    bench.job.finish()
    assert bench.fractions() == [0.1, 1.0]
    bench.timers[0][1]()
    bench.job.progress(0.5)
    bench.job.checkpoint(1)
    bench.now = 9.0
    bench.job.step("late")
    assert bench.fractions() == [0.1, 1.0]


def test_progress_stays_between_zero_and_one(bench: Bench) -> None:
    bench.job.progress(-3)
    bench.now = 1.0
    bench.job.progress(7)
    assert bench.fractions() == [0.0, 1.0]


def test_a_step_comes_after_the_progress_before_it_with_the_logs_offset(bench: Bench) -> None:
    bench.job.progress(0.1)
    bench.job.progress(0.2)
    bench.job.log("abc")
    bench.job.step("fit")
    assert [(each.fraction, each.step, each.log_offset) for each in bench.sent] == [
        (0.1, "", 0),
        (0.2, "", 0),
        (-1.0, "fit", 4),
    ]


def test_a_checkpoint_is_a_json_value(bench: Bench) -> None:
    bench.job.checkpoint({"fold": 3})
    assert bench.sent == [JobCheckpoint(1, 7, {"fold": 3})]
    assert JOB_CHECKPOINT.params is JobCheckpoint
    with pytest.raises(UsageError, match="not a JSON value"):
        bench.job.checkpoint(object())


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "a\nb", "a\0b", "result.json", "result.json.new"]
)
def test_an_artefact_cannot_leave_its_folder_or_pose_as_the_result(bench: Bench, name: str) -> None:
    with pytest.raises(UsageError, match="artefact"):
        bench.job.artefact(name, "text/plain")


def test_artefacts_have_the_size_of_what_was_written(bench: Bench, tmp_path: Path) -> None:
    bench.job.artefact("a.csv", "text/csv", "A").write_bytes(b"12345")
    bench.job.artefact("never.csv", "text/csv")
    bench.job.artefact("link.csv", "text/csv").symlink_to("/etc/hostname")
    assert bench.job.finish() == (ArtefactFile("a.csv", "text/csv", "A", 5),)
    assert len(bench.lines) == 2


def test_only_datasets_of_the_parameters_can_be_read(tmp_path: Path) -> None:
    location = DatasetLocation("core/dataset/airline", "/p", "time", "MS", "", ("y",), "y", 144, "")
    job = Bench(tmp_path, datasets={"airline": location}).job
    assert job.dataset("airline") is location
    with pytest.raises(UsageError, match="it was given: airline"):
        job.dataset("core/dataset/other")


def test_the_backend_is_opened_once_and_closed_at_the_end(tmp_path: Path) -> None:
    FakeBackend.opened.clear()
    bench = Bench(tmp_path, backend_factory=f"{__name__}:FakeBackend")
    assert bench.job.open() is bench.job.open()
    (backend,) = FakeBackend.opened
    assert (backend.name, backend.settings, backend.closed) == ("plant", {"nodes": ["a"]}, 0)
    bench.job.finish()
    assert backend.closed == 1
    assert "the connection was gone already" in bench.lines[0]


def test_a_job_without_a_backend_cannot_open_one(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no backend"):
        bench.job.open()


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("json", "not an import string"),
        ("json:nothing", "no callable 'nothing'"),
        ("no_such_package.inner:f", "no module 'no_such_package.inner'"),
        ("json.no_such_module:f", "no module 'json.no_such_module'"),
    ],
)
def test_a_wrong_import_string_is_a_sentence(reference: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_object(reference)


def test_an_import_missing_inside_the_plugin_is_the_plugins_own_error(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "needs_missing.py").write_text("import a_library_that_is_missing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_missing"):
        load_object("needs_missing:f")


def test_map_keeps_the_order_and_stops_when_cancelled(bench: Bench) -> None:
    assert bench.job.map(lambda number: number * 2, range(3)) == [0, 2, 4]
    seen: list[int] = []

    def note(number: int) -> None:
        seen.append(number)
        if number == 1:
            bench.job.cancel()

    with pytest.raises(JobCancelledError):
        bench.job.map(note, range(5))
    assert seen == [0, 1]


def test_a_value_is_a_success_with_its_artefacts(bench: Bench) -> None:
    def run() -> JobValue:
        bench.job.artefact("a.txt", "text/plain").write_text("a", encoding="utf-8")
        return JobValue({"mae": 1.0})

    result = execute(bench.job, run)
    assert (result.state, result.value, len(result.artefacts)) == (JobState.SUCCEEDED, JobValue({"mae": 1.0}), 1)


@pytest.mark.parametrize(
    ("error", "state", "code", "retry"),
    [
        (UsageError("bad"), JobState.FAILED, "usage", False),
        (QuarterdeckError("bad"), JobState.FAILED, "failed", False),
        (RefusedError("bad"), JobState.FAILED, "refused", False),
        (UnknownOutcomeError("bad"), JobState.FAILED, "unknown-outcome", False),
        (CallTimeoutError("bad"), JobState.FAILED, "timeout", True),
        (ZeroDivisionError("bad"), JobState.FAILED, "failed", True),
        (SystemExit("bad"), JobState.FAILED, "failed", True),
        (JobCancelledError("bad"), JobState.CANCELLED, "cancelled", False),
    ],
)
def test_every_exception_becomes_a_result(
    bench: Bench, error: BaseException, state: JobState, code: str, retry: bool
) -> None:
    def run() -> JobValue:
        raise error

    result = execute(bench.job, run)
    assert (result.state, result.retry, result.error and result.error.code) == (state, retry, code)
    assert result.error and "bad" in result.error.message
    said = "".join(bench.lines)
    assert ("Traceback" in said) == (not isinstance(error, QuarterdeckError))
    assert ("bad" in said) == (state is JobState.FAILED)


@pytest.mark.parametrize(
    ("value", "sentence"), [(None, "NoneType instead of a JobValue"), (JobValue({"x": object()}), "not JSON")]
)
def test_a_value_that_cannot_be_stored_is_the_plugins_mistake(bench: Bench, value: object, sentence: str) -> None:
    result = execute(bench.job, lambda: value)
    assert result.state is JobState.FAILED and not result.retry
    assert result.error and sentence in result.error.message


def test_a_job_cancelled_before_it_begins_does_not_begin(bench: Bench) -> None:
    bench.job.cancel()
    result = execute(bench.job, lambda: pytest.fail("it began"))
    assert result.state is JobState.CANCELLED


def test_a_cancelled_coroutine_is_a_result_only_when_the_job_was_cancelled(tmp_path: Path) -> None:
    async def scenario(cancel_job: bool) -> Any:
        job = Bench(tmp_path).job

        async def forever() -> JobValue:
            await asyncio.Event().wait()
            return JobValue({})

        task = asyncio.create_task(execute_coroutine(job, forever))
        await asyncio.sleep(0)
        if cancel_job:
            job.cancel()
        task.cancel()
        return await task

    assert asyncio.run(scenario(True)).state is JobState.CANCELLED
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario(False))


def test_a_coroutines_value_and_error_are_results(bench: Bench, tmp_path: Path) -> None:
    async def good() -> JobValue:
        return JobValue({"n": 1})

    async def bad() -> JobValue:
        raise ValueError("broken")

    assert asyncio.run(execute_coroutine(bench.job, good)).value == JobValue({"n": 1})
    assert asyncio.run(execute_coroutine(Bench(tmp_path).job, bad)).retry


def test_the_hosts_log_knows_its_offset(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "jobs" / "1.log")
    log.write("one")
    log.write("zwölf \udc80")
    text = (tmp_path / "jobs" / "1.log").read_bytes()
    assert log.offset() == len(text)
    assert text.decode() == "one\nzwölf \\udc80\n"
    log.close()
