"""The pluggy hooks by which a plugin's entry-point module declares itself.

Only the programs that run plugin code import this module (pluggy costs start-up time). A plugin writes::

    from quarterdeck_api.hooks import hookimpl
"""

import pluggy

from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.catalogue import CheckInfo, KeymapInfo, PluginInfo, ThemeInfo
from quarterdeck_api.declarations import Action, BackendType, Command, Controller, JobType, Kind, ProcessType, Sample
from quarterdeck_api.events import FindingChanged, HealthChanged, JobFinished

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
    def quarterdeck_processes(self) -> list[ProcessType]:  # type: ignore[empty-body]
        """Types of managed processes."""

    @hookspec
    def quarterdeck_controllers(self) -> list[Controller]:  # type: ignore[empty-body]
        """Loops that watch its backends and act."""

    @hookspec
    def quarterdeck_commands(self) -> list[Command]:  # type: ignore[empty-body]
        """Commands of the command line below the plugin's name."""

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

    @hookspec
    def quarterdeck_health_changed(self, event: HealthChanged) -> None:
        """Told in the host when a resource of any backend has another health."""

    @hookspec
    def quarterdeck_job_finished(self, event: JobFinished) -> None:
        """Told in the host when a job of any plugin has ended."""

    @hookspec
    def quarterdeck_finding(self, event: FindingChanged) -> None:
        """Told in the host when a finding came up or is gone."""

    @hookspec
    def quarterdeck_authorize(self, request: AuthorizationRequest) -> Authorization:  # type: ignore[empty-body]
        """Whether a request may be carried out; asked in the host, 2 s, and no answer means no."""
