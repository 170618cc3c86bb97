"""What a job is asked for: its model and the parameters of its action, as types."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from quarterdeck_ainode.local.actions import why_not
from quarterdeck_ainode.models.catalogue import ModelInfo, Task, model_named
from quarterdeck_api.errors import UnsupportedError, UsageError
from quarterdeck_api.jobs import JobSpec
from quarterdeck_api.resources import Address

P = TypeVar("P", bound=Struct)


def asked_parameters(spec: JobSpec, kind: type[P]) -> P:
    """The action's parameters, defaults filled in; raises UsageError."""
    try:
        return msgspec.convert(spec.parameters, kind)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"the parameters of {spec.job_type} are wrong: {error}", "see `quarterdeck do --help`"
        ) from error


def asked_model(spec: JobSpec, task: Task) -> ModelInfo:
    """The model that the job is for; raises NotFoundError, and UnsupportedError when it cannot do the task."""
    model = model_named(Address.parse(spec.address).name)
    if model.task is not task:
        raise UnsupportedError(why_not(model, task), "choose one of them", spec.address)
    return model
