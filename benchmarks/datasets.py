"""Import and export of large files by the real program: seconds and the worker's peak memory, beside reading the same CSV with pyarrow alone.

    python benchmarks/datasets.py [--rows 10000000] [--columns 3] [--rounds 3]

Each import has an instance of its own, so that its worker is a new process; what is measured is its peak resident memory as the kernel has it
(VmHWM, Linux only). The same rows are imported in the order of their times, and shuffled.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from installed import committed_tree, installed_quarterdeck
from measure import Sample, clean_environment, column, fresh_home, interleave, ratio, save, summary

_FLOOR = """
import sys
from pathlib import Path
import pyarrow.csv
rows = sum(batch.num_rows for batch in pyarrow.csv.open_csv(sys.argv[1]))
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(rows, peak)
"""


def write_file(path: Path, rows: int, columns: int) -> None:
    """A CSV file of times ten seconds apart and random numbers with four decimals."""
    chance = random.Random(1)
    numbers = [f"{chance.gauss(100, 15):.4f}" for _ in range(100_003)]
    start, step = datetime(2000, 1, 1), timedelta(seconds=10)
    with path.open("w") as file:
        file.write("time," + ",".join(f"y{number}" for number in range(columns)) + "\n")
        for row in range(rows):
            cells = (numbers[(row * (place + 1) + place) % len(numbers)] for place in range(columns))
            file.write(f"{start + row * step},{','.join(cells)}\n")


def shuffle(source: Path, target: Path) -> None:
    """The same rows in another order, below the same header."""
    header, *rows = source.read_bytes().splitlines(keepends=True)
    random.Random(2).shuffle(rows)
    with target.open("wb") as file:
        file.write(header)
        file.writelines(rows)


def peak_megabytes(pid: int) -> float:
    """The largest resident memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def floor(interpreter: str, file: Path) -> Callable[[], Sample]:
    """pyarrow reads the file in a stream, and keeps nothing."""

    def run() -> Sample:
        start = time.perf_counter()
        said = subprocess.run([interpreter, "-c", _FLOOR, str(file)], check=True, capture_output=True, text=True)
        return {"seconds": time.perf_counter() - start, "peak_mb": int(said.stdout.split()[1]) / 1024}

    return run


def transfer(
    quarterdeck: str, environment: dict[str, str], file: Path, exported: Path | None = None
) -> Callable[[], Sample]:
    """Imports the file in a new instance; with `exported` also exports the dataset, and that is what counts."""

    def command(*words: str) -> str:
        done = subprocess.run([quarterdeck, *words], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    def run() -> Sample:
        try:
            start = time.perf_counter()
            command("dataset", "import", str(file), "--time", "time", "--name", "measured", "--json")
            if exported is not None:
                start = time.perf_counter()
                command("dataset", "export", "measured", str(exported), "--force", "--json")
            seconds = time.perf_counter() - start
            (worker,) = json.loads(command("runtime", "status", "--json"))["workers"]
            return {"seconds": seconds, "peak_mb": peak_megabytes(worker["pid"])}
        finally:
            subprocess.run([quarterdeck, "runtime", "stop"], env=environment, capture_output=True, check=False)
            shutil.rmtree(environment["QUARTERDECK_HOME"], ignore_errors=True)

    return run


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--columns", type=int, default=3)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()

    program = installed_quarterdeck()
    quarterdeck, interpreter = str(program), str(program.with_name("python"))
    home = fresh_home()
    environment = {**clean_environment(home / "home"), "QUARTERDECK_HOME": str(home / "i")}
    ordered, shuffled = home / "ordered.csv", home / "shuffled.csv"
    try:
        write_file(ordered, given.rows, given.columns)
        shuffle(ordered, shuffled)
        os.sync()
        scenarios: dict[str, Callable[[], Sample]] = {
            "pyarrow.csv alone": floor(interpreter, ordered),
            "import": transfer(quarterdeck, environment, ordered),
            "import, shuffled": transfer(quarterdeck, environment, shuffled),
            "export to CSV": transfer(quarterdeck, environment, ordered, home / "out.csv"),
            "export to Parquet": transfer(quarterdeck, environment, ordered, home / "out.parquet"),
        }
        taken = interleave(scenarios, given.rounds, lambda line: print(line, file=sys.stderr))
    finally:
        shutil.rmtree(home, ignore_errors=True)

    alone = column(taken["pyarrow.csv alone"], "seconds")
    print(
        f"| {given.rows:,} rows, {given.columns} columns | s: median / p95 (min) | ratio to its floor | peak RSS MB |"
    )
    print("|---|---|---|---|")
    for name, samples in taken.items():
        seconds = column(samples, "seconds")
        memory = statistics.median(column(samples, "peak_mb"))
        print(f"| {name} | {summary(seconds, 1.0)} | {ratio(seconds, alone):.2f} | {memory:.0f} |")
    print(f"raw results: {save('datasets', taken, committed_tree())}")


if __name__ == "__main__":
    main()
