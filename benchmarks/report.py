"""The bars with what was measured: a table from the raw results of the last runs, written into docs/benchmarks.md between its two marks.

python benchmarks/report.py
"""

import json
import math
import re
import statistics
from typing import NamedTuple

from installed import ROOT
from measure import RESULTS, Sample, column, percentile

PAGE = ROOT / "docs" / "benchmarks.md"
_BETWEEN = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)

START_PEERS = "k9s 4.8 ×, posting {posting:.1f} ×, harlequin {harlequin:.1f} ×"
LARGE = "quarterdeck, 100,000 rows: "
SMALL = "quarterdeck, 2,000 rows: "
BUSY = "quarterdeck, 500 cells/s, a backend hangs: "
FLOOR_TABLE = "Textual DataTable, 1,000 rows: "

Samples = dict[str, list[Sample]]


class Row(NamedTuple):
    """One bar (infinite: none). `figure` and `bar` are in `unit`; `reading` is the same in other words; `peers` were measured beside it."""

    what: str
    figure: float
    bar: float
    unit: str
    reading: str
    peers: str

    def line(self) -> str:
        """As a line of a table."""
        verdict = "" if math.isinf(self.bar) else "met" if self.figure <= self.bar else "**missed**"
        cells = (
            self.what,
            f"{self.figure:.3g} {self.unit}",
            self.reading,
            "" if math.isinf(self.bar) else f"{self.bar:.3g} {self.unit}",
            self.peers,
            verdict,
        )
        return f"| {' | '.join(cells)} |"


def start_rows(samples: Samples) -> list[Row]:
    """Start-up: ratios of medians to the floor of the same run."""

    def median(scenario: str, key: str) -> float:
        return statistics.median(column(samples[scenario], key))

    empty, python = median("empty Textual app", "frame"), median("python -c pass", "exit")
    peers = {name: median(name, "frame") / empty for name in ("posting", "harlequin") if name in samples}
    there = START_PEERS.format(**peers) if len(peers) == 2 else ""
    help_peer = ""
    if "harlequin --version" in samples:
        help_peer = f"harlequin {median('harlequin --version', 'exit') / python:.0f} ×, k9s 4 ×"
    floors = (("empty", empty, "× an empty Textual app"), ("python", python, "× `python -c pass`"))
    units = {name: (floor, unit) for name, floor, unit in floors}
    wanted = (
        ("first frame", "quarterdeck, runtime up", "frame", "empty", 1.5, there),
        (
            "a key at the first frame, answered",
            "quarterdeck, runtime up, a key at the first frame",
            "key",
            "empty",
            1.5,
            "",
        ),
        ("first real row, runtime up", "quarterdeck, runtime up", "row", "empty", 2.0, there),
        ("first real row, cold", "quarterdeck, cold", "row", "empty", 5.0, there),
        ("`--version`", "quarterdeck --version", "exit", "python", 3.0, help_peer),
        ("`get models --json`, runtime up", "quarterdeck get models --json", "exit", "python", 8.0, "kubectl 39 ×"),
    )
    rows: list[Row] = []
    for what, scenario, key, floor_name, bar, others in wanted:
        floor, unit = units[floor_name]
        seconds = median(scenario, key)
        rows.append(
            Row(what, seconds / floor, bar, unit, f"{seconds * 1000:.0f} ms, floor {floor * 1000:.0f} ms", others)
        )
    return rows


