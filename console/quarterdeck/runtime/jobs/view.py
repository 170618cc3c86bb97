"""Jobs as resources of the kind `job`."""

from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import JobRecord
from quarterdeck_api.resources import Health, Link, Resource

JOB_COLUMNS = (
    Column("action", "Action"),
    Column("target", "Target"),
    Column("plugin", "Plugin"),
    Column("progress", "Progress", ColumnType.FRACTION),
    Column("message", "Message"),
    Column("attempt", "Attempt", ColumnType.INTEGER),
    Column("created", "Created", ColumnType.TIMESTAMP),
    Column("started", "Started", ColumnType.TIMESTAMP),
    Column("ended", "Ended", ColumnType.TIMESTAMP),
    Column("duration", "Duration", ColumnType.DURATION),
)

_HEALTH = {
    JobState.QUEUED: Health.STOPPED,
    JobState.RUNNING: Health.BUSY,
    JobState.SUCCEEDED: Health.OK,
    JobState.FAILED: Health.FAILED,
    JobState.CANCELLED: Health.STOPPED,
    JobState.DEAD: Health.FAILED,
}


def job_resource(record: JobRecord) -> Resource:
    """A job as a resource; times that are not known yet are empty, a duration is there once the job has ended."""
    ran = record.ended - record.started if record.ended and record.started else None
    since = record.ended if record.state.final else record.started or record.created
    off = (
        {"job.cancel": f"the job has ended: it is {record.state.value}"}
        if record.state.final
        else {"job.retry": f"the job has not ended: it is {record.state.value}"}
    )
    links = [Link("target", record.target)] if record.target else []
    links += [Link("after", f"core/job/{before}") for before in record.after]
    return Resource(
        record.address,
        str(record.job),
        _HEALTH[record.state],
        record.state.value,
        record.error.message.partition("\n")[0] if record.error else "",
        since,
        (
            record.action,
            record.target,
            record.plugin,
            record.progress,
            record.message,
            record.attempt,
            record.created,
            record.started or None,
            record.ended or None,
            ran,
        ),
        links=tuple(links),
        actions_off=off,
    )
