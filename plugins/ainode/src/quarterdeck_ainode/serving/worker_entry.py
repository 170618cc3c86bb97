"""What workers are told to run, without importing any of it here: the server itself needs no library of models."""

from quarterdeck_ainode.serving.inference_task import Computed, InferenceTask, Refused


def prepare(_: object) -> None:
    """Imports what most requests need."""
    from quarterdeck_ainode.serving import inference

    inference.prepare()


def answer(task: InferenceTask) -> Computed | Refused:
    """Computes one request."""
    from quarterdeck_ainode.serving import inference

    return inference.answer(task)
