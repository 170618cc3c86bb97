"""Plans shown, confirmed and carried out: what `plugin install`, `upgrade` and `remove` have in common."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import asks, narrate, write_json, write_lines
from quarterdeck.config.paths import InstancePaths
from quarterdeck.loading.installation import EnvironmentFacts, Verb
from quarterdeck.loading.installing import carry_out
from quarterdeck.loading.names import canonical
from quarterdeck.loading.own_environments import OwnEnvironments
from quarterdeck.loading.places import Place, place_of
from quarterdeck.loading.planning import Plan
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import ExitCode, QuarterdeckError, RefusedError, UnreachableError
from quarterdeck_api.plugin_requests import (
    PLUGIN_BEGIN,
    PLUGIN_END,
    PLUGIN_PROCEED,
    PLUGINS_RELOAD,
    PluginChange,
    PluginChangeEnd,
    PluginChangeNumber,
    PluginChangeState,
    PluginsState,
)
from quarterdeck_api.visible import visible
from quarterdeck_api.wire import Nothing

#: Seconds that the runtime may take to have hosts follow: it starts them one after another.
_FOLLOW_TIMEOUT = 300.0
_PAUSE = 0.5


class Manner(Struct, frozen=True):
    """How a plan is carried out: only shown, confirmed already, without waiting for jobs, told as JSON."""

    dry_run: bool
    yes: bool
    typed_name: str
    now: bool
    as_json: bool


def change_plugins(
    paths: InstancePaths,
    plan: Plan,
    plugin: str,
    known: tuple[PluginStatus, ...],
    facts: EnvironmentFacts,
    manner: Manner,
) -> int:
    """Shows a plan, asks, and carries it out while the runtime holds the jobs that it would disturb; returns an exit code.

    `plugin` is the plugin's id, empty when it is not known yet; `known` are the plugins before.
    """
    if not plan.changes:
        narrate(visible(f"{plan.distribution} {plan.before} is installed already: nothing to do"))
        if manner.as_json:
            write_json(plan_document(plan, plugin))
        return ExitCode.DONE
    lines = [visible(line) for line in plan_lines(plan)]
    if manner.dry_run:
        write_json(plan_document(plan, plugin)) if manner.as_json else write_lines(lines)
        return ExitCode.DONE
    for line in lines:
        narrate(line)
    confirmed = manner.yes or bool(manner.typed_name)
    if not confirmed and asks():
        confirmed = click.confirm("Go on?", err=True)
    if not confirmed:
        raise RefusedError(
            f"{plan.verb.value} of {plan.distribution} has to be confirmed", "add --yes, or only look with --dry-run"
        )
    state = _carried_out(paths, plan, plugin or plan.distribution, _held(plan, known), facts, manner)
    return _tell(plan, state, manner)


@contextmanager
def journalled(paths: InstancePaths, verb: str, plugin: str) -> Iterator[None]:
    """Has the runtime ask its policy and write down what is done inside; raises RefusedError when policy says no."""
    with open_session("plugin", paths=paths) as session:
        begun = session.call(PLUGIN_BEGIN, PluginChange(verb, plugin), _FOLLOW_TIMEOUT)
        try:
            yield
        except QuarterdeckError as error:
            _end(paths, session, PluginChangeEnd(begun.change, "failed", error.message))
            raise
        _end(paths, session, PluginChangeEnd(begun.change, "done", f"plugin {plugin}: {verb}"))


def plan_lines(plan: Plan) -> list[str]:
    """A plan as a user reads it."""
    where = "an environment of its own below" if plan.place is Place.OWN else "Quarterdeck's environment,"
    preposition = "from" if plan.verb is Verb.REMOVE else "in"
    versions = " -> ".join(filter(None, (plan.before, plan.after)))
    lines = [f"{plan.verb.value} {plan.distribution} {versions} {preposition} {where} {plan.folder}"]
    if plan.why and plan.place is Place.OWN:
        lines.append(f"  because {plan.why}")
    width = max(len(each.distribution) for each in plan.changes)
    for each in plan.changes:
        word = "remove" if not each.after else "install" if not each.before else "change"
        versions = " -> ".join(filter(None, (each.before, each.after)))
        lines.append(f"  {word:7}  {each.distribution:{width}}  {versions}")
    return lines


def plan_document(plan: Plan, plugin: str) -> dict[str, Any]:
    """A plan as JSON."""
    return {
        "verb": plan.verb.value,
        "plugin": plugin,
        "distribution": plan.distribution,
        "before": plan.before,
        "after": plan.after,
        "environment": plan.place.value,
        "folder": plan.folder,
        "why": plan.why,
        "changes": [
            {"distribution": each.distribution, "before": each.before, "after": each.after} for each in plan.changes
        ],
        "applied": False,
    }


def _held(plan: Plan, known: tuple[PluginStatus, ...]) -> tuple[str, ...]:
    """The plugins that run with files which the plan replaces or removes."""
    if not plan.disturbs:
        return ()
    return tuple(each.id for each in known if each.catalogue is not None and place_of(each) is not Place.OWN)


def _carried_out(
    paths: InstancePaths, plan: Plan, plugin: str, held: tuple[str, ...], facts: EnvironmentFacts, manner: Manner
) -> PluginsState:
    asked = PluginChange(
        verb=plan.verb.value,
        plugin=plugin,
        distribution=plan.distribution,
        before=plan.before,
        after=plan.after,
        environment=plan.place.value,
        hold=held,
        confirmed=True,
        typed_name=manner.typed_name,
    )
    with open_session("plugin", paths=paths) as session:
        begun = session.call(PLUGIN_BEGIN, asked, _FOLLOW_TIMEOUT)
        try:
            _wait_for_jobs(session, begun, manner.now)
            carry_out(plan, OwnEnvironments(paths.environments), facts, _say)
        except QuarterdeckError as error:
            _end(paths, session, PluginChangeEnd(begun.change, "failed", error.message))
            raise
        except KeyboardInterrupt:
            _end(paths, session, PluginChangeEnd(begun.change, "failed", "it was interrupted"))
            raise
        done = (
            f"{plan.distribution} {plan.after or plan.before}: {plan.verb.value} in the {plan.place.value} environment"
        )
        return _end(paths, session, PluginChangeEnd(begun.change, "done", done))


def _wait_for_jobs(session: Session, begun: PluginChangeState, now: bool) -> None:
    """Returns once the runtime says that files may be changed; no job of the plugins concerned begins meanwhile."""
    told: tuple[int, ...] = ()
    while True:
        state = session.call(PLUGIN_PROCEED, PluginChangeNumber(begun.change, now), _FOLLOW_TIMEOUT)
        if state.proceed:
            return
        if state.running != told:
            told = state.running
            jobs = ", ".join(f"core/job/{job}" for job in told)
            narrate(f"waiting for {jobs}: what is to be changed is in use; --now does not wait, ctrl-C gives up")
        time.sleep(_PAUSE)


def _end(paths: InstancePaths, session: Session, ended: PluginChangeEnd) -> PluginsState:
    """Tells the runtime what came of it; a runtime that was started anew meanwhile is told to look."""
    try:
        return session.call(PLUGIN_END, ended, _FOLLOW_TIMEOUT)
    except UnreachableError as error:
        narrate(visible(f"the runtime went away meanwhile, so the journal does not have the outcome: {error.message}"))
        with open_session("plugin", paths=paths) as again:
            return again.call(PLUGINS_RELOAD, Nothing(), _FOLLOW_TIMEOUT)


def _say(line: str) -> None:
    if line.strip():
        narrate(visible(f"  pip: {line}"))


def _tell(plan: Plan, state: PluginsState, manner: Manner) -> int:
    """Says what the plugins of the distribution are now; 1 when one of them cannot be used."""
    mine = [each for each in state.plugins if canonical(each.distribution) == canonical(plan.distribution)]
    waiting = [each.id for each in mine if each.id in state.waiting]
    faulty = [each for each in mine if each.phase not in (PluginPhase.READY, PluginPhase.DISABLED)]
    if manner.as_json:
        shown = [
            {
                "id": each.id,
                "version": each.version,
                "phase": each.phase.value,
                "reason": each.reason,
                "remedy": each.remedy,
            }
            for each in mine
        ]
        document = plan_document(plan, mine[0].id if mine else "")
        write_json({**document, "applied": True, "plugins": shown, "waiting": waiting})
    else:
        write_lines(visible(line) for line in _outcome_lines(plan, mine, waiting))
    return ExitCode.FAILED if faulty and plan.verb is not Verb.REMOVE else ExitCode.DONE


def _outcome_lines(plan: Plan, mine: list[PluginStatus], waiting: list[str]) -> list[str]:
    if plan.verb is Verb.REMOVE and not mine:
        return [f"{plan.distribution} {plan.before} is removed"]
    lines: list[str] = []
    for each in mine:
        if each.id in waiting:
            lines.append(f"plugin {each.id} goes on as {each.version} until the jobs in its host have ended")
        elif each.phase is PluginPhase.READY:
            lines.append(f"plugin {each.id} {each.version} is ready ({Path(each.interpreter).parents[1]})")
        else:
            lines.append(f"plugin {each.id} {each.version}: {each.phase.value}: {each.reason}. {each.remedy}")
    return lines
