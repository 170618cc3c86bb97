"""A job that has a process run, talks to it, and removes it."""

from quarterdeck_api.jobs import JobContext, JobValue
from quarterdeck_api.processes import ControlMessage


def trial(context: JobContext) -> JobValue:
    """Runs a stage for a while."""
    address = context.processes.ensure("stages.stage", "trial", {"threshold": 0.25})
    context.processes.wait_ready("trial", 30.0)
    answer = context.processes.control("trial", ControlMessage("threshold", {"value": 0.75}))
    context.processes.ensure("stages.stage", "trial", {"threshold": 0.25})
    context.processes.remove("trial")
    return JobValue({"address": address, "answer": answer.body})
