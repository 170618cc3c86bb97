"""`plugin doctor`: looks at everything that one plugin names, in the plugin's interpreter."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from quarterdeck.loading.confined import ConfinedRun, run_confined
from quarterdeck.loading.declaring import declare_plugin
from quarterdeck.loading.places import place_sentence
from quarterdeck_api.catalogue import Catalogue, CheckResult, PluginPhase, PluginStatus
from quarterdeck_api.visible import visible

#: How long all checks of a plugin may take together, in seconds; importing large libraries takes long on a slow disk.
CHECK_SECONDS = 120.0


def plugin_doctor(
    status: PluginStatus, *, limit: float = CHECK_SECONDS, environment: Mapping[str, str] | None = None
) -> list[CheckResult]:
    """Declares again without the cache, then looks at sample files, imports every implementation, and runs the plugin's own checks.

    Blocks; never raises for a fault of the plugin.
    """
    if status.phase is PluginPhase.DISABLED or not status.module:
        return [CheckResult(False, f"{status.id} is not looked into: {status.reason}", status.remedy)]
    fresh = declare_plugin(status, environment=environment)
    if fresh.catalogue is None:
        return [CheckResult(False, f"{status.id} does not declare ({fresh.phase.value}): {fresh.reason}", fresh.remedy)]
    catalogue = fresh.catalogue
    said = f"{status.id} {status.version} declares {_counts(catalogue)} in {fresh.declare_seconds:.2f} s"
    return [
        CheckResult(True, said),
        CheckResult(True, f"{status.id} is {place_sentence(status)}"),
        *_sample_checks(catalogue),
        *_checks_in_plugin(fresh, catalogue, limit, os.environ if environment is None else environment),
    ]


def _counts(catalogue: Catalogue) -> str:
    counted = (
        (len(catalogue.backend_types), "backend types"),
        (len(catalogue.kinds), "kinds"),
        (len(catalogue.actions), "actions"),
        (len(catalogue.jobs), "jobs"),
        (len(catalogue.processes), "processes"),
        (len(catalogue.controllers), "controllers"),
        (len(catalogue.commands), "commands"),
        (len(catalogue.samples), "samples"),
    )
    return ", ".join(f"{count} {what}" for count, what in counted)


def _sample_checks(catalogue: Catalogue) -> list[CheckResult]:
    missing = [sample for sample in catalogue.samples if not Path(sample.path).is_file()]
    return [
        CheckResult(
            False,
            f"the file of sample {sample.name} is missing: {sample.path}",
            "install the package that ships it again",
        )
        for sample in missing
    ]


def _checks_in_plugin(
    status: PluginStatus, catalogue: Catalogue, limit: float, environment: Mapping[str, str]
) -> list[CheckResult]:
    named = (
        *(each.factory for each in catalogue.backend_types),
        *(each.implementation for each in catalogue.jobs),
        *(each.implementation for each in catalogue.processes),
        *(each.implementation for each in catalogue.controllers),
        *(each.handler for each in catalogue.commands),
    )
    resolved = list(dict.fromkeys(filter(None, named)))
    checks = [each.implementation for each in catalogue.checks]
    names = [*(f"importing {each}" for each in resolved), *(f"check {each.id}" for each in catalogue.checks)]
    arguments = [status.interpreter, "-P", "-X", "faulthandler", "-m", "quarterdeck_api.check"]
    for option, values in (("--path", status.paths), ("--resolve", resolved), ("--run", checks)):
        for value in values:
            arguments += [option, value]
    try:
        run = run_confined(arguments, environment, limit)
    except OSError as error:
        said = f"its interpreter {status.interpreter} cannot be started: {error.strerror}"
        return [CheckResult(False, said, "install the plugin again")]
    return _results(names, run)


def _results(names: list[str], run: ConfinedRun) -> list[CheckResult]:
    """One result for each name; the first that is missing is the one that ended the process."""
    results: list[CheckResult] = []
    for line in run.output.splitlines()[: len(names)]:
        try:
            found = msgspec.json.decode(line, type=CheckResult)
        except msgspec.MsgspecError:
            break
        results.append(CheckResult(found.ok, visible(found.sentence), visible(found.remedy)))
    left = names[len(results) :]
    if left:
        results.append(CheckResult(False, f"{left[0]}: its process {run.ending}", "report it to the plugin's author"))
        results += [CheckResult(False, f"{each} was not reached", "correct what is above first") for each in left[1:]]
    return results
