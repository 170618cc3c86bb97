"""Maps on a real Dask cluster of this machine; without the package `distributed` only the sentence about that is tested."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.dask_pool import DaskPool
from quarterdeck_api.errors import JobCancelledError, UnreachableError, UsageError

SAMPLE = Path(__file__).parent.parent / "plugins" / "map_sample"
needs_distributed = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="pip install 'quarterdeck-api[dask]' runs these"
)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    import distributed

    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        preload=f"import sys; sys.path.insert(0, {str(SAMPLE)!r})",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SAMPLE))
    import map_sample

    return map_sample


def test_without_the_package_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="package distributed is not installed"):
        DaskPool("tcp://127.0.0.1:1").map(abs, [1])


@needs_distributed
def test_results_come_in_order_and_progress_is_told(scheduler: str, sample: Any) -> None:
    told: list[tuple[int, int]] = []
    assert DaskPool(scheduler).map(sample.square, range(50), on_done=lambda done, of: told.append((done, of))) == [
        number * number for number in range(50)
    ]
    assert told == [(number + 1, 50) for number in range(50)]
    assert DaskPool(scheduler).map(sample.square, []) == []


@needs_distributed
def test_an_exception_is_raised_as_it_is_and_names_its_item(scheduler: str, sample: Any) -> None:
    with pytest.raises(LookupError, match="no sevens") as caught:
        DaskPool(scheduler).map(sample.refuse_seven, range(20))
    assert "in item 8 of 20 of a map" in caught.value.__notes__


@needs_distributed
def test_a_cancelled_map_leaves_nothing_to_do(scheduler: str, sample: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(JobCancelledError):
        DaskPool(scheduler).map(sample.who, [0.2] * 500, cancelled=lambda: time.monotonic() > begun + 0.5)
    assert DaskPool(scheduler).map(sample.square, [3]) == [9]


@needs_distributed
def test_a_scheduler_that_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quarterdeck_api.dask_pool.CONNECT_TIMEOUT", 0.5)
    with pytest.raises(UnreachableError, match="does not answer"):
        DaskPool("tcp://127.0.0.1:9").map(abs, [1])
