"""From which steps a job may be tried again."""

from quarterdeck_api.backend import Choice
from quarterdeck_api.protocol import JobRecord


def step_choices(record: JobRecord, prefix: str) -> tuple[Choice, ...]:
    """The steps that a job has come to, each once, whose names begin with the prefix."""
    names = dict.fromkeys(step.name for step in record.steps if step.name.startswith(prefix))
    return tuple(map(Choice, names))
