"""What installing, upgrading or removing a plugin would change: pip resolves, and what the core needs is never touched."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from quarterdeck.loading.api_wheel import write_api_wheel
from quarterdeck.loading.installation import EnvironmentFacts, Verb, keeps_to_itself, refuse_foreign
from quarterdeck.loading.names import canonical
from quarterdeck.loading.own_environments import OwnEnvironment, OwnEnvironments
from quarterdeck.loading.pip_program import Pip, PipConflictError, ResolvedItem, find_pip, resolve
from quarterdeck.loading.places import Place
from quarterdeck.loading.plugin_source import PluginSource
from quarterdeck.loading.protected import Installed, closure, installed_distributions
from quarterdeck_api import __version__
from quarterdeck_api.errors import QuarterdeckError, UsageError

API = "quarterdeck-api"


class Change(Struct, frozen=True):
    """A distribution that would be installed, changed or removed; an empty version means that it is not there."""

    distribution: str
    before: str
    after: str


class Plan(Struct, frozen=True):
    """What would be done, and where; `why` says what speaks against the shared environment. `folder` is the environment's."""

    verb: Verb
    distribution: str
    before: str
    after: str
    place: Place
    folder: str
    changes: tuple[Change, ...]
    source: PluginSource | None = None
    why: str = ""

    @property
    def disturbs(self) -> bool:
        """Whether files are replaced or removed that running processes may use."""
        return self.place is Place.SHARED and any(each.before for each in self.changes)

    @property
    def pins(self) -> tuple[str, ...]:
        """Constraints that make pip install what was planned, whatever has appeared on an index since."""
        return tuple(f"{each.distribution}=={each.after}" for each in self.changes if each.after)


def plan_install(
    source: PluginSource,
    verb: Verb,
    environments: OwnEnvironments,
    facts: EnvironmentFacts,
    *,
    own: bool = False,
) -> Plan:
    """Plans to install or upgrade a plugin, in an environment of its own when `own`, or when the shared one cannot take it.

    Blocks: pip may download. Raises RefusedError with what to type, or QuarterdeckError with what pip says.
    """
    source.check()
    pip = find_pip(facts)
    if own:
        return _in_own(source, verb, environments, pip, "it was asked for")
    if why := keeps_to_itself(facts):
        return _in_own(source, verb, environments, pip, why)
    refuse_foreign(facts, verb, [source.text])
    installed = installed_distributions()
    protected = closure(installed)
    words = [*(["--upgrade"] if verb is Verb.UPGRADE else []), source.text]
    try:
        resolved = resolve(pip, sys.executable, words, constraint_lines(protected))
    except PipConflictError as conflict:
        return _in_own(source, verb, environments, pip, conflict.message)
    changes = planned_changes(resolved, installed)
    if touched := protected_changes(changes, protected):
        return _in_own(source, verb, environments, pip, f"it would change {', '.join(touched)}, which the core needs")
    name = distribution_of(resolved, source)
    if name and environments.get(name) is not None:
        return _in_own(source, verb, environments, pip, "it has one already")
    before = installed[canonical(name)].version if canonical(name) in installed else ""
    after = next((each.after for each in changes if canonical(each.distribution) == canonical(name)), before)
    really = Verb.UPGRADE if before else Verb.INSTALL
    return Plan(really, name or source.text, before, after, Place.SHARED, facts.prefix, changes, source)


def _in_own(source: PluginSource, verb: Verb, environments: OwnEnvironments, pip: Pip, why: str) -> Plan:
    """A plan for a new generation, resolved as for an empty environment that has only quarterdeck-api."""
    with TemporaryDirectory(prefix="quarterdeck-") as folder:
        api = write_api_wheel(Path(folder))
        words = ["--ignore-installed", str(api), source.text]
        try:
            resolved = resolve(pip, sys.executable, words, (f"{API}=={__version__}",))
        except PipConflictError as conflict:
            raise PipConflictError(
                f"{source.text} cannot be installed, in an environment of its own neither: {conflict.message}",
                f"install a release of the plugin for quarterdeck-api {__version__}",
            ) from conflict
    name = distribution_of(resolved, source)
    if not name:
        raise QuarterdeckError(f"pip does not say what {source.text} is", "name the plugin's wheel or distribution")
    known = environments.get(name)
    before = known.version if known is not None else ""
    after = next(each.version for each in resolved if canonical(each.name) == canonical(name))
    changes = tuple(Change(each.name, "", each.version) for each in resolved)
    if known is not None and _is_newest(known, after, source):
        changes = ()
    really = Verb.UPGRADE if before else Verb.INSTALL
    folder = str(environments.folder / canonical(name))
    return Plan(really, name, before, after, Place.OWN, folder, changes, source, why)


def _is_newest(known: OwnEnvironment, after: str, source: PluginSource) -> bool:
    """Whether a new generation would be the same; a file or folder may have changed without its version."""
    return known.version == after and known.api == __version__ and not Path(source.text).is_absolute()


def constraint_lines(protected: Mapping[str, str]) -> list[str]:
    """Constraints that hold everything that the core needs at its version."""
    return [f"{name}=={version}" for name, version in sorted(protected.items())]


def planned_changes(resolved: Iterable[ResolvedItem], installed: Mapping[str, Installed]) -> tuple[Change, ...]:
    """What the resolved distributions change of those that are installed."""
    return tuple(
        Change(
            each.name,
            installed[canonical(each.name)].version if canonical(each.name) in installed else "",
            each.version,
        )
        for each in resolved
    )


def protected_changes(changes: Iterable[Change], protected: Mapping[str, str]) -> list[str]:
    """The names of protected distributions among the changes."""
    return [each.distribution for each in changes if canonical(each.distribution) in protected]


def distribution_of(resolved: Sequence[ResolvedItem], source: PluginSource) -> str:
    """The distribution that the user named; empty when it is installed already, and its name cannot be told from the source."""
    asked = [each.name for each in resolved if each.requested and canonical(each.name) != API]
    if len(asked) > 1:
        raise UsageError(f"{source.text} names several distributions", "name one")
    return asked[0] if asked else source.distribution