def key_rows(samples: Samples) -> list[Row]:
    """Keys: p95 in milliseconds; the median stands beside it."""

    def row(what: str, scenarios: tuple[str, ...], key: str, bar: float, peers: str = "") -> Row:
        values = [value * 1000 for scenario in scenarios for value in column(samples[scenario], key)]
        reading = f"median {statistics.median(values):.1f} ms, n = {len(values)}"
        return Row(what, percentile(values, 0.95), bar, "ms", reading, peers)

    def peer(scenario: str, name: str) -> str:
        if scenario not in samples:
            return ""
        values = column(samples[scenario], "last")
        return f"{name} {statistics.median(values) * 1000:.0f} / {percentile(values, 0.95) * 1000:.0f} ms"

    def memory(what: str, table: str, bar: float, peers: str) -> Row:
        return Row(what, statistics.median(column(samples[f"{table}memory"], "rss_mb")), bar, "MB", "", peers)

    cat = peer("raw cat: key", "raw `cat`")
    table_cursor, table_page = peer(f"{FLOOR_TABLE}cursor", "DataTable"), peer(f"{FLOOR_TABLE}page", "DataTable")
    typing = [peer(f"{name}: typing", f"{name} (typing)") for name in ("harlequin", "posting")]
    page_bytes = max(column(samples[f"{LARGE}page"], "bytes") + column(samples[f"{SMALL}page"], "bytes"))
    floor_bytes = statistics.median(column(samples[f"{FLOOR_TABLE}page"], "bytes"))
    cursor_peers = ", ".join(part for part in (cat, table_cursor, *typing) if part)
    return [
        row("cursor key, p95", (f"{SMALL}cursor", f"{LARGE}cursor"), "last", 10, cursor_peers),
        row("cursor key while 500 cells/s change and a backend hangs, p95", (f"{BUSY}cursor",), "last", 10),
        row("page down, p95", (f"{SMALL}page", f"{LARGE}page"), "last", 20, table_page),
        Row(
            "bytes of a page",
            page_bytes / 1000,
            8,
            "KB",
            "the largest",
            f"DataTable {floor_bytes / 1000:.0f} KB, k9s 0.3 KB",
        ),
        row("esc on legacy keys, p95", (f"{SMALL}esc", f"{LARGE}esc"), "last", 30, "Textual's default 105 ms"),
        row("100,000 rows: pane key to first rows", (f"{LARGE}opened",), "first rows", 100),
        row("the same while rows still come", (f"{LARGE}opened while rows come",), "first rows", 100),
        row("to the count, with `end` at the last row", (f"{LARGE}opened",), "end", 500, "DataTable 9.6 s"),
        row("the same while rows still come", (f"{LARGE}opened while rows come",), "end", 500),
        row("filter keystroke, p95", (f"{LARGE}filter key",), "last", 50, "k9s at 2,000 rows 1,111 ms"),
        row("filter cleared, p95", (f"{LARGE}filter cleared",), "last", 50, "k9s at 2,000 rows 73 ms"),
        row(
            "another pane shown, p95", (f"{SMALL}another pane", f"{LARGE}another pane"), "last", 60, "k9s 125 to 311 ms"
        ),
        memory("memory of the console (RSS), 2,000 rows", SMALL, 60, "k9s 155 MB"),
        memory("memory of the console (RSS), 100,000 rows", LARGE, 120, "harlequin, empty, 172 MB"),
    ]


def steady_rows(samples: Samples) -> list[Row]:
    """Idle consoles, and how soon a change is seen."""

    def median(scenario: str, key: str) -> float:
        return statistics.median(column(samples[scenario], key))

    idle = "idle: quarterdeck"
    floors = [each for each in samples if each.startswith("idle: ") and each != idle]
    names = {each: each.removeprefix("idle: ") for each in floors}
    shares = ", ".join(f"{names[each]} {median(each, 'core share') * 100:.2g} %" for each in floors)
    sizes = ", ".join(f"{names[each]} {median(each, 'pss_mb of all'):.0f} MB" for each in floors)
    sent = ", ".join(f"{names[each]} {median(each, 'bytes'):.0f}" for each in floors)
    seen = [value * 1000 for value in column(samples["change"], "seen")]
    return [
        Row(
            "change in a backend seen, p95",
            percentile(seen, 0.95),
            150,
            "ms",
            f"median {statistics.median(seen):.1f} ms, n = {len(seen)}",
            "k9s up to 2 s",
        ),
        Row("idle: bytes", median(idle, "bytes"), 0, "bytes", "in 60 s on the deck", sent),
        Row("idle: the console", median(idle, "core share") * 100, 0.3, "% of a core", "in 60 s", shares),
        Row("idle: console, runtime, hosts", median(idle, "core share of all") * 100, 1, "% of a core", "in 60 s", ""),
        Row("idle: memory of all of them (PSS)", median(idle, "pss_mb of all"), 250, "MB", "", sizes),
    ]


