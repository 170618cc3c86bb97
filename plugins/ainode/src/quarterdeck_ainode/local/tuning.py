"""The job `ainode.tune`: backtests a model with many settings and says which are best.

`JobValue.data` has these stable names::

    model, dataset, column, observations, window, windows, horizon, folds
    search, seed, space     how settings were chosen; space holds the values tried of each parameter
    ranked_by   mase, or mae when a fold's training data is constant
    trials      best first, the baseline and the settings as given (`as given`) among them:
                [{rank, model, baseline, folds, mae, rmse, mase, smape, coverage, fit_seconds, failures, settings}]
    best        the settings of the best trial
    command     the command line that forecasts with them
    beats_baseline
    notices     sentences
"""

import time
from collections.abc import Callable

from quarterdeck_ainode.job_request import asked_model, asked_parameters
from quarterdeck_ainode.local.backtest_result import Backtest
from quarterdeck_ainode.local.search_space import combinations, read_space, usual_space
from quarterdeck_ainode.local.tune_parameters import TuneParameters
from quarterdeck_ainode.local.tuning_result import Tuning, tuning_columns, tuning_data, tuning_document
from quarterdeck_ainode.models.backtest import Candidate, baseline_candidate, judge
from quarterdeck_ainode.models.catalogue import Task, forecaster_parameters
from quarterdeck_ainode.models.folds import make_folds
from quarterdeck_ainode.models.observations import check_size, read_observations
from quarterdeck_ainode.result_files import write_files
from quarterdeck_api.jobs import JobContext, JobValue

#: The name of the trial with the settings that were given.
AS_GIVEN = "as given"

#: Intervals do not matter here.
_LEVEL = 0.9


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Searches settings as the job's parameters say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    model = asked_model(spec, Task.FORECAST)
    wanted = asked_parameters(spec, TuneParameters)
    fixed = dict(spec.settings)
    given = forecaster_parameters(model, fixed)
    context.step("read")
    observed = read_observations(context.dataset(wanted.dataset), wanted.column, wanted.window)
    check_size(observed)
    sliding = wanted.windows == "sliding"
    folds = make_folds(
        len(observed.values), wanted.horizon, wanted.folds, wanted.step, sliding=sliding, length=wanted.length
    )
    usual = usual_space(model, observed.axis.season)
    space = read_space(model, wanted.vary) or {name: values for name, values in usual.items() if name not in fixed}
    found = combinations(model, space, fixed, grid=wanted.search == "grid", trials=wanted.trials, seed=wanted.seed)
    chosen = [settings for settings in found if forecaster_parameters(model, settings) != given]
    context.log(f"read {len(observed.values)} observations of {observed.column}; {len(chosen)} combinations to try")
    context.step("trials")
    tried = {AS_GIVEN: fixed, **{f"trial {number}": settings for number, settings in enumerate(chosen, 1)}}
    candidates = [
        baseline_candidate(observed, folds),
        Candidate(AS_GIVEN, model, given),
        *(
            Candidate(f"trial {number}", model, forecaster_parameters(model, settings))
            for number, settings in enumerate(chosen, 1)
        ),
    ]
    records = judge(context, candidates, observed, folds, _LEVEL, clock)
    context.step("write")
    backtest = Backtest(
        model=model.id,
        observed=observed,
        window=wanted.window,
        windows=wanted.windows,
        level=_LEVEL,
        folds=folds,
        records=records,
    )
    result = Tuning(model=model, address=spec.address, wanted=wanted, space=space, tried=tried, backtest=backtest)
    data, document = tuning_data(result), tuning_document(result)
    write_files(context, "tuning", "Trials", tuning_columns(result), data, document)
    context.progress(1.0, "done")
    return JobValue(data, document)
