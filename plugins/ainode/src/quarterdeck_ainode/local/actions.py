"""The actions on models, and why a model cannot do what others can."""

from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task

FORECAST = "model.forecast"
DETECT = "model.detect"
BACKTEST = "model.backtest"
TUNE = "model.tune"

#: Which task a model needs for an action.
TASK_OF = {FORECAST: Task.FORECAST, DETECT: Task.DETECTION, BACKTEST: Task.FORECAST, TUNE: Task.FORECAST}

_WHY_NOT = {
    Task.FORECAST: "labels points and does not forecast",
    Task.DETECTION: "forecasts and labels no points",
}


def actions_off(model: ModelInfo) -> dict[str, str]:
    """The actions that the model lacks, each with the reason and the models that have it."""
    return {action: why_not(model, task) for action, task in TASK_OF.items() if model.task is not task}


def why_not(model: ModelInfo, task: Task) -> str:
    """Why a model of another task cannot do this one, and which models can."""
    return f"{model.id} {_WHY_NOT[task]}; these do: {', '.join(each.id for each in MODELS if each.task is task)}"
