"""Which queued job runs next: the highest priority first, then the lowest number, of the lanes that may start another."""

import sqlite3
from collections.abc import Callable, Iterable

from quarterdeck.runtime.jobs.rows import Lane

_OPEN_LANES = "SELECT plugin, job_type FROM job INDEXED BY job_head WHERE state = 'queued' AND gate = 'open' "
# Two statements, because SQLite reads past every equal row for a comparison of row values.
_NEXT_TYPE = _OPEN_LANES + "AND plugin = ? AND job_type > ? ORDER BY job_type LIMIT 1"
_NEXT_PLUGIN = _OPEN_LANES + "AND plugin > ? ORDER BY plugin, job_type LIMIT 1"
_HEAD = (
    "SELECT number, priority FROM job INDEXED BY job_head WHERE state = 'queued' AND gate = 'open' "
    "AND plugin = ? AND job_type = ? ORDER BY priority DESC, number LIMIT 1"
)


def next_job(
    connection: sqlite3.Connection, admits: Callable[[Lane, int], bool], max_running: int, now: float
) -> int | None:
    """The number of the job that may run now, or None; opens the gates of those whose time has come.

    `admits(lane, running)` says whether another attempt of the lane may start when so many run; `max_running` bounds all of them.
    """
    counted = connection.execute(
        "SELECT plugin, job_type, count(*) AS n FROM job WHERE state = 'running' GROUP BY plugin, job_type"
    ).fetchall()
    running = {Lane(row["plugin"], row["job_type"]): row["n"] for row in counted}
    if sum(running.values()) >= max_running:
        return None
    connection.execute(
        "UPDATE job INDEXED BY job_due SET gate = 'open' WHERE state = 'queued' AND gate = 'time' AND not_before <= ?",
        (now,),
    )
    best: tuple[int, int] | None = None
    for lane in _lanes(connection):
        if not admits(lane, running.get(lane, 0)):
            continue
        head = connection.execute(_HEAD, (lane.plugin, lane.job_type)).fetchone()
        order = (-head["priority"], head["number"])
        best = order if best is None else min(best, order)
    return None if best is None else best[1]


def _lanes(connection: sqlite3.Connection) -> Iterable[Lane]:
    # A loop over the index's distinct heads: its cost is the number of lanes, not of jobs.
    row = connection.execute(_NEXT_PLUGIN, ("",)).fetchone()
    while row is not None:
        plugin, job_type = row["plugin"], row["job_type"]
        yield Lane(plugin, job_type)
        row = (
            connection.execute(_NEXT_TYPE, (plugin, job_type)).fetchone()
            or connection.execute(_NEXT_PLUGIN, (plugin,)).fetchone()
        )
