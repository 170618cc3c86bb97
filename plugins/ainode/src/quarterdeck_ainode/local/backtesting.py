"""The job `ainode.backtest`: forecasts the past of a series with several models, and ranks them beside the naive baseline.

`JobValue.data` has these stable names::

    model, dataset, column, frequency, seasonal_period, observations, window
    horizon, level, windows     as asked for
    folds       [{fold, train_first, train_last, train_observations, test_first, test_last}]
    ranked_by   mase, or mae when a fold's training data is constant
    ranking     best first: [{rank, model, baseline, folds, mae, rmse, mase, smape, coverage, fit_seconds, failures, settings}]
                measures are means over the folds that did not fail; folds is their number; rank is null when one failed;
                failures are [{fold, reason, remedy}]
    best, beats_baseline    the first of the ranking, and whether it is not the baseline
    scores      [{model, fold, mae, rmse, mase, smape, coverage, fit_seconds}]
    notices     sentences
"""

import time
from collections.abc import Callable

from quarterdeck_ainode.job_request import asked_model, asked_parameters
from quarterdeck_ainode.local.actions import why_not
from quarterdeck_ainode.local.backtest_parameters import ALL, BacktestParameters
from quarterdeck_ainode.local.backtest_result import (
    Backtest,
    backtest_data,
    backtest_document,
    forecast_columns,
    score_columns,
)
from quarterdeck_ainode.models.backtest import Candidate, baseline_candidate, judge
from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, Task, forecaster_parameters, model_named
from quarterdeck_ainode.models.folds import make_folds
from quarterdeck_ainode.models.observations import check_size, read_observations
from quarterdeck_ainode.result_files import write_files, write_table
from quarterdeck_api.errors import UnsupportedError
from quarterdeck_api.jobs import JobContext, JobSpec, JobValue


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Judges models as the job's parameters say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    model = asked_model(spec, Task.FORECAST)
    wanted = asked_parameters(spec, BacktestParameters)
    candidates = _candidates(model, wanted, spec)
    context.step("read")
    observed = read_observations(context.dataset(wanted.dataset), wanted.column, wanted.window)
    check_size(observed)
    sliding = wanted.windows == "sliding"
    folds = make_folds(
        len(observed.values), wanted.horizon, wanted.folds, wanted.step, sliding=sliding, length=wanted.length
    )
    context.log(f"read {len(observed.values)} observations of {observed.column} from {observed.dataset}")
    context.step("folds")
    records = judge(context, [baseline_candidate(observed, folds), *candidates], observed, folds, wanted.level, clock)
    context.step("write")
    backtest = Backtest(
        model=model.id,
        observed=observed,
        window=wanted.window,
        windows=wanted.windows,
        level=wanted.level,
        folds=folds,
        records=records,
    )
    data, document = backtest_data(backtest), backtest_document(backtest)
    write_files(context, "backtest", "Scores", score_columns(backtest), data, document)
    write_table(context, "forecasts", "Forecasts", forecast_columns(backtest))
    context.progress(1.0, "done")
    return JobValue(data, document)


def _candidates(model: ModelInfo, wanted: BacktestParameters, spec: JobSpec) -> list[Candidate]:
    """The model with its settings, and the others with their defaults, once each."""
    others: dict[str, ModelInfo] = {}
    for name in wanted.models:
        named = [each for each in MODELS if each.task is Task.FORECAST] if name == ALL else [model_named(name)]
        others |= {each.id: each for each in named if each.id != model.id}
    wrong = next((each for each in others.values() if each.task is not Task.FORECAST), None)
    if wrong is not None:
        raise UnsupportedError(why_not(wrong, Task.FORECAST), "leave it out of --models", spec.address)
    settings = {model.id: spec.settings}
    return [
        Candidate(each.id, each, forecaster_parameters(each, settings.get(each.id, {})))
        for each in (model, *others.values())
    ]
