"""What is kept of jobs and journal: the newest, nothing that is still needed, and never half of one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.settings import RuntimeSettings
from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.database import open_database
from quarterdeck.runtime.jobs.artefacts import work_folder
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.retention import Kept, Retention, kept
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.jobs import JobResult, JobState

REQUEST = JobRequest("train", "demo", "model.train", "demo/model/a", {}, {})
DAY = 86_400.0


class Bench:
    def __init__(self, paths: InstancePaths, database: sqlite3.Connection) -> None:
        self.now = 1000 * DAY
        self.paths = paths
        self.database = database
        self.queue = JobQueue(database, lambda: self.now)
        self.journal = Journal(database, lambda: self.now)
        self.limits = Kept(0, 0.0, 0, 0.0)
        self.gone: list[str] = []
        self.retention = Retention(database, paths, lambda: self.now, lambda: self.limits, self.gone.extend)

    def job(self, after: tuple[int, ...] = (), *, ended: bool = True) -> int:
        number = self.queue.submit(structs.replace(REQUEST, after=after), 1)
        folder = self.paths.artefacts / str(number)
        folder.mkdir(parents=True)
        (folder / "result.csv").write_text("x")
        work_folder(self.paths, number).mkdir(parents=True)
        logs = self.paths.logs / "jobs"
        logs.mkdir(parents=True, exist_ok=True)
        for name in (f"{number}.1.log", f"{number}.1.log.1"):
            (logs / name).write_text("x")
        if ended:
            claimed = self.queue.claim(lambda _lane, _running: True, 100)
            assert claimed is not None and claimed.job == number
            self.queue.keep_datasets(number, ["core/dataset/air"])
            self.queue.finish(number, claimed.token, JobResult(number, claimed.token, JobState.SUCCEEDED))
        return number

    def entry(self, *, open: bool = False) -> int:
        number = self.journal.begin("ann", "node.ping", "demo/node/n", "allowed")
        if not open:
            self.journal.finish(number, "done")
        return number

    def settle(self) -> None:
        while self.retention.step():
            pass

    def jobs(self) -> list[int]:
        return [row["number"] for row in self.database.execute("SELECT number FROM job ORDER BY number")]

    def entries(self) -> list[int]:
        return [row["entry"] for row in self.database.execute("SELECT entry FROM journal ORDER BY entry")]


@pytest.fixture
def bench(home: Path) -> Iterator[Bench]:
    paths = instance_paths({"QUARTERDECK_HOME": str(home)})
    paths.state_folder.mkdir(parents=True)
    database = open_database(paths.database)
    yield Bench(paths, database)
    database.close()


def test_the_newest_jobs_are_kept_and_of_the_others_nothing_is_left(bench: Bench) -> None:
    numbers = [bench.job() for _ in range(50)]
    bench.limits = Kept(3, 0.0, 0, 0.0)
    bench.settle()
    assert bench.jobs() == numbers[-3:]
    assert sorted(bench.gone) == sorted(f"core/job/{number}" for number in numbers[:-3])
    assert {each.name for each in bench.paths.artefacts.iterdir()} == {str(number) for number in numbers[-3:]}
    assert {each.name for each in bench.paths.spool.iterdir()} == {str(number) for number in numbers[-3:]}
    logs = {each.name.partition(".")[0] for each in (bench.paths.logs / "jobs").iterdir()}
    assert logs == {str(number) for number in numbers[-3:]}
    for table, column in (("job_event", "job"), ("job_dataset", "job")):
        left = {row[0] for row in bench.database.execute(f"SELECT {column} FROM {table}")}
        assert left == set(numbers[-3:])
    assert bench.database.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(NotFoundError):
        bench.queue.record(numbers[0])
    assert bench.job() == numbers[-1] + 1


def test_old_jobs_go_and_live_ones_stay(bench: Bench) -> None:
    old = bench.job()
    live = bench.job(ended=False)
    bench.now += 10 * DAY
    bench.queue.request_cancel(live)
    young = bench.job()
    waiting = bench.job(ended=False)
    bench.limits = Kept(0, 5.0, 0, 0.0)
    bench.settle()
    assert bench.jobs() == [live, young, waiting] and old not in bench.jobs()
    bench.now += 10 * DAY
    bench.settle()
    assert bench.jobs() == [waiting]


def test_a_job_stays_while_one_that_came_after_it_does(bench: Bench) -> None:
    first = bench.job()
    second = bench.job((first,))
    third = bench.job((first,))
    bench.limits = Kept(1, 0.0, 0, 0.0)
    bench.settle()
    assert bench.jobs() == [first, third] and second not in bench.jobs()
    bench.job()
    bench.settle()
    assert first not in bench.jobs() and len(bench.jobs()) == 1


def test_a_job_stays_while_the_one_that_started_it_runs(bench: Bench) -> None:
    parent = bench.job(ended=False)
    claimed = bench.queue.claim(lambda _lane, _running: True, 100)
    assert claimed is not None
    child = bench.job()
    bench.database.execute("INSERT INTO job_child VALUES (?, 'k', 1, ?)", (parent, child))
    bench.job()
    bench.limits = Kept(1, 0.0, 0, 0.0)
    bench.settle()
    assert child in bench.jobs()
    bench.queue.finish(parent, claimed.token, JobResult(parent, claimed.token, JobState.SUCCEEDED))
    bench.settle()
    assert child not in bench.jobs() and parent not in bench.jobs()


def test_the_newest_entries_are_kept(bench: Bench) -> None:
    numbers = [bench.entry() for _ in range(1200)]
    bench.limits = Kept(0, 0.0, 100, 0.0)
    bench.settle()
    assert bench.entries() == numbers[-100:]
    assert len(bench.gone) == 1100 and bench.gone[0] == "core/journal/1"
    assert bench.entry() == numbers[-1] + 1
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        bench.database.execute("DELETE FROM journal")


def test_old_entries_go_up_to_one_that_is_still_needed(bench: Bench) -> None:
    numbers = [bench.entry() for _ in range(3)]
    number = bench.entry(open=True)
    later = [bench.entry() for _ in range(3)]
    bench.now += 30 * DAY
    young = bench.entry()
    bench.limits = Kept(0, 0.0, 0, 7.0)
    bench.settle()
    assert bench.entries() == [number, *later, young] and numbers[0] not in bench.entries()
    bench.journal.finish(number, "done")
    bench.settle()
    assert bench.entries() == [young]
    bench.now += 30 * DAY
    bench.settle()
    assert bench.entries() == [] and bench.entry() == young + 1


def test_without_limits_everything_is_kept(bench: Bench) -> None:
    bench.job()
    bench.entry()
    bench.now += 10_000 * DAY
    bench.settle()
    assert (bench.jobs(), bench.entries(), bench.gone) == ([1], [1], [])


def test_the_settings_say_what_is_kept() -> None:
    assert kept(RuntimeSettings()) == Kept(10_000, 0.0, 100_000, 0.0)
    assert kept(RuntimeSettings(keep_jobs=5, keep_jobs_days=1.5, keep_journal=7, keep_journal_days=2)) == Kept(
        5, 1.5, 7, 2
    )
