"""How the runtime follows its settings and what is installed: the parts that notice changes put together with those that take them over."""

import logging
from collections.abc import Callable, Collection

from quarterdeck.config.loaded import LoadedSettings
from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import Settings
from quarterdeck.runtime.authorization import Authorizer
from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.backend_set import BackendSet
from quarterdeck.runtime.environment import OfferedEnvironment
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.plugin_changes import PluginChanges
from quarterdeck.runtime.plugin_following import PluginFollowing
from quarterdeck.runtime.processes.part import ManagedProcesses
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.reloading import ConfigurationReloading
from quarterdeck.runtime.store import Store
from quarterdeck.runtime.workers.pool import WorkerPool
from quarterdeck_api.catalogue import PluginStatus, RunsIn
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.runtime_requests import ConfigurationState

_log = logging.getLogger("quarterdeck.runtime")


class Following:
    """Holds the settings that are in use, and keeps plugins, hosts and backends those of the settings and of what is installed.

    `on_plugins` is told when plugins are others, `on_configuration` how the settings stand, `on_catalogue` that clients need the catalogue anew, and
    `on_missing` the environment names that nobody has a value for.
    """

    def __init__(
        self,
        paths: InstancePaths,
        loaded: LoadedSettings,
        environment: OfferedEnvironment,
        registry: Registry,
        store: Store,
        journal: Journal,
        jobs: JobService,
        hosts: HostSupervisor,
        workers: WorkerPool,
        processes: ManagedProcesses,
        opening: BackendOpening,
        authorizer: Authorizer,
        *,
        on_plugins: Callable[[], None],
        on_configuration: Callable[[ConfigurationState], None],
        on_catalogue: Callable[[], None],
        on_missing: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.settings = loaded.settings
        self._environment = environment
        self._jobs = jobs
        self._hosts = hosts
        self._workers = workers
        self._processes = processes
        self._opening = opening
        self._on_plugins = on_plugins
        self._on_catalogue = on_catalogue
        self._on_missing = on_missing
        self._backend_set = BackendSet(
            paths,
            registry,
            store,
            hosts,
            opening,
            self._start_host,
            host_jobs=lambda plugin: jobs.running(plugin, RunsIn.HOST),
            renew=self._renew_plugins,
        )
        self._plugins = PluginFollowing(
            paths,
            self._take_plugins_over,
            waits=lambda: bool(self._backend_set.waiting),
            changing=lambda: self.changes.under_way,
            plugins=registry.plugins,
        )
        self.changes = PluginChanges(
            registry,
            journal,
            jobs,
            hosts,
            lambda: self.settings,
            self._plugins,
            lambda: self._backend_set.waiting,
            processes,
            authorizer,
        )
        self.reloading = ConfigurationReloading(
            paths,
            loaded.problems,
            lambda: self.settings,
            lambda: [status.catalogue for status in registry.ready_plugins() if status.catalogue],
            self._take_over,
            on_configuration,
        )

    async def load(self) -> None:
        """Loads plugins and makes the backends of the settings known."""
        self._plugins.remember()
        await self._backend_set.load_plugins(self.settings)
        self._on_plugins()
        self._backend_set.make_known(self.settings)

    async def start_hosts(self) -> None:
        """Starts the hosts of all plugins, one by one."""
        await self._backend_set.start_hosts()

    async def follow_plugins(self) -> None:
        """Follows what is installed until it is cancelled."""
        await self._plugins.follow()

    async def follow_configuration(self) -> None:
        """Follows the configuration file until it is cancelled."""
        await self.reloading.follow()

    async def _take_over(self, settings: Settings) -> None:
        before, self.settings = self.settings, settings
        self._environment.follow(settings)
        await self._backend_set.follow(settings, before)
        if missing := self._environment.missing():
            self._on_missing(missing)
        self._on_plugins()
        self._jobs.pump()
        if settings.plugins != before.plugins:
            self._on_catalogue()

    async def _take_plugins_over(self, renewed: Collection[str]) -> None:
        if await self._backend_set.follow_plugins(self.settings, renewed):
            self._on_plugins()
            self._jobs.pump()
            self._on_catalogue()

    def _renew_plugins(self, plugins: Collection[str]) -> None:
        """What runs of these plugins beside their hosts has code that has changed."""
        self._workers.retire(plugins)
        self._processes.renew(plugins)

    async def _start_host(self, status: PluginStatus) -> None:
        try:
            await self._hosts.start_plugin(status, self._opening.openable(status.id))
        except QuarterdeckError as error:
            _log.warning("host of %s: %s. %s", status.id, error.message, error.remedy)
        self._jobs.pump()
