"""`quarterdeck metrics`."""

import re
from itertools import pairwise

import click

from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck_api.errors import ExitCode, UsageError
from quarterdeck_api.metrics import METRICS, MetricSeries, MetricsParams
from quarterdeck_api.resources import Address
from quarterdeck_api.visible import visible

_TIMEOUT = 30.0
_BARS = 40
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")


@click.command("metrics")
@click.argument("address", type=ADDRESS)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--since", default="15m", metavar="DURATION", help="How far back, as 90s, 15m, 6h or 1d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(address: str, names: tuple[str, ...], since: str, as_json: bool) -> int:
    """Show metrics of the resource at ADDRESS: now, least, greatest, mean, and how each went.

    There is a sample a second of the last 15 minutes and one every 10 seconds of the last 24 hours; some backends keep more.
    """
    Address.parse(address)
    with open_session("metrics") as session:
        series = session.call(METRICS, MetricsParams(address, names, -seconds_of(since)), _TIMEOUT).series
    if as_json:
        write_json([_document(each) for each in series])
        return ExitCode.DONE
    missing = sorted(set(names) - {each.name for each in series})
    if missing or not series:
        narrate(f"{address} has no {'metrics' if not missing else ', '.join(map(visible, missing))} since {since}")
    titles = ("metric", "now", "least", "greatest", "mean", "trend")
    write_lines(table_lines(titles, [_row(each) for each in series], frozenset((1, 2, 3, 4))))
    return ExitCode.DONE


def seconds_of(text: str) -> float:
    """A duration as people write it, in seconds; raises UsageError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or float(found[1]) == 0:
        raise UsageError(f"{text!r} is not a duration", "write it as 90s, 15m, 6h or 1d")
    return float(found[1]) * _SECONDS[found[2] or "s"]


def _row(series: MetricSeries) -> list[str]:
    from quarterdeck.drawing.sparkline import metric_text, sparkline

    numbers = [value for value in series.values if value is not None]
    if not numbers:
        return [visible(series.name), "", "", "", "", ""]
    shown = (numbers[-1], min(numbers), max(numbers), sum(numbers) / len(numbers))
    bars = sparkline(condensed(series.values, _BARS), _BARS).strip()
    return [visible(series.name), *(visible(metric_text(value, series.unit)) for value in shown), bars]


def condensed(values: tuple[float | None, ...], width: int) -> list[float | None]:
    """At most `width` values: the mean of each stretch, None where a stretch has none."""
    if len(values) <= width:
        return list(values)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    found: list[float | None] = []
    for begin, end in pairwise(edges):
        numbers = [value for value in values[begin:end] if value is not None]
        found.append(sum(numbers) / len(numbers) if numbers else None)
    return found


def _document(series: MetricSeries) -> dict[str, object]:
    return {"name": series.name, "unit": series.unit, "times": series.times, "values": series.values}
