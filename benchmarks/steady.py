"""What the console costs when nothing happens, and how soon a change in a backend is seen; beside an empty Textual app and the peers, in one run.

    python benchmarks/steady.py [--seconds 60] [--changes 100] [--rounds 1] [--without-peers]

Idle is measured on the deck, after as many seconds without a key as are then measured. Processor time is of the console alone, and of
console, runtime and embedded hosts together; memory is their proportional set size (PSS). Programs are measured one after the other, so that none
takes time from another. For a change, the plugin beside this file writes the time at which it pushes a row into the row; the benchmark takes the time
at which it reads that text from the pseudo-terminal.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
from installed import committed_tree, installed_quarterdeck, peer_program
from measure import Sample, clean_environment, fresh_home, percentile, save
from terminal_session import TerminalSession

HERE = Path(__file__).parent
_PUSHED = re.compile(rb"at (\d{10}\.\d{4})")

TICKING = """\
[plugins]
disabled = ["ainode"]

[backends.ticking]
type = "rows.ticking"
"""


def _used(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))


def _pss(processes: list[psutil.Process]) -> float:
    return sum(each.memory_full_info().pss for each in processes) / 1e6


def processes_of_instance(quarterdeck: str, environment: dict[str, str]) -> list[psutil.Process]:
    """The runtime of the instance and everything that it has started."""
    argv = [quarterdeck, "runtime", "status", "--json"]
    listed = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout
    found = re.search(r'"pid":\s*(\d+)', listed)
    assert found is not None
    runtime = psutil.Process(int(found[1]))
    return [runtime, *runtime.children(recursive=True)]


def watched(session: TerminalSession, others: list[psutil.Process], seconds: float) -> Sample:
    """Bytes, processor shares and memory while nothing is typed for so long."""
    settle_end = time.perf_counter() + seconds
    while (left := settle_end - time.perf_counter()) > 0:
        session.read(left)
    alone = [session.process()]
    begin, before = time.perf_counter(), session.total_bytes
    used_alone, used_all = _used(alone), _used(alone + others)
    while (took := time.perf_counter() - begin) < seconds:
        session.read(seconds - took)
    return {
        "bytes": float(session.total_bytes - before),
        "core share": (_used(alone) - used_alone) / took,
        "core share of all": (_used(alone + others) - used_all) / took,
        "pss_mb": _pss(alone),
        "pss_mb of all": _pss(alone + others),
    }


def idle(quarterdeck: str, environment: dict[str, str], seconds: float) -> Sample:
    """The console on its deck, with the embedded backends."""
    with TerminalSession([quarterdeck], environment) as session:
        session.wait_for_output(r"ainode +[^ -~]+ +ready|ainode +[^ -~]+", 60)
        return watched(session, processes_of_instance(quarterdeck, environment), seconds)


def idle_program(argv: list[str], environment: dict[str, str], ready: str, seconds: float) -> Sample:
    """Another program that nobody touches."""
    with TerminalSession(argv, environment) as session:
        session.wait_for_output(ready, 60)
        return watched(session, session.process().children(recursive=True), seconds)


def changes(quarterdeck: str, environment: dict[str, str], count: int) -> list[Sample]:
    """Seconds from a push in the plugin to the bytes on the terminal, so many times."""
    taken: list[Sample] = []
    with TerminalSession([quarterdeck], environment) as session:
        session.wait_for_output(r"ticking +[^ -~]+", 60)
        session.send(b"3")
        session.wait_for_output(r"at \d{10}\.\d{4}", 30)
        seen = b""
        while len(taken) < count:
            start = len(session.raw)
            if session.read(5.0) <= 0:
                raise AssertionError(f"no change came for 5 s; the screen is:\n{session.text()}")
            now = time.time()
            for pushed in _PUSHED.findall(bytes(session.raw[max(0, start - 32) :])):
                if pushed > seen:
                    seen = pushed
                    taken.append({"seen": now - float(pushed)})
        session.press("q")
    return taken[1:]


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--changes", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--without-peers", action="store_true")
    given = arguments.parse_args()
    program = installed_quarterdeck()
    quarterdeck, interpreter = str(program), str(program.with_name("python"))
    home = fresh_home()
    bare = clean_environment(home / "home")
    plain = {**bare, "QUARTERDECK_HOME": str(home / "plain")}
    ticking = {**bare, "QUARTERDECK_HOME": str(home / "ticking"), "QUARTERDECK_PLUGIN_PATH": str(HERE / "plugin")}
    (home / "ticking" / "config").mkdir(parents=True)
    (home / "ticking" / "config" / "config.toml").write_text(TICKING)
    taken: dict[str, list[Sample]] = {}
    try:
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
            empty = [interpreter, str(HERE / "floor_empty_app.py")]
            taken.setdefault("idle: quarterdeck", []).append(idle(quarterdeck, plain, given.seconds))
            taken.setdefault("idle: empty Textual app", []).append(
                idle_program(empty, bare, "floor-ready", given.seconds)
            )
            if not given.without_peers:
                for name, ready in (("posting", "(?i)collection"), ("harlequin", "(?i)catalog")):
                    argv = [str(peer_program(name))]
                    taken.setdefault(f"idle: {name}", []).append(idle_program(argv, bare, ready, given.seconds))
            taken.setdefault("change", []).extend(changes(quarterdeck, ticking, given.changes + 1))
    finally:
        for environment in (plain, ticking):
            subprocess.run([quarterdeck, "runtime", "stop"], env=environment, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)
    print("| scenario | figure | n | median | p95 |\n|---|---|---|---|---|")
    for name, samples in taken.items():
        for key in samples[0]:
            values = [sample[key] for sample in samples]
            print(
                f"| {name} | {key} | {len(values)} | {statistics.median(values):.4g} | {percentile(values, 0.95):.4g} |"
            )
    print(f"raw results: {save('steady', taken, committed_tree())}")


if __name__ == "__main__":
    main()
