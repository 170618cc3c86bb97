"""What a job asks of the runtime: methods that are answered to the attempt that runs, beside some of the clients' own."""

from typing import Any

from msgspec import Struct

from quarterdeck_api.jobs import JobOutcome
from quarterdeck_api.wire import Method, Nothing


class JobSubmission(Struct, frozen=True, omit_defaults=True):
    """A job that another one starts. `key` names it among all that this one starts, over all of its attempts; empty: it has no name."""

    action: str
    key: str
    address: str = ""
    parameters: dict[str, Any] = {}
    settings: dict[str, Any] = {}


class JobAddress(Struct, frozen=True):
    """A job, as `core/job/NUMBER`."""

    address: str


class JobCheckpointCommit(Struct, frozen=True):
    """A checkpoint, with the steps that are done, that the asking attempt wants to know committed before it goes on."""

    value: Any
    done: dict[str, Any]


JOB_SUBMIT = Method("job.submit", JobSubmission, JobAddress)
JOB_WAIT = Method("job.wait", JobAddress, JobOutcome)
JOB_COMMIT = Method("job.commit", JobCheckpointCommit, Nothing)
#: From a guard to its worker: another runtime has come; what was asked of the one before may be lost.
RUNTIME_CHANGED = Method("runtime.changed", Nothing, Nothing)
