"""The worker pool as a library: order, failures, cancellation, and no process left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from quarterdeck_api.errors import JobCancelledError, UnreachableError, UsageError
from quarterdeck_api.worker_pool import ProcessPool

SAMPLE = Path(__file__).parent.parent / "plugins" / "map_sample"
PATIENCE = 60.0


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with the functions, importable here and in children."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    monkeypatch.setenv("MAP_CALLER", str(os.getpid()))
    import map_sample

    return map_sample


@pytest.fixture
def pool(home: Path) -> Iterator[ProcessPool]:
    with ProcessPool(3) as found:
        yield found


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_results_come_in_the_order_of_the_items(pool: ProcessPool, sample: Any) -> None:
    assert pool.map(sample.square, range(5000)) == [number * number for number in range(5000)]
    assert pool.map(sample.square, []) == []
    assert pool.map(sample.square, iter([3])) == [9]


def test_small_work_starts_no_process(pool: ProcessPool, sample: Any) -> None:
    pool.map(sample.square, range(1000))
    assert pool.children == []


def test_work_that_lasts_is_shared_and_the_children_stay_for_the_next_map(
    pool: ProcessPool, sample: Any, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    found: list[int] = []
    items = [str(go)] * 3  # Nobody ends before all three processes have one.
    mapping = threading.Thread(target=lambda: found.extend(pool.map(sample.wait_for, items)))
    mapping.start()
    _until(lambda: len(pool.children) == 2)
    children = pool.children
    go.touch()
    mapping.join(PATIENCE)
    assert set(found) <= {os.getpid(), *children} and len(found) == 3
    assert pool.children == children
    again = pool.map(sample.who, [0.1] * 12)
    assert pool.children == children and set(again) <= {os.getpid(), *children}


def test_an_exception_is_raised_as_it_is_and_names_its_item(pool: ProcessPool, sample: Any) -> None:
    with pytest.raises(LookupError, match="no sevens") as caught:
        pool.map(sample.refuse_seven, range(2000))
    assert "in item 8 of 2000 of a map: 7" in caught.value.__notes__
    assert pool.map(sample.square, range(10)) == [number * number for number in range(10)]


def test_an_exception_that_cannot_be_copied_still_says_what_it_said(pool: ProcessPool, sample: Any) -> None:
    with pytest.raises(Exception, match="never mind"):
        pool.map(sample.refuse_stubbornly, range(100))


def test_progress_is_told_in_order_up_to_the_end(pool: ProcessPool, sample: Any) -> None:
    told: list[tuple[int, int]] = []
    pool.map(sample.who, [0.02] * 40, on_done=lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (40, 40)


def test_a_cancelled_map_ends_its_busy_children(pool: ProcessPool, sample: Any, tmp_path: Path) -> None:
    def at_work() -> list[int]:
        return [int(path.name) for path in tmp_path.iterdir()]

    with pytest.raises(JobCancelledError):
        pool.map(sample.last_forever, [str(tmp_path)] * 100_000, cancelled=lambda: len(at_work()) == 2)
    assert len(at_work()) == 2
    _until(lambda: all(_gone(pid) for pid in at_work()))
    assert pool.children == []


def test_an_item_whose_process_was_killed_is_done_again(pool: ProcessPool, sample: Any, tmp_path: Path) -> None:
    items = [str(tmp_path / (f"{number}-deadly" if number % 10 == 9 else str(number))) for number in range(60)]
    assert pool.map(sample.die_once, items) == items


def test_an_item_that_kills_its_processes_ends_the_map_with_a_sentence(home: Path, sample: Any) -> None:
    with ProcessPool(2) as pool, pytest.raises(UnreachableError, match="ended with SIGKILL, 2 times"):
        pool.map(sample.die_always, range(100))


def test_what_cannot_be_sent_is_refused_with_a_sentence(pool: ProcessPool, sample: Any) -> None:
    with pytest.raises(UsageError, match="cannot be used in a map"):
        pool.map(lambda number: number, range(3))


def test_one_process_is_a_plain_loop(home: Path, sample: Any) -> None:
    with ProcessPool(1) as pool:
        assert pool.map(lambda number: number + 1, range(3)) == [1, 2, 3]
        assert pool.children == []


def test_children_without_work_end(home: Path, sample: Any) -> None:
    with ProcessPool(2, idle_seconds=0.05) as pool:
        pool.map(sample.who, [0.1] * 10)
        _until(lambda: not pool.children)


CALLER = """
import sys
sys.path.insert(0, {sample!r})
import map_sample
from quarterdeck_api.worker_pool import ProcessPool
pool = ProcessPool(3)
pool.map(map_sample.who, [3600.0] * 3)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_caller_however_it_ends(home: Path, how: signal.Signals) -> None:
    caller = subprocess.Popen([sys.executable, "-c", CALLER.format(sample=str(SAMPLE))])
    try:
        process = psutil.Process(caller.pid)
        _until(lambda: len(process.children()) == 2)
        children = [child.pid for child in process.children()]
    finally:
        caller.send_signal(how)
        caller.wait(PATIENCE)
    _until(lambda: all(_gone(pid) for pid in children))