def job_rows(samples: Samples) -> list[Row]:
    """Jobs: what one without work costs, how many go through the socket, and claims from a long queue."""

    def median(scenario: str, key: str) -> float:
        return statistics.median(column(samples[scenario], key))

    def milliseconds(what: str, scenario: str, key: str, bar: float, peers: str = "") -> Row:
        other = f"p95 {median(scenario, 'p95') * 1000:.1f} ms" if key == "p50" else ""
        return Row(what, median(scenario, key) * 1000, bar, "ms", other, peers)

    def between(what: str, scenario: str) -> Row:
        """The time between two jobs: a rate as something that must not be larger than its bar."""
        rate = median(scenario, "per_second")
        return Row(what, 1000 / rate, 5, "ms a job", f"{rate:.0f} a second", "")

    bare = "a bare pool's round trip"
    pool = f"{bare} {median(bare, 'p50') * 1000:.2f} ms"
    return [
        milliseconds("empty job, request to result, p50", "empty job, request to result", "p50", 15, pool),
        between("200 jobs at once from one client", "jobs at once, one client"),
        between("200 jobs at once from four clients", "jobs at once, four clients"),
        milliseconds("claim with 100,000 queued, p95", "claim with 100,000 queued", "p95", 10),
    ]


def log_rows(samples: Samples) -> list[Row]:
    """A followed log in the console; rates as the time for so many lines, which must not be larger than its bar."""
    console, cat = samples["console"], samples["cat"]
    rate = statistics.median(column(console, "lines_per_second"))
    floor = statistics.median(column(cat, "lines_per_second"))
    grown = statistics.median(column(console, "rss_end_mb")) - statistics.median(column(console, "rss_full_mb"))
    return [
        Row(
            "a followed log: 1,000 lines",
            1_000_000 / rate,
            20,
            "ms",
            f"{rate:,.0f} lines a second, memory {grown:+.1f} MB from full to end",
            f"`cat` {floor:,.0f} lines a second",
        )
    ]


def dataset_rows(samples: Samples) -> list[Row]:
    """Imports and exports of ten million rows: the worker's peak memory."""

    def row(what: str, scenario: str) -> Row:
        seconds = statistics.median(column(samples[scenario], "seconds"))
        floor = statistics.median(column(samples["pyarrow.csv alone"], "seconds"))
        return Row(
            what,
            statistics.median(column(samples[scenario], "peak_mb")),
            500,
            "MB",
            f"{seconds:.0f} s",
            f"pyarrow reading the CSV alone {floor:.0f} s",
        )

    return [
        row("10 million rows of CSV imported", "import"),
        row("the same, shuffled", "import, shuffled"),
        row("exported to CSV", "export to CSV"),
    ]


def forecast_rows(samples: Samples) -> list[Row]:
    """Forecasts through SQL, a real cluster and our AINode: what is added to the same fit and predict in the benchmark's process."""

    def middle(scenario: str, key: str = "seconds") -> float:
        return statistics.median(column(samples[scenario], key))

    rows: list[Row] = []
    for model in ("naive_forecaster", "exponential_smoothing", "arima"):
        ways = {way: middle(f"{model}, {way}") * 1000 for way in ("tree FORECAST", "table FORECAST", "CALL INFERENCE")}
        here = middle(f"{model}, in-process") * 1000
        worst = max(ways.values())
        reading = ", ".join(f"{way} {value:.0f} ms" for way, value in ways.items())
        rows.append(
            Row(
                f"forecast by SQL with {model}, p50, over in-process",
                worst - here,
                30,
                "ms",
                reading,
                f"in-process {here:.0f} ms",
            )
        )
    rates = {name: middle(name, "per_second") for name in samples if name.endswith(" sessions")}
    failed = sum(sum(column(samples[name], "failed")) for name in rates)
    asked = ", ".join(f"{name} {value:.0f}" for name, value in rates.items())
    alone = middle("in-process, one after the other", "per_second")
    equal = samples["equality"][0]
    at_once = samples["CALL INFERENCE, 20 at once"][0]
    join = samples["join"]
    return [
        *rows,
        Row(
            "failed requests, up to 20 sessions at once",
            failed,
            0,
            "requests",
            f"a second: {asked}",
            f"in-process {alone:.0f} a second",
        ),
        Row(
            "models whose numbers are not the local engine's",
            equal["models"] - equal["equal"],
            0,
            "models",
            f"{equal['models']:.0f} compared",
            "",
        ),
        Row(
            "CALL INFERENCE at a time, of 20",
            at_once["most at a time"],
            math.inf,
            "",
            f"the server's own limit; {at_once['seconds']:.1f} s for 20 of {at_once['each']:g} s",
            "",
        ),
        Row(
            "our AINode started and Running",
            middle("join"),
            math.inf,
            "s",
            f"RSS {statistics.median(column(join, 'rss_mb')):.0f} MB, with its workers {statistics.median(column(join, 'pss_mb of all')):.0f} MB",
            "",
        ),
    ]


