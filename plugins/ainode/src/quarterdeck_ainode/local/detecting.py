"""The job `ainode.detect`: reads a dataset, fits a detector, and keeps a label for each observation.

`JobValue.data` has these stable names::

    model, dataset, column, frequency, observations, window
    times, values, labels   one each for every observation, labels exactly as sktime gives them:
                stray: 1 is an anomaly, 0 is none; hidden Markov models: the number of the state
    scores      stray: the distance, of the series scaled to 0 to 1, that the label is decided on; else null
    anomalies   stray: [{time, value, score}]; else null
    states      hidden Markov models: [{state, observations, share, mean, standard_deviation}]; else null
    changes     hidden Markov models: how often the state changes; else null
    fit         hidden Markov models: {converged, iterations, log_likelihood}; else null
    settings    every parameter of the model
    fit_seconds
    notices     sentences: what the libraries warned of, what should be changed
"""

import time
from collections.abc import Callable

import msgspec

from quarterdeck_ainode.job_request import asked_model, asked_parameters
from quarterdeck_ainode.local.detect_parameters import DetectParameters
from quarterdeck_ainode.local.detection_result import Detection, detection_columns, detection_data, detection_document
from quarterdeck_ainode.models.catalogue import Task, detector_parameters
from quarterdeck_ainode.models.fitting import notices_of, recorded_warnings, spread_notice
from quarterdeck_ainode.models.labelling import label
from quarterdeck_ainode.models.observations import read_observations
from quarterdeck_ainode.result_files import write_files
from quarterdeck_api.jobs import JobContext, JobValue


def run(context: JobContext, clock: Callable[[], float] = time.perf_counter) -> JobValue:
    """Labels a series as the job's parameters and settings say; raises QuarterdeckError with a remedy."""
    spec = context.spec
    model = asked_model(spec, Task.DETECTION)
    wanted = asked_parameters(spec, DetectParameters)
    parameters = detector_parameters(model, spec.settings)
    context.step("read")
    observed = read_observations(context.dataset(wanted.dataset), wanted.column, wanted.window)
    context.log(f"read {len(observed.values)} observations of {observed.column} from {observed.dataset}")
    context.raise_if_cancelled()
    context.step("fit")
    context.progress(0.1, f"fitting {model.id} to {len(observed.values)} observations")
    started = clock()
    with recorded_warnings() as raised:
        labels = label(model, parameters, observed)
    seconds = clock() - started
    notices = (*labels.notices, *notices_of(raised), *spread_notice(observed))
    context.log(f"fitted {model.id} in {seconds:.3f} s")
    for notice in notices:
        context.log(f"notice: {notice}")
    context.raise_if_cancelled()
    context.step("write")
    detection = Detection(
        model=model.id,
        observed=observed,
        window=wanted.window,
        labels=labels,
        settings=msgspec.to_builtins(parameters),
        fit_seconds=seconds,
        notices=notices,
    )
    data, document = detection_data(detection), detection_document(detection)
    write_files(context, "detection", "Labels", detection_columns(detection), data, document)
    context.progress(1.0, "done")
    return JobValue(data, document)
