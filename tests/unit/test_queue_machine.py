"""The job queue in random orders of everything that can happen, against the few things that must always hold."""

import random
import sqlite3
from itertools import chain

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.rows import Claim
from quarterdeck.runtime.schema import MIGRATIONS
from quarterdeck_api.errors import QuarterdeckError, RefusedError
from quarterdeck_api.jobs import JobResult, JobState
from queue_bench import ERROR, REQUEST, Clock, events


class QueueMachine(RuleBasedStateMachine):
    """Random orders of everything that can happen, against the few things that must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.latest = self.clock.now
        self.database = sqlite3.connect(":memory:")
        self.claimed: list[Claim] = []
        self.current: dict[int, int] = {}

    @initialize()
    def open(self) -> None:
        self.database.close()
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.row_factory = sqlite3.Row
        for statement in chain.from_iterable(MIGRATIONS):
            self.database.execute(statement)
        self.queue = JobQueue(self.database, self.clock, random.Random(3))

    def jobs(self) -> list[int]:
        return [row["number"] for row in self.database.execute("SELECT number FROM job")]

    @rule(
        key=st.sampled_from(["", "", "a", "b"]),
        priority=st.integers(-2, 2),
        after=st.lists(st.integers(1, 5), max_size=3),
        attempts=st.integers(1, 3),
        delay=st.sampled_from([0.0, 0.0, 20.0]),
        plugin=st.sampled_from(["p", "q"]),
    )
    def submit(self, key: str, priority: int, after: list[int], attempts: int, delay: float, plugin: str) -> None:
        known = self.jobs()
        live = self.queue.live_job(key)
        wanted = structs.replace(
            REQUEST, key=key, priority=priority, after=tuple(each for each in after if each in known), plugin=plugin
        )
        try:
            self.queue.submit(wanted, attempts, self.clock.now + delay if delay else 0.0)
        except RefusedError as refused:
            assert live is not None or wanted.after
            assert refused.address in {f"core/job/{each}" for each in (live, *wanted.after)}
        else:
            assert live is None

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        found = self.queue.claim(lambda _, running: running < limit, 3)
        if found is not None:
            assert found.token > self.current.get(found.job, 0)
            # A job whose time has come stays claimable when the clock is set back.
            assert found.record.not_before <= self.latest
            assert all("succeeded" in events(self.queue, before) for before in found.record.after)
            self.current[found.job] = found.token
            self.claimed.append(found)

    @precondition(lambda self: self.claimed)
    @rule(
        data=st.data(),
        state=st.sampled_from([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]),
        retry=st.booleans(),
    )
    def finish(self, data: st.DataObject, state: JobState, retry: bool) -> None:
        self.end(
            data,
            lambda it: self.queue.finish(
                it.job, it.token, JobResult(it.job, it.token, state, error=ERROR, retry=retry)
            ),
        )

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), blameless=st.booleans())
    def lose(self, data: st.DataObject, blameless: bool) -> None:
        self.end(data, lambda it: self.queue.lose(it.job, it.token, ERROR, blameless=blameless))

    def end(self, data: st.DataObject, act: object) -> None:
        attempt = data.draw(st.sampled_from(self.claimed))
        before = self.queue.record(attempt.job)
        valid = before.state is JobState.RUNNING and before.attempt == attempt.token
        assert callable(act)
        assert act(attempt) is valid
        after = self.queue.record(attempt.job)
        if valid:
            assert after.state is not JobState.RUNNING
        else:
            assert after == before

    @rule(number=st.integers(1, 8))
    def cancel(self, number: int) -> None:
        if number in self.jobs():
            before = self.queue.summary(number).state
            now = self.queue.request_cancel(number)
            assert now is (JobState.CANCELLED if before is JobState.QUEUED else before)

    @rule(number=st.integers(1, 8))
    def retry(self, number: int) -> None:
        try:
            self.queue.retry(number)
        except QuarterdeckError:
            return
        assert self.queue.summary(number).state is JobState.QUEUED

    @rule(seconds=st.sampled_from([0.5, 5.0, 400.0, -3.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.latest = max(self.latest, self.clock.now)

    @invariant()
    def every_job_ends_once(self) -> None:
        if not hasattr(self, "queue"):
            return
        for number in self.jobs():
            record = self.queue.record(number)
            ended = [each for each in record.history if each.event in ("succeeded", "failed", "cancelled", "dead")]
            revived = [each for each in record.history if each.event == "retried"]
            assert len(ended) == len(revived) + (1 if record.state.final else 0)
            started = [each.attempt for each in record.history if each.event == "started"]
            assert started == list(range(1, record.attempt + 1))
            assert bool(record.ended) is record.state.final
            assert record.attempt <= record.max_attempts

    @invariant()
    def a_key_has_at_most_one_live_job(self) -> None:
        if not hasattr(self, "queue"):
            return
        held = [
            row["n"]
            for row in self.database.execute(
                "SELECT count(*) AS n FROM job WHERE key <> '' AND state IN ('queued', 'running') GROUP BY key"
            )
        ]
        assert all(count == 1 for count in held)

    @invariant()
    def nothing_waits_behind_a_gate_for_ever(self) -> None:
        if not hasattr(self, "queue"):
            return
        stuck = self.database.execute(
            "SELECT count(*) AS n FROM job WHERE state = 'queued' AND gate = 'after' AND NOT EXISTS (SELECT 1 FROM job_after "
            "JOIN job AS before ON before.number = job_after.before "
            "WHERE job_after.job = job.number AND before.state IN ('queued', 'running'))"
        ).fetchone()["n"]
        assert stuck == 0

    def teardown(self) -> None:
        self.database.close()


TestQueueMachine = QueueMachine.TestCase


TestQueueMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
