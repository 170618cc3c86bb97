"""Carries plans out: what was planned is installed or removed, and looked at afterwards."""

import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

from quarterdeck.loading.api_wheel import write_api_wheel
from quarterdeck.loading.discovery import GROUP
from quarterdeck.loading.installation import EnvironmentFacts, Verb, keeps_to_itself, pip_command, refuse_foreign
from quarterdeck.loading.names import canonical
from quarterdeck.loading.own_environments import OwnEnvironments, site_packages
from quarterdeck.loading.pip_program import find_pip, install, uninstall
from quarterdeck.loading.places import Place
from quarterdeck.loading.planning import API, Change, Plan, constraint_lines
from quarterdeck.loading.protected import closure, installed_distributions, needed_by
from quarterdeck_api import __version__
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError

Tell = Callable[[str], None]


def plan_removal(status: PluginStatus, environments: OwnEnvironments, facts: EnvironmentFacts) -> Plan:
    """Plans to remove the distribution of a plugin; raises RefusedError with what to type, or who else needs it."""
    name = status.distribution
    if status.paths:
        raise RefusedError(
            f"{status.id} is in {status.paths[0]}, a folder of QUARTERDECK_PLUGIN_PATH, and was not installed",
            "take the folder off that variable, and restart the runtime",
        )
    own = environments.get(name)
    if own is not None:
        change = Change(name, own.version, "")
        folder = str(environments.generation_folder(own))
        return Plan(Verb.REMOVE, name, own.version, "", Place.OWN, folder, (change,))
    if why := keeps_to_itself(facts):
        raise RefusedError(f"{name} cannot be removed: {why}", "remove it as it was installed")
    refuse_foreign(facts, Verb.REMOVE, [name])
    installed = installed_distributions()
    if canonical(name) in closure(installed):
        raise RefusedError(
            f"{name} is part of what the core needs", f"disable it: `quarterdeck plugin disable {status.id}`"
        )
    if others := needed_by(installed, canonical(name)):
        raise RefusedError(f"{name} is needed by {', '.join(others)}", f"remove {others[0]} first")
    change = Change(name, status.version, "")
    return Plan(Verb.REMOVE, name, status.version, "", Place.SHARED, facts.prefix, (change,))


def carry_out(plan: Plan, environments: OwnEnvironments, facts: EnvironmentFacts, tell: Tell) -> None:
    """Does what was planned; `tell` gets what pip says. Raises QuarterdeckError; then everything is as it was, as far as pip can."""
    if plan.verb is Verb.REMOVE:
        _remove(plan, environments, facts, tell)
    elif plan.place is Place.OWN:
        _install_own(plan, environments, facts, tell)
    else:
        _install_shared(plan, facts, tell)


def _remove(plan: Plan, environments: OwnEnvironments, facts: EnvironmentFacts, tell: Tell) -> None:
    if plan.place is Place.OWN:
        environments.forget(plan.distribution)
    else:
        uninstall(find_pip(facts), sys.executable, [plan.distribution], tell)


def _install_own(plan: Plan, environments: OwnEnvironments, facts: EnvironmentFacts, tell: Tell) -> None:
    assert plan.source is not None
    pip = find_pip(facts)
    generation, python = environments.create(plan.distribution)
    folder = python.parents[1]
    try:
        with TemporaryDirectory(prefix="quarterdeck-") as aside:
            api = write_api_wheel(Path(aside))
            pins = [each for each in plan.pins if not each.startswith(f"{API}==")]
            words = [str(api), plan.source.text]
            install(pip, str(python), words, (*pins, f"{API}=={__version__}"), tell)
        _require_plugin(plan.distribution, str(site_packages(folder)))
        environments.use(plan.distribution, plan.after, generation, plan.source.text)
    except BaseException:  # Interrupted, too: a generation that is not in use is nothing but wasted space.
        environments.remove((folder,))
        raise


def _install_shared(plan: Plan, facts: EnvironmentFacts, tell: Tell) -> None:
    assert plan.source is not None
    pip = find_pip(facts)
    protected = closure(installed_distributions())
    upgrade = ["--upgrade"] if plan.verb is Verb.UPGRADE else []
    install(pip, sys.executable, [*upgrade, plan.source.text], (*constraint_lines(protected), *plan.pins), tell)
    after = closure(installed_distributions())
    if changed := sorted(name for name, version in protected.items() if after.get(name) != version):
        raise QuarterdeckError(
            f"pip has changed what the core needs: {', '.join(changed)}",
            f"type `{pip_command(facts, Verb.INSTALL, [f'{name}=={protected[name]}' for name in changed])}`",
        )
    try:
        _require_plugin(plan.distribution, None)
    except UsageError:
        uninstall(pip, sys.executable, [each.distribution for each in plan.changes if not each.before], tell)
        raise


def _require_plugin(distribution: str, place: str | None) -> None:
    """Raises UsageError when what was installed has no entry point of a plugin."""
    found = distributions(path=[place]) if place else distributions()
    for each in found:
        if canonical(str(each.metadata["Name"] or "")) != canonical(distribution):
            continue
        if GROUP in (each.read_text("entry_points.txt") or ""):
            return
    raise UsageError(
        f"{distribution} is no plugin: it has no entry point in {GROUP}",
        "name a distribution that is a Quarterdeck plugin",
    )
