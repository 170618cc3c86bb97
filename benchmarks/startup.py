"""Start-up beside its floors and peers: `--version`, `get`, first frame, first real row; one interleaved run on a pseudo-terminal.

    python benchmarks/startup.py [--rounds 10] [--without-peers]

Measured is an installation of the committed tree with compiled bytecode. The instance is a fresh one. "Runtime up" means that a runtime serves it
already; "cold" that none runs, with the catalogue cached.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from installed import committed_tree, installed_quarterdeck, peer_program
from measure import Sample, clean_environment, column, fresh_home, interleave, ratio, save, summary
from terminal_session import TerminalSession

HERE = Path(__file__).parent

#: What a screen shows when it is there: the tabs and the deck's header; the deck's line of the embedded
#: backend, and the same once the backend is connected.
FRAME = r"1 deck[\s\S]*BACKEND"
ROW = r"ainode +[^ -~]+"
READY = r"ainode +[^ -~]+ ready"


def command(argv: list[str], environment: dict[str, str]) -> Callable[[], Sample]:
    """A whole command, from start to exit, and its processor time."""

    def run() -> Sample:
        before = os.times()
        start = time.perf_counter()
        subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.perf_counter() - start
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return {"exit": took, "cpu": used}

    return run


def screen(
    argv: list[str], environment: dict[str, str], marks: dict[str, str], keys: str = "q"
) -> Callable[[], Sample]:
    """A program on a terminal until each mark was written; then it is told to quit."""

    def run() -> Sample:
        with TerminalSession(argv, environment) as session:
            sample = {name: session.wait_for_output(pattern, 60) for name, pattern in marks.items()}
            session.settle(0.2, 2.0)
            sample["bytes"] = float(session.total_bytes)
            sample["rss_mb"] = session.process().memory_info().rss / 1e6
            session.press(*keys)
            return sample

    return run


def live_key(argv: list[str], environment: dict[str, str]) -> Callable[[], Sample]:
    """The console with a key typed the moment the first frame is there: when the key is answered, counted from the start."""

    def run() -> Sample:
        with TerminalSession(argv, environment) as session:
            session.wait_for_output(FRAME, 60)
            session.send(b"8")
            answered = session.wait_for_output(r"\[8 journal", 60)
            session.press("q")
            return {"key": answered}

    return run


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=10)
    arguments.add_argument("--without-peers", action="store_true")
    given = arguments.parse_args()

    program = installed_quarterdeck()
    quarterdeck, interpreter = str(program), str(program.with_name("python"))
    home = fresh_home()
    bare = clean_environment(home / "home")
    warm = {**bare, "QUARTERDECK_HOME": str(home / "up")}
    cold = {**bare, "QUARTERDECK_HOME": str(home / "cold")}

    def stop_runtime(environment: dict[str, str]) -> None:
        subprocess.run([quarterdeck, "runtime", "stop"], env=environment, capture_output=True, check=False)

    marks = {"frame": FRAME, "row": ROW, "ready": READY}
    console_cold = screen([quarterdeck], cold, marks)

    def start_cold() -> Sample:
        sample = console_cold()
        stop_runtime(cold)
        return sample

    scenarios: dict[str, Callable[[], Sample]] = {
        "python -c pass": command([interpreter, "-c", "pass"], bare),
        "quarterdeck --version": command([quarterdeck, "--version"], warm),
        "quarterdeck get models --json": command([quarterdeck, "get", "models", "--json"], warm),
        "empty Textual app": screen([interpreter, str(HERE / "floor_empty_app.py")], bare, {"frame": "floor-ready"}),
        "quarterdeck, runtime up": screen([quarterdeck], warm, marks),
        "quarterdeck, runtime up, a key at the first frame": live_key([quarterdeck], warm),
        "quarterdeck, cold": start_cold,
    }
    if not given.without_peers:
        posting, harlequin = str(peer_program("posting")), str(peer_program("harlequin"))
        scenarios["posting"] = screen([posting], bare, {"frame": "(?i)collection"}, "\x03")
        scenarios["harlequin"] = screen([harlequin], bare, {"frame": "(?i)catalog"}, "\x11")
        scenarios["harlequin --version"] = command([harlequin, "--version"], bare)
    try:
        for environment in (warm, cold):
            subprocess.run([quarterdeck, "get", "models"], env=environment, check=True, stdout=subprocess.DEVNULL)
        stop_runtime(cold)
        taken = interleave(scenarios, given.rounds, lambda line: print(line, file=sys.stderr))
    finally:
        stop_runtime(warm)
        stop_runtime(cold)
        shutil.rmtree(home, ignore_errors=True)

    python = column(taken["python -c pass"], "exit")
    empty = column(taken["empty Textual app"], "frame")
    print("| what | figure | ms: median / p95 (min) | ratio to its floor |\n|---|---|---|---|")
    for name, samples in taken.items():
        for key, floor in (("exit", python), ("frame", empty), ("key", empty), ("row", empty), ("ready", empty)):
            values = column(samples, key)
            if values:
                print(f"| {name} | {key} | {summary(values)} | {ratio(values, floor):.2f} |")
    for name, samples in taken.items():
        if memory := column(samples, "rss_mb"):
            print(f"| {name} | RSS MB | {statistics.median(memory):.0f} | |")
    print(f"raw results: {save('startup', taken, committed_tree())}")


if __name__ == "__main__":
    main()
