"""Fixtures that several unit suites use."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_api.errors import JobCancelledError
from quarterdeck_api.jobs import DatasetLocation, JobSpec


class FakeContext:
    """A JobContext that keeps what it is told; with `cancel_at` it is cancelled when progress reaches that fraction."""

    def __init__(self, spec: JobSpec, folder: Path) -> None:
        self.spec = spec
        self.cancelled = False
        self.cancel_at = 2.0
        self.steps: list[str] = []
        self.lines: list[str] = []
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self.artefacts: dict[str, str] = {}
        self._folder = folder

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise JobCancelledError("cancelled")

    def step(self, name: str) -> None:
        self.steps.append(name)

    def progress(self, fraction: float, message: str = "") -> None:
        assert 0 <= fraction <= 1
        self.fractions.append(fraction)
        self.messages.append(message)
        self.cancelled = self.cancelled or fraction >= self.cancel_at

    def log(self, line: str) -> None:
        self.lines.append(line)

    def checkpoint(self, value: object) -> None:
        raise AssertionError("these jobs have no checkpoint")

    def artefact(self, name: str, media_type: str, title: str = "") -> Path:
        self.artefacts[name] = media_type
        return self._folder / name

    def dataset(self, address: str) -> DatasetLocation:
        return self.spec.datasets[address]

    def open(self) -> object:
        raise AssertionError("these jobs open no backend")

    def map(
        self, function: Callable[[Any], Any], items: Any, on_done: Callable[[int, int], None] | None = None
    ) -> list[Any]:
        """Sends every item and result through pickle, as the pool of processes does."""
        wanted, results = list(items), list[Any]()
        for number, item in enumerate(wanted, 1):
            self.raise_if_cancelled()
            results.append(_sent(function(_sent(item))))
            if on_done is not None:
                on_done(number, len(wanted))
        self.raise_if_cancelled()
        return results


def _sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - it was pickled in this line.


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., FakeContext]:
    """Makes a job's context for a model and a series: values or a frame, with start and frequency, or with times of its own."""
    import numpy as np
    import pandas as pd

    def build(
        model: str,
        values: Any,
        settings: dict[str, Any] | None = None,
        *,
        frequency: str = "MS",
        times: Any = None,
        time_zone: str = "",
        **parameters: Any,
    ) -> FakeContext:
        frame = values if isinstance(values, pd.DataFrame) else pd.DataFrame({"value": np.asarray(values, dtype=float)})
        index = pd.date_range("1949-01-01", periods=len(frame), freq=frequency) if times is None else times
        columns = tuple(str(column) for column in frame.columns)
        path = tmp_path / "series.parquet"
        frame.assign(time=index).to_parquet(path, index=False)
        location = DatasetLocation(
            "core/dataset/x", str(path), "time", frequency, time_zone, columns, columns[0], len(frame), ""
        )
        spec = JobSpec(
            1, 1, 1, "ainode.job", "", "ainode", "", {}, f"ainode/model/{model}",
            {"dataset": "x", **parameters}, settings or {}, {"x": location}, "", "", str(tmp_path),
        )  # fmt: skip
        return FakeContext(spec, tmp_path)

    return build
