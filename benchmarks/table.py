"""Keys on a live table: cursor, page, filter, esc, 100,000 rows; beside Textual's DataTable, raw `cat` and typing in the peers, in one run.

    python benchmarks/table.py [--keys 100] [--rounds 3] [--without-peers]

The rows come from the plugin beside this file; in the busy scenario it changes 500 cells a second, half of them on the screen, and another backend
hangs. A key is answered with the last byte of the burst that it sets off (25 ms of silence end it); while other things change, with the end of the
frame after which the terminal's cursor stands on its new row.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from installed import committed_tree, installed_quarterdeck, peer_program
from measure import Sample, clean_environment, fresh_home, percentile, save
from terminal_session import KEYS, TerminalSession

HERE = Path(__file__).parent
PLUGIN = HERE / "plugin"
ROWS = 100_000

CONFIGURATION = """\
[plugins]
disabled = ["ainode"]

[backends.many]
type = "rows.many"
rows = {rows}
changes_per_second = {changes}
"""
STUCK = """
[backends.stuck]
type = "rows.stuck"
"""

#: The end of a frame: the terminal's cursor is put somewhere, and the frame is shown.
_CURSOR = re.compile(rb"\x1b\[(\d+);\d+H(?:\x1b\[\?[0-9]+[hl]|\x1b\[0?m)*\Z")

#: Filters that are typed letter by letter: every row, ten of them, one, none, and an expression.
FILTERS = ("m-", "9999", "m-077777", "zz", "mae<9")


class Table:
    """An instance with so many rows, whose runtime is up and has them all."""

    def __init__(
        self, quarterdeck: str, home: Path, name: str, rows: int, changes: int, *, stuck: bool = False
    ) -> None:
        folder = home / name
        (folder / "config").mkdir(parents=True)
        text = CONFIGURATION.format(rows=rows, changes=changes) + (STUCK if stuck else "")
        (folder / "config" / "config.toml").write_text(text)
        self.quarterdeck = quarterdeck
        self.rows = rows
        self.environment = {
            **clean_environment(home / "home"),
            "QUARTERDECK_HOME": str(folder),
            "QUARTERDECK_PLUGIN_PATH": str(PLUGIN),
        }

    def start(self) -> None:
        """Starts the runtime and waits until it has every row."""
        last = f"m-{self.rows - 1:06d}"
        listed = ""
        for _ in range(100):
            argv = [self.quarterdeck, "get", "models", "--backend", "many", "--filter", last, "--json"]
            listed = subprocess.run(argv, env=self.environment, check=True, capture_output=True, text=True).stdout
            if last in listed:
                return
            time.sleep(0.2)
        raise AssertionError(f"the backend has not listed {last}, only {listed}")

    def stop(self) -> None:
        """Ends the runtime."""
        subprocess.run([self.quarterdeck, "runtime", "stop"], env=self.environment, capture_output=True, check=False)

    def console(self) -> TerminalSession:
        """The console on this instance."""
        return TerminalSession([self.quarterdeck], self.environment)


def keys(session: TerminalSession, key: str, count: int) -> list[Sample]:
    """Presses a key so many times and measures each answer."""
    return [_key(session, KEYS.get(key) or key.encode()) for _ in range(count)]


def _key(session: TerminalSession, data: bytes) -> Sample:
    burst = session.burst(data)
    return {"first": burst.first, "last": burst.last, "bytes": float(burst.count)}


def cat(environment: Mapping[str, str], count: int) -> list[Sample]:
    """The floor of harness and kernel: a byte that comes back."""
    with TerminalSession(["sh", "-c", "stty raw -echo; exec cat"], environment) as session:
        session.settle(0.2)
        return keys(session, "x", count)


def data_table(interpreter: str, environment: Mapping[str, str], rows: int, count: int) -> dict[str, list[Sample]]:
    """Textual's own table: cursor and page."""
    with TerminalSession([interpreter, str(HERE / "floor_data_table.py"), str(rows), "8"], environment) as session:
        shown = session.wait_for_output("cell 5 1", 120)
        session.settle(0.3)
        found = {"cursor": keys(session, "down", count), "page": keys(session, "pagedown", min(count, rows // 50))}
        return {"shown": [{"start": shown}], **found}


def typing(argv: list[str], environment: Mapping[str, str], ready: str, focus: bytes, count: int) -> list[Sample]:
    """A peer's answer to a letter typed into its main field."""
    with TerminalSession(argv, environment) as session:
        session.wait_for_output(ready, 60)
        session.settle(1.0, 10.0)
        if focus:
            session.send(focus)
            session.settle(0.3)
        return keys(session, "x", count)


def opened(session: TerminalSession, rows: int, started: float, after: int) -> Sample:
    """After the pane's key was sent: seconds to the first rows, to the count, and to the last row by `end`."""

    def seen(pattern: str) -> float:
        return session.wait_for_output(pattern, 60, after) + session.started - started

    sample = {"first rows": seen("m-000000"), "count": seen(f"models {rows:,}(?!…)")}
    after = len(session.raw)
    session.send(KEYS["end"])
    return {**sample, "end": seen(f"m-{rows - 1:06d}")}


def opening(table: Table) -> dict[str, list[Sample]]:
    """The pane's key typed when the console has just connected, so that rows are still coming; and again when they are all there."""
    with table.console() as session:
        session.wait_for_output(r"many +[^ -~]+", 60)
        after, started = len(session.raw), time.perf_counter()
        session.send(b"3")
        early = opened(session, table.rows, started, after)
        session.press("q")
    with table.console() as session:
        session.wait_for_output(f"many .* {table.rows}|{table.rows:,}", 60)
        session.settle(1.0, 20.0)
        after, started = len(session.raw), time.perf_counter()
        session.send(b"3")
        late = opened(session, table.rows, started, after)
        session.press("q")
    return {"opened while rows come": [early], "opened": [late]}


def console(table: Table, count: int) -> dict[str, list[Sample]]:
    """The console on so many rows: cursor, page, filter, esc, another pane, memory."""
    taken: dict[str, list[Sample]] = {"filter key": [], "filter cleared": []}
    with table.console() as session:
        session.wait_for_output(r"many +[^ -~]+", 60)
        session.send(b"3")
        opened(session, table.rows, time.perf_counter(), 0)
        session.press("home")
        session.settle(1.0, 20.0)
        taken["cursor"] = keys(session, "down", count)
        taken["page"] = keys(session, "pagedown", min(count, table.rows // 50))
        session.press("home")
        for text in FILTERS:
            session.press("/")
            taken["filter key"] += [_key(session, letter.encode()) for letter in text]
            session.settle(0.2)
            taken["filter cleared"] += keys(session, "esc", 1)
            session.settle(0.2)
        taken["esc"] = [_esc(session) for _ in range(min(count, 30))]
        taken["another pane"] = [_key(session, pane) for pane in (b"4", b"7", b"8", b"1", b"3") * 4]
        taken["memory"] = [{"rss_mb": session.process().memory_info().rss / 1e6}]
        session.press("q")
    return taken


def _esc(session: TerminalSession) -> Sample:
    session.press("?")
    session.settle(0.1)
    sample = _key(session, KEYS["esc"])
    session.settle(0.05)
    return sample


def _cursor_row(session: TerminalSession, otherwise: int) -> int:
    """The terminal's row, counted from 1, on which the last complete frame left the cursor."""
    found = _CURSOR.search(bytes(session.raw[-64:]))
    return int(found[1]) if found else otherwise


def busy(table: Table, count: int) -> dict[str, list[Sample]]:
    """Cursor keys while cells change and a backend hangs; and what the changes cost without keys."""
    taken: list[Sample] = []
    with table.console() as session:
        session.wait_for_output(r"many +[^ -~]+", 60)
        session.send(b"3")
        session.wait_for_output(f"models {table.rows:,}", 60)
        session.press("home")
        session.settle(0.5, 0.5)
        row = 3
        for _ in range(count):
            down = row < session.rows - 5
            wanted = row + 1 if down else 3
            start = time.perf_counter()
            session.send(KEYS["down"] if down else KEYS["home"])
            while _cursor_row(session, row) != wanted:
                if session.read(2.0) <= 0:
                    raise AssertionError(f"the cursor did not come to row {wanted}; the screen is:\n{session.text()}")
            taken.append({"last": session.last_read - start})
            row = wanted
            session.settle(0.02, 0.06)
        processor = session.process().cpu_times()
        begin, before = time.perf_counter(), session.total_bytes
        while (took := time.perf_counter() - begin) < 5.0:
            session.read(0.2)
        after = session.process().cpu_times()
        used = (after.user + after.system - processor.user - processor.system) / took
        rate = (session.total_bytes - before) / took
        session.press("q")
    return {"cursor": taken, "changes": [{"core share": used, "bytes/s": rate}]}


def main() -> None:
    """Measures, prints a table, keeps the raw results."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--keys", type=int, default=100)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--without-peers", action="store_true")
    given = arguments.parse_args()
    program = installed_quarterdeck()
    quarterdeck, interpreter = str(program), str(program.with_name("python"))
    home = fresh_home()
    bare = clean_environment(home / "home")
    small = Table(quarterdeck, home, "small", 2_000, 0)
    large = Table(quarterdeck, home, "large", ROWS, 0)
    changing = Table(quarterdeck, home, "changing", 2_000, 500, stuck=True)
    taken: dict[str, list[Sample]] = {}

    def add(scenario: str, found: Mapping[str, list[Sample]]) -> None:
        for key, samples in found.items():
            taken.setdefault(f"{scenario}: {key}", []).extend(samples)

    try:
        for table in (small, large, changing):
            table.start()
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds}, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
            add("raw cat", {"key": cat(bare, given.keys)})
            add("Textual DataTable, 1,000 rows", data_table(interpreter, bare, 1_000, given.keys))
            add("quarterdeck, 2,000 rows", console(small, given.keys))
            add("quarterdeck, 100,000 rows", opening(large))
            add("quarterdeck, 100,000 rows", console(large, given.keys))
            add("quarterdeck, 500 cells/s, a backend hangs", busy(changing, given.keys))
            if not given.without_peers:
                letters = typing([str(peer_program("harlequin"))], bare, "(?i)catalog", b"", given.keys // 2)
                add("harlequin", {"typing": letters})
                letters = typing([str(peer_program("posting"))], bare, "(?i)collection", b"\x0c", given.keys // 2)
                add("posting", {"typing": letters})
    finally:
        for table in (small, large, changing):
            table.stop()
        shutil.rmtree(home, ignore_errors=True)

    print("| scenario | figure | n | median | p95 |\n|---|---|---|---|---|")
    for name, samples in taken.items():
        for key in samples[0]:
            values = [sample[key] for sample in samples]
            scale, unit = (1.0, "") if key in ("bytes", "rss_mb", "core share", "bytes/s") else (1000.0, " ms")
            median, high = statistics.median(values) * scale, percentile(values, 0.95) * scale
            print(f"| {name} | {key} | {len(values)} | {median:.4g}{unit} | {high:.4g}{unit} |")
    print(f"raw results: {save('table', taken, committed_tree())}")


if __name__ == "__main__":
    main()
