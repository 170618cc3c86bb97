"""What was read of a series, as facts for previews and results."""

from quarterdeck_ainode.iotdb.workbench.horizon_times import pandas_times
from quarterdeck_ainode.iotdb.workbench.window import SeriesWindow
from quarterdeck_ainode.result_files import read_times
from quarterdeck_api.documents import Fact


def window_facts(window: SeriesWindow) -> tuple[Fact, ...]:
    """Which series, how much of it, and its time axis."""
    first, last = read_times(pandas_times(window.times[[0, -1]], window.unit))
    return (
        Fact("Series", window.series.name),
        Fact("Type", window.data_type),
        Fact("Rows used", len(window.times)),
        Fact("From", first),
        Fact("To", last),
        Fact("Frequency", window.observed.axis.frequency if window.regular else "not equally spaced"),
        Fact("Seasonal period", window.observed.axis.season),
    )
