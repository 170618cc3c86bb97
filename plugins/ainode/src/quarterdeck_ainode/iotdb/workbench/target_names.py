"""Which series a target means: its name, or `{series}` with an ending for one beside the series that is forecast; pure."""

import re

from quarterdeck_ainode.iotdb.series import Series, TableSeries, TreeSeries, parse_series
from quarterdeck_api.errors import UsageError

#: In a target: the series that is forecast; so one schedule or request serves many series.
SOURCE = "{series}"

_ENDING = re.compile(r"[A-Za-z0-9_]+")


def target_series(name: str, source: Series) -> Series:
    """The series that is meant; raises UsageError for one that would mix forecasts with the observations."""
    if name.startswith(SOURCE):
        ending = name.removeprefix(SOURCE)
        if not _ENDING.fullmatch(ending):
            raise UsageError(
                f"{name!r} needs an ending of letters, digits and underscores", f"write for example {SOURCE}_forecast"
            )
        return beside(source, ending)
    found = parse_series(name)
    if found == source:
        raise UsageError(
            f"{name} is the series that is forecast: observations and forecasts would be mixed",
            f"write to another series, as to {SOURCE}_forecast",
        )
    return found


def beside(series: Series, ending: str) -> Series:
    """The series or column next to one, whose name has an ending more."""
    if isinstance(series, TableSeries):
        return TableSeries(series.database, series.table, series.column + ending, series.tags)
    if series.path.endswith("`"):
        return TreeSeries(f"{series.path[:-1]}{ending}`")
    return TreeSeries(series.path + ending)