def model_rows(samples: Samples) -> list[Row]:
    """AutoARIMA of two libraries on the same windows."""
    ours, theirs = samples["statsforecast"], samples["pmdarima"]
    one, other_one = (
        statistics.fmean(column(samples[f"{name}, one thread"], "seconds")) for name in ("statsforecast", "pmdarima")
    )
    seconds, reference = (statistics.fmean(column(each, "seconds")) for each in (ours, theirs))
    mase, other = (statistics.fmean(column(each, "mase")) for each in (ours, theirs))
    return [
        Row(
            "AutoARIMA of statsforecast, time a series",
            seconds / reference,
            0.1,
            "× pmdarima",
            f"mean {seconds * 1000:.0f} ms, {len(ours)} monthly windows; with one thread each {one / other_one:.2g} ×",
            f"pmdarima {reference * 1000:.0f} ms",
        ),
        Row("its MASE", mase / other, 1.02, "× pmdarima", f"mean {mase:.3f}", f"pmdarima {other:.3f}"),
    ]


def data_rows(samples: Samples) -> list[Row]:
    """Rates as the time for a row or point, which must not be larger than its bar."""

    def row(what: str, scenario: str, floor: str, bar: float) -> Row:
        rows = samples[scenario][0]["rows"]
        seconds, bare = (statistics.median(column(samples[each], "seconds")) for each in (scenario, floor))
        peak = statistics.median(column(samples[scenario], "peak_mb"))
        reading = f"{rows / seconds:,.0f} a second, {rows / 1e6:g} million, worker's peak {peak:.0f} MB"
        return Row(what, seconds / rows * 1e6, bar, "µs", reading, f"IoTDB's own session {rows / bare:,.0f} a second")

    return [
        row("a row of a series into a dataset", "save", "read, IoTDB's own session", 1e6 / 300_000),
        row("a point of a dataset into a series", "ingest", "write, IoTDB's own session", 1e6 / 200_000),
    ]


def polling_rows(samples: Samples) -> list[Row]:
    """Watching clusters: console, runtime and host together."""
    return [
        Row(
            f"{taken[0]['clusters']:.0f} clusters watched, {name}",
            statistics.median(column(taken, "core share of all")) * 100,
            2,
            "% of a core",
            "",
            "",
        )
        for name, taken in samples.items()
    ]


def main() -> None:
    """Writes the table."""
    sections = {
        "startup": start_rows,
        "table": key_rows,
        "steady": steady_rows,
        "jobs": job_rows,
        "logs": log_rows,
        "datasets": dataset_rows,
        "ainode_forecast": forecast_rows,
        "ainode_models": model_rows,
        "ainode_data": data_rows,
        "ainode_polling": polling_rows,
    }
    there = {name: RESULTS / f"{name}.json" for name in sections}
    runs = {name: json.loads(path.read_text()) for name, path in there.items() if path.exists()}
    lines = ["| what | figure | in other words | bar | floor and peers | |", "|---|---|---|---|---|---|"]
    lines += [row.line() for name, run in runs.items() for row in sections[name](run["samples"])]
    about = [
        f"`{name}`: {run['about']['measured']}, tree {run['about']['tree'][:12]}, Python {run['about']['python']}, "
        f"{run['about']['system']}, {run['about']['cores']} cores, load before and after "
        f"{run['about']['load_before']:.1f} and {run['about']['load_after']:.1f}."
        for name, run in runs.items()
    ]
    text = "\n".join([*lines, "", *about])
    PAGE.write_text(_BETWEEN.sub(lambda found: f"{found[1]}{text}\n{found[2]}", PAGE.read_text()))
    print(text)


if __name__ == "__main__":
    main()
