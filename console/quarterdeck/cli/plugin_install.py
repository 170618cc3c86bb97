"""`quarterdeck plugin install`, `upgrade` and `remove`."""

from pathlib import Path

import click

from quarterdeck.cli.plugin_changing import Manner, change_plugins
from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.loading.installation import Verb, read_facts
from quarterdeck.loading.installing import plan_removal
from quarterdeck.loading.names import canonical
from quarterdeck.loading.own_environments import OwnEnvironments
from quarterdeck.loading.planning import plan_install
from quarterdeck.loading.plugin_source import PluginSource, plugin_source
from quarterdeck.loading.plugins import load_plugins
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.nearest import nearest


def install_plugin(source: str, own: bool, manner: Manner) -> int:
    """Installs a plugin from a wheel, a folder or by name; returns an exit code."""
    paths = instance_paths()
    environments = OwnEnvironments(paths.environments)
    facts = read_facts()
    with environments.changing():
        plan = plan_install(plugin_source(source, Path.cwd()), Verb.INSTALL, environments, facts, own=own)
        return change_plugins(paths, plan, "", all_plugins(paths), facts, manner)


def upgrade_plugin(plugin: str, source: str, own: bool, manner: Manner) -> int:
    """Upgrades an installed plugin, where it lives; from `source`, or from where it came."""
    paths = instance_paths()
    environments = OwnEnvironments(paths.environments)
    facts = read_facts()
    with environments.changing():
        known = all_plugins(paths)
        status = installed_plugin(known, plugin)
        wanted = plugin_source(source, Path.cwd()) if source else _origin(status, environments)
        in_own = own or environments.get(status.distribution) is not None
        plan = plan_install(wanted, Verb.UPGRADE, environments, facts, own=in_own)
        if canonical(plan.distribution) != canonical(status.distribution):
            raise click.UsageError(f"{wanted.text} is {plan.distribution}, not {status.distribution}")
        return change_plugins(paths, plan, status.id, known, facts, manner)


def remove_plugin(plugin: str, manner: Manner) -> int:
    """Removes an installed plugin; what it left in the configuration stays."""
    paths = instance_paths()
    environments = OwnEnvironments(paths.environments)
    facts = read_facts()
    with environments.changing():
        known = all_plugins(paths)
        status = installed_plugin(known, plugin)
        return change_plugins(paths, plan_removal(status, environments, facts), status.id, known, facts, manner)


def all_plugins(paths: InstancePaths) -> tuple[PluginStatus, ...]:
    """Every plugin that is installed, those that did not declare in time not tried again."""
    disabled = frozenset(load_settings(paths).settings.plugins.disabled)
    return load_plugins(paths, disabled=disabled, try_timeouts_again=False)


def installed_plugin(plugins: tuple[PluginStatus, ...], name: str) -> PluginStatus:
    """A plugin by its id or its distribution's name; raises NotFoundError with the nearest."""
    for each in plugins:
        if each.id == name:
            return each
    for each in plugins:
        if canonical(each.distribution) == canonical(name):
            return each
    raise NotFoundError(
        f"there is no plugin {name!r}", nearest(name, [each.id for each in plugins], "see `quarterdeck plugin list`")
    )


def _origin(status: PluginStatus, environments: OwnEnvironments) -> PluginSource:
    """What to install anew: where an own environment's plugin came from, but for a version that was named, else the distribution's name."""
    own = environments.get(status.distribution)
    if own is None or "==" in own.source:
        return PluginSource(status.distribution, status.distribution)
    return plugin_source(own.source, Path.cwd())
