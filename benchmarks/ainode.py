"""The plugin `ainode` on real clusters of IoTDB, with our own AINode in them; each part beside its floor, in the same run.

    python benchmarks/ainode.py [--only forecast models data polling] [--rounds 100] [--rows 10000000] [--clusters 5] [--seconds 60]

`forecast`: forecasts through SQL beside the same fit and predict in this process; sessions at once; joining; equal numbers. `models`: AutoARIMA of
statsforecast beside pmdarima's. `data`: series into datasets and back, beside IoTDB's own session. `polling`: what watching clusters costs.
Needs the server that `bash tests/servers/iotdb.sh install` makes, and the plugin in this environment. Each part keeps its raw results.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

from ainode_data import measure_data
from ainode_forecast import measure_forecasts
from ainode_models import WINDOWS, measure_models
from ainode_polling import measure_polling
from installed import committed_tree, installed_quarterdeck
from measure import Sample, percentile, save

PARTS = ("forecast", "models", "data", "polling")


def main() -> None:
    """Measures, prints a table for each part, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments.add_argument("--rounds", type=int, default=100, help="forecasts of each kind")
    arguments.add_argument("--windows", type=int, default=WINDOWS)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--data-rounds", type=int, default=3)
    arguments.add_argument("--clusters", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=60.0, help="of watching, with the console open and closed")
    given = arguments.parse_args()
    parts: Mapping[str, Callable[[], dict[str, list[Sample]]]] = {
        "forecast": lambda: measure_forecasts(installed_quarterdeck(), given.rounds),
        "models": lambda: measure_models(given.windows),
        "data": lambda: measure_data(installed_quarterdeck(), given.rows, given.data_rounds),
        "polling": lambda: measure_polling(installed_quarterdeck(), given.clusters, given.seconds),
    }
    for name in given.only:
        print(f"{name} …", file=sys.stderr)
        taken = parts[name]()
        show(taken)
        print(f"raw results: {save(f'ainode_{name}', taken, committed_tree())}")


def show(taken: Mapping[str, Sequence[Sample]]) -> None:
    """The figures of a part as a table."""
    print("| scenario | figure | n | median | p95 |\n|---|---|---|---|---|")
    for scenario, samples in taken.items():
        for key in samples[0]:
            values = [sample[key] for sample in samples]
            median, high = statistics.median(values), percentile(values, 0.95)
            print(f"| {scenario} | {key} | {len(values)} | {median:.4g} | {high:.4g} |")


if __name__ == "__main__":
    main()
