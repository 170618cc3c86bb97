"""The pluggy hooks by which a plugin's entry-point module declares itself.

Only the programs that run plugin code import this module (pluggy costs start-up time). A plugin writes::

    from quarterdeck_api.hooks import hookimpl
"""

import pluggy

from quarterdeck_api.catalogue import CheckInfo, KeymapInfo, PluginInfo, ThemeInfo
from quarterdeck_api.declarations import Action, BackendType, JobType, Kind, Sample

PROJECT = "quarterdeck"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecification:
    """Every hook, with what it gives."""

    @hookspec
    def quarterdeck_plugin(self) -> PluginInfo:  # type: ignore[empty-body]
        """Who the plugin is; required."""

    @hookspec
    def quarterdeck_backend_types(self) -> list[BackendType]:  # type: ignore[empty-body]
        """What it can connect to."""

    @hookspec
    def quarterdeck_kinds(self) -> list[Kind]:  # type: ignore[empty-body]
        """Kinds of its own, and its columns of shared kinds."""

    @hookspec
    def quarterdeck_actions(self) -> list[Action]:  # type: ignore[empty-body]
        """What can be done."""

    @hookspec
    def quarterdeck_jobs(self) -> list[JobType]:  # type: ignore[empty-body]
        """Types of jobs that its actions start."""

    @hookspec
    def quarterdeck_samples(self) -> list[Sample]:  # type: ignore[empty-body]
        """Series that its dependencies ship."""

    @hookspec
    def quarterdeck_checks(self) -> list[CheckInfo]:  # type: ignore[empty-body]
        """Checks for `plugin doctor`."""

    @hookspec
    def quarterdeck_themes(self) -> list[ThemeInfo]:  # type: ignore[empty-body]
        """Colour themes."""

    @hookspec
    def quarterdeck_keymaps(self) -> list[KeymapInfo]:  # type: ignore[empty-body]
        """Sets of keys."""
