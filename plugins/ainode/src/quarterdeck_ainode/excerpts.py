"""How much of a long result a document shows; the result's files have all of it."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

#: Rows of a document's table.
TABLE_ROWS = 100

#: Observations in a document's chart; of more, the least and the greatest of each stretch are shown.
CHART_POINTS = 2000

#: Observations shown before a forecast, in horizons, and at least and at most.
_HISTORY_HORIZONS = 5
LEAST_HISTORY = 24
_MOST_HISTORY = 200


def excerpt_title(title: str, total: int, file: str, what: str = "", most: int = TABLE_ROWS) -> str:
    """The title of a table that shows the first `most` of so many rows; `what` the rows are, as in `steps`."""
    if total <= most:
        return title
    return f"{title}, the first {most} of {total}{f' {what}' if what else ''} (all are in {file})"


def history_shown(count: int, horizon: int) -> int:
    """How many of so many observations are shown before a forecast of so many steps."""
    return min(max(_HISTORY_HORIZONS * horizon, LEAST_HISTORY), _MOST_HISTORY, count)


def chart_places(values: NDArray[np.float64], most: int = CHART_POINTS) -> list[int]:
    """Positions of at most `most` values in order: all, or the least and the greatest of equal stretches."""
    count = len(values)
    if count <= most:
        return list(range(count))
    edges = np.linspace(0, count, most // 2 + 1, dtype=int)
    places: set[int] = set()
    for start, stop in pairwise(edges.tolist()):
        stretch = values[start:stop]
        places |= {start + int(np.argmin(stretch)), start + int(np.argmax(stretch))}
    return sorted(places)
