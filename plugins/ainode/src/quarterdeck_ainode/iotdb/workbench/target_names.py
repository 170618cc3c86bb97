"""Which series a target means: its name, or `{series}` with an ending for one beside the series that is forecast; pure."""

import re

from quarterdeck_ainode.iotdb.quoting import bare, path_nodes
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
    if _is_part_of(found, source):
        raise UsageError(
            f"{name} is the series that is forecast: observations and forecasts would be mixed",
            f"write to another series, as to {SOURCE}_forecast",
        )
    return found


def _is_part_of(target: Series, source: Series) -> bool:
    """Whether what is written to the target would be read with the source, however their names are spelled."""
    if isinstance(target, TreeSeries) or isinstance(source, TreeSeries):
        return (
            isinstance(target, TreeSeries)
            and isinstance(source, TreeSeries)
            and [bare(each) for each in path_nodes(target.path)] == [bare(each) for each in path_nodes(source.path)]
        )
    same_column = all(
        one.lower() == other.lower()
        for one, other in (
            (target.database, source.database),
            (target.table, source.table),
            (target.column, source.column),
        )
    )
    return same_column and tags_by_name(source).items() <= tags_by_name(target).items()


def tags_by_name(series: TableSeries) -> dict[str, str]:
    """The tags of a series, their names in lower case, since the server does not tell cases apart."""
    return {name.lower(): value for name, value in series.tags}


def beside(series: Series, ending: str) -> Series:
    """The series or column next to one, whose name has an ending more."""
    if isinstance(series, TableSeries):
        return TableSeries(series.database, series.table, series.column + ending, series.tags)
    if series.path.endswith("`"):
        return TreeSeries(f"{series.path[:-1]}{ending}`")
    return TreeSeries(series.path + ending)
