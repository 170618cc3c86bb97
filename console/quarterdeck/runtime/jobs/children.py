"""Which jobs a job has started under which key, so that no attempt of it starts one twice."""

import sqlite3

from quarterdeck.runtime.borders import JobParent
from quarterdeck_api.jobs import JobState


def started_job(connection: sqlite3.Connection, parent: JobParent) -> int | None:
    """The job that was started under the key, unless it ended without success during an earlier attempt of its parent."""
    if not parent.key:
        return None
    row = connection.execute(
        "SELECT child, token, state FROM job_child JOIN job ON job.number = child WHERE parent = ? AND job_child.key = ?",
        (parent.job, parent.key),
    ).fetchone()
    if row is None:
        return None
    state = JobState(row["state"])
    spent = state.final and state is not JobState.SUCCEEDED and row["token"] < parent.token
    return None if spent else row["child"]


def note_started(connection: sqlite3.Connection, parent: JobParent, child: int) -> None:
    """Keeps what was started under the key."""
    if parent.key:
        connection.execute(
            "INSERT OR REPLACE INTO job_child (parent, key, token, child) VALUES (?, ?, ?, ?)",
            (parent.job, parent.key, parent.token, child),
        )
