"""How many lines of a followed log the console takes in a second, and what memory that costs; beside `cat` of the same lines, in one run.

    python benchmarks/logs.py [--lines 1000000] [--rounds 3]

The benchmark appends numbered lines to a log that the console follows on a pseudo-terminal, never more than a second's worth ahead of what the
screen shows, so that no line may be skipped. Memory is the console's resident set once its view is full, and at the end.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from installed import committed_tree, installed_quarterdeck
from measure import Sample, clean_environment, column, fresh_home, interleave, ratio, save, summary
from terminal_session import TerminalSession

_SHOWN = re.compile(rb"line (\d{9})")
#: Lines written at once, and how many may be on their way: less than the runtime holds for a slow reader.
_CHUNK = 2_000
_AHEAD = 40_000
#: Lines after which the console's view is full.
_FULL = 100_000
#: Seconds without any news after which the console has lost lines.
_PATIENCE = 10.0


def _line(number: int) -> str:
    return f"line {number:09d} epoch {number % 50} loss 0.{number % 10_000:04d}\n"


def _chunks(count: int) -> Iterator[tuple[int, str]]:
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        yield end, "".join(map(_line, range(start, end)))


def _highest(data: bytes, before: int) -> int:
    return max((int(found) for found in _SHOWN.findall(data)), default=before)


def console(quarterdeck: str, environment: dict[str, str], log: Path, count: int) -> Sample:
    """Lines a second that the console follows, and its memory in MB."""
    log.write_text("begin\n", encoding="utf-8")
    with TerminalSession([quarterdeck], environment, 120, 40) as session, log.open("a", encoding="utf-8") as file:
        session.wait_for_output(r"\[1 deck\]", 60)
        session.wait_for(r"● ready", 60)
        session.send(b":core/runtime/runtime\r")
        session.wait_for("core/runtime/runtime", 30)
        session.send(b"l")
        session.wait_for("begin", 30)
        process, full = session.process(), 0.0
        started = time.perf_counter()
        shown = -1
        for end, text in _chunks(count):
            file.write(text)
            file.flush()
            while shown < end - _AHEAD:
                shown = _progress(session, shown)
            if not full and shown >= _FULL:
                full = process.memory_info().rss / 1e6
        while shown < count - 1:
            shown = _progress(session, shown)
        took = time.perf_counter() - started
        used = process.memory_info().rss / 1e6
        processor = process.cpu_times()
        session.send(b"/lines skipped")
        session.wait_for(
            r"\s0 lines", 30
        )  # The view still holds the last 50,000: none of them says that some were left out.
    return {
        "lines_per_second": count / took,
        "rss_full_mb": full,
        "rss_end_mb": used,
        "cpu_us_per_line": (processor.user + processor.system) / count * 1e6,
    }


def _progress(session: TerminalSession, shown: int) -> int:
    begin = len(session.raw)
    if session.read(_PATIENCE) <= 0:
        raise AssertionError(f"nothing came after line {shown}; the screen is:\n{session.text()}")
    while session.read(0.0) > 0:
        pass
    newest = _highest(bytes(session.raw[max(0, begin - 64) :]), shown)
    if len(session.raw) > 1 << 24:
        session.raw.clear()
    return newest


def cat(file: Path, environment: dict[str, str], count: int) -> Sample:
    """The floor: the same lines straight onto a pseudo-terminal."""
    with TerminalSession(["cat", str(file)], environment, 120, 40) as session:
        shown, last = -1, count - 1
        while shown < last:
            begin = len(session.raw)
            if session.read(_PATIENCE) < 0:
                break
            shown = _highest(bytes(session.raw[max(0, begin - 64) :]), shown)
            if len(session.raw) > 1 << 24:
                session.raw.clear()
        took = time.perf_counter() - session.started
    return {"lines_per_second": count / took}


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    quarterdeck = str(installed_quarterdeck())
    home = fresh_home()
    environment = {**clean_environment(home), "QUARTERDECK_HOME": str(home / "q")}
    lines = home / "lines"
    lines.write_text("".join(text for _, text in _chunks(given.lines)), encoding="utf-8")
    log = home / "q" / "state" / "logs" / "runtime.log"
    try:
        subprocess.run([quarterdeck, "runtime", "start"], env=environment, check=True, capture_output=True)
        taken = interleave(
            {
                "console": lambda: console(quarterdeck, environment, log, given.lines),
                "cat": lambda: cat(lines, environment, given.lines),
            },
            given.rounds,
            lambda line: print(line, file=sys.stderr),
        )
    finally:
        subprocess.run([quarterdeck, "runtime", "stop"], env=environment, check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
    path = save("logs", taken, committed_tree())
    floor = column(taken["cat"], "lines_per_second")
    for name, samples in taken.items():
        rates = column(samples, "lines_per_second")
        print(f"{name:8}  {summary(rates, 1.0)} lines/s  {ratio(rates, floor):.2f} of cat")
    for key in ("rss_full_mb", "rss_end_mb", "cpu_us_per_line"):
        print(f"console   {key}  {summary(column(taken['console'], key), 1.0)}")
    print(f"raw results: {path}")


if __name__ == "__main__":
    main()
