"""The worker program, with this test as its guard."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.host_protocol import JOB_CANCEL, JOB_ENDED, JOB_PROGRESS, JOB_START, JobNumber
from quarterdeck_api.jobs import JobSpec, JobState
from quarterdeck_api.spool import read_result
from quarterdeck_api.wire import LineReader, Message, Method, decode_message, decode_value, encode_message, encode_value
from quarterdeck_api.worker_protocol import WORKER_FD_VARIABLE, WORKER_READY

SAMPLE = Path(__file__).parent.parent / "plugins" / "jobs_sample"
PATIENCE = 60.0


class Worker:
    """A worker process and the three ends that its guard holds."""

    def __init__(self, *arguments: str) -> None:
        self.connection, theirs = socket.socketpair()
        self.connection.settimeout(PATIENCE)
        self._lines = LineReader()
        self._waiting: list[Message] = []
        command = [sys.executable, "-P", "-m", "quarterdeck_api.worker", "--plugin", "sample", "--path", str(SAMPLE)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, WORKER_FD_VARIABLE: str(theirs.fileno())},
            pass_fds=[theirs.fileno()],
            cwd="/",
        )
        theirs.close()

    def send(self, method: Method[Any, Any], params: Any) -> None:
        self.connection.sendall(encode_message(Message(method=method.name, params=encode_value(params))))

    def next(self, method: Method[Any, Any]) -> Any:
        """The next message of a method; others are passed over."""
        while True:
            while self._waiting:
                message = self._waiting.pop(0)
                if message.method == method.name:
                    return decode_value(message.params, method.params)
            data = self.connection.recv(65536)
            assert data, f"the worker ended: {self.output()}"
            self._waiting += [decode_message(line) for line in self._lines.feed(data)]

    def output(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()

    def end_life(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@pytest.fixture
def start_worker(home: Path) -> Iterator[Any]:
    workers: list[Worker] = []

    def start(*arguments: str) -> Worker:
        workers.append(Worker(*arguments))
        return workers[-1]

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
        worker.connection.close()
        for pipe in (worker.process.stdin, worker.process.stdout):
            assert pipe is not None
            pipe.close()


def spec(folder: Path, function: str, job: int = 1) -> JobSpec:
    return JobSpec(
        job=job,
        token=job + 100,
        attempt=1,
        job_type=f"sample.{function}",
        implementation=f"sample_jobs:{function}",
        backend="sample",
        backend_factory="",
        backend_settings={},
        address="sample/model/one",
        parameters={},
        settings={},
        datasets={},
        lease_path="",
        log_path="",
        spool_folder=str(folder / f"{job}.{job + 100}"),
    )


def test_it_is_ready_after_its_imports_and_runs_jobs_in_turn(start_worker: Any, tmp_path: Path) -> None:
    worker = start_worker("--preload", "sample_jobs,decimal")
    ready = worker.next(WORKER_READY)
    assert ready.pid == worker.process.pid
    for job in (1, 2):
        worker.send(JOB_START, spec(tmp_path, "where", job))
    assert [worker.next(JOB_ENDED) for _ in range(2)] == [JOB_ENDED.params(1, 101), JOB_ENDED.params(2, 102)]
    result = read_result(tmp_path / "2.102", 102)
    assert result is not None and result.value is not None
    assert result.value.data == {"pid": worker.process.pid, "imports": 1, "folder": str(tmp_path / "2.102")}


def test_a_module_that_cannot_be_preloaded_is_said_and_does_not_end_it(start_worker: Any, tmp_path: Path) -> None:
    worker = start_worker("--preload", "no_such_module_anywhere")
    worker.next(WORKER_READY)
    worker.send(JOB_START, spec(tmp_path, "where"))
    worker.next(JOB_ENDED)
    worker.end_life()
    assert "no_such_module_anywhere" in worker.output()


@pytest.mark.parametrize("how", ["life", "socket"])
def test_it_ends_with_its_guard_even_during_a_job(start_worker: Any, tmp_path: Path, how: str) -> None:
    worker = start_worker()
    worker.send(JOB_START, spec(tmp_path, "wait"))
    worker.next(JOB_PROGRESS)
    if how == "life":
        worker.end_life()
    else:
        worker.connection.shutdown(socket.SHUT_RDWR)
    assert worker.process.wait(PATIENCE) == 1


def test_the_first_cancel_asks_and_the_second_ends(start_worker: Any, tmp_path: Path) -> None:
    worker = start_worker()
    worker.send(JOB_START, spec(tmp_path, "wait"))
    worker.send(JOB_CANCEL, JobNumber(1, 100))  # Of an older attempt: not meant.
    worker.next(JOB_PROGRESS)
    worker.send(JOB_CANCEL, JobNumber(1, 101))
    worker.next(JOB_ENDED)
    result = read_result(tmp_path / "1.101", 101)
    assert result is not None and result.state is JobState.CANCELLED
    worker.send(JOB_START, spec(tmp_path, "stubborn", 2))
    grandchild = int(worker.next(JOB_PROGRESS).message)
    worker.send(JOB_CANCEL, JobNumber(2, 102))
    worker.send(JOB_CANCEL, JobNumber(2, 102))
    assert worker.process.wait(PATIENCE) == 128 + signal.SIGTERM
    os.kill(grandchild, signal.SIGKILL)


def test_a_job_cancelled_while_it_waits_for_imports_is_not_begun(start_worker: Any, tmp_path: Path) -> None:
    worker = start_worker("--preload", "sample_jobs")
    worker.send(JOB_START, spec(tmp_path, "where"))
    worker.send(JOB_CANCEL, JobNumber(1, 101))
    worker.next(JOB_ENDED)
    result = read_result(tmp_path / "1.101", 101)
    assert result is not None and result.state in (JobState.CANCELLED, JobState.SUCCEEDED)


def test_standard_input_of_a_job_is_empty(start_worker: Any, tmp_path: Path) -> None:
    worker = start_worker()
    worker.send(JOB_START, spec(tmp_path, "ask"))
    worker.next(JOB_ENDED)
    result = read_result(tmp_path / "1.101", 101)
    assert result is not None and result.value is not None
    assert result.value.data == {"input": ""}


def test_a_result_that_cannot_be_stored_ends_the_worker(start_worker: Any, tmp_path: Path) -> None:
    (tmp_path / "1.101").write_text("in the way", encoding="utf-8")
    worker = start_worker()
    worker.send(JOB_START, spec(tmp_path, "where"))
    assert worker.process.wait(PATIENCE) == 1
    assert "1.101" in worker.output()
