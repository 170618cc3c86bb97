"""What every benchmark shares: interleaved rounds, medians with p95, ratios to a floor of the same run, raw results on disk."""

import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Sample = dict[str, float]

#: How busy the machine was with other things when the benchmark was started.
_LOAD_BEFORE = os.getloadavg()[0]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def interleave(
    scenarios: Mapping[str, Callable[[], Sample]], rounds: int, report: Callable[[str], None]
) -> dict[str, list[Sample]]:
    """Runs every scenario once a round, so that a slow minute of the machine hits all alike; the first round is not counted."""
    taken: dict[str, list[Sample]] = {name: [] for name in scenarios}
    for number in range(rounds + 1):
        for name, scenario in scenarios.items():
            sample = scenario()
            if number:
                taken[name].append(sample)
            report(
                f"round {number}/{rounds} {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in sample.items())
            )
    return taken


def column(samples: Sequence[Sample], key: str) -> list[float]:
    """One figure of all samples."""
    return [sample[key] for sample in samples if key in sample]


def summary(values: Sequence[float], scale: float = 1000.0) -> str:
    """Median / p95 (minimum), scaled: seconds to milliseconds unless said otherwise."""
    if not values:
        return "-"
    median, high, low = statistics.median(values), percentile(values, 0.95), min(values)
    return f"{median * scale:.4g} / {high * scale:.4g} ({low * scale:.4g})"


def ratio(values: Sequence[float], floor: Sequence[float]) -> float:
    """The ratio of the medians."""
    return statistics.median(values) / statistics.median(floor)


def save(name: str, taken: Mapping[str, Sequence[Sample]], tree: str) -> Path:
    """Writes the raw results with what they were measured on: machine, load, and the hash of the measured tree."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    about = {
        "tree": tree,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load_before": _LOAD_BEFORE,
        "load_after": os.getloadavg()[0],
    }
    rounded = {
        scenario: [{key: float(f"{value:.5g}") for key, value in sample.items()} for sample in samples]
        for scenario, samples in taken.items()
    }
    lines = [f" {json.dumps(scenario)}: {json.dumps(samples)}" for scenario, samples in rounded.items()]
    path.write_text(f'{{"about": {json.dumps(about)},\n"samples": {{\n' + ",\n".join(lines) + "\n}}\n")
    return path


def clean_environment(home: Path) -> dict[str, str]:
    """An environment as on a fresh machine: own home, a colour terminal, bytecode compiled and written."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def fresh_home() -> Path:
    """An empty folder with a short path, to be an instance's or a user's home."""
    return Path(tempfile.mkdtemp(prefix="qdb-"))
