"""The runtime put together: which part talks to which, the order of start and stop, and when it is idle."""

import asyncio
import logging
import os
import random
import time

from msgspec import Raw

from quarterdeck.config.loaded import LoadedSettings
from quarterdeck.config.paths import InstancePaths
from quarterdeck.config.settings import map_processes
from quarterdeck.runtime.asking import Asking
from quarterdeck.runtime.authorization import Authorizer, KnownAuthorizers
from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.backend_probing import BackendProbing
from quarterdeck.runtime.backend_views import BackendViews
from quarterdeck.runtime.background import Background, tell_fault
from quarterdeck.runtime.borders import MapTerms
from quarterdeck.runtime.client_methods import ClientMethods
from quarterdeck.runtime.controllers.part import BackendControllers
from quarterdeck.runtime.core_actions import CoreActions
from quarterdeck.runtime.core_findings import CoreFindings
from quarterdeck.runtime.core_logs import CoreLogs
from quarterdeck.runtime.core_rows import SHOWN_JOBS, SHOWN_JOURNAL, CoreRows
from quarterdeck.runtime.database import Durability, open_database
from quarterdeck.runtime.datasets.browsing import ROW, DatasetRows
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue
from quarterdeck.runtime.datasets.needs import DatasetNeeds
from quarterdeck.runtime.datasets.reading import RowReader
from quarterdeck.runtime.descriptions import Descriptions
from quarterdeck.runtime.editing import Editing
from quarterdeck.runtime.environment import JobSurroundings, OfferedEnvironment
from quarterdeck.runtime.events import Events
from quarterdeck.runtime.findings import Findings
from quarterdeck.runtime.following import Following
from quarterdeck.runtime.hosts.supervisor import HostLimits, HostSupervisor
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck.runtime.jobs.job_asking import JobAsking
from quarterdeck.runtime.jobs.queue import JobQueue
from quarterdeck.runtime.jobs.recovery import recover
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.jobs.view import job_resource
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.outcome_checking import OutcomeChecking
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.processes.part import ManagedProcesses
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.requests import Requests
from quarterdeck.runtime.retention import Retention, kept
from quarterdeck.runtime.schedules.part import Schedules
from quarterdeck.runtime.self_report import SelfReport
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.store import Store
from quarterdeck.runtime.timeline import Timeline
from quarterdeck.runtime.workers.pool import WorkerPool
from quarterdeck_api import __version__
from quarterdeck_api.catalogue import RunsIn
from quarterdeck_api.host_protocol import ASK, HOST_FINDINGS, Ask
from quarterdeck_api.job_requests import JOB_COMMIT, JOB_SUBMIT, JOB_WAIT
from quarterdeck_api.protocol import DO, GET, BackendState, DoParams, DoResult, JobRecord
from quarterdeck_api.resources import CORE
from quarterdeck_api.runtime_requests import ConfigurationState

_log = logging.getLogger("quarterdeck.runtime")

#: Seconds between looks at idleness and at who looks at which backend.
_TICK = 1.0
#: Seconds that a guard without a job, and without a runtime, keeps its worker.
_GUARD_LINGER = 60.0


class Application:
    """All parts of the runtime, wired; `run` is its life."""

    def __init__(self, paths: InstancePaths, loaded: LoadedSettings) -> None:
        self._paths = paths
        self._loaded = loaded
        self._started = time.time()
        self._stop_reason = ""
        self._stopping = asyncio.Event()
        self._loaded_plugins = asyncio.Event()
        self._stop_workers = False
        self._environment = OfferedEnvironment(loaded.settings)
        self._background = Background()
        runtime = loaded.settings.runtime
        self._registry = Registry()
        self._store = Store(time.time)
        self._rows = CoreRows(self._store, self._registry, lambda: self._following.reloading.state)
        self._database = open_database(paths.database, Durability(runtime.durable))
        self._journal = Journal(self._database, time.time, self._rows.journal_entry)
        self._datasets = DatasetCatalogue(self._database, paths, self._registry.samples, time.time)
        self._queue = JobQueue(self._database, time.time, random.Random())
        self._surroundings = JobSurroundings(self._registry, self._datasets, self._environment.lookup)
        self._jobs = JobService(
            paths,
            self._queue,
            self._surroundings,
            self._datasets,
            {},
            self._publish_job,
            time.time,
            runtime.max_jobs,
            lambda: MapTerms(map_processes(self._following.settings), self._following.settings.runtime.dask),
        )
        idle_exit = runtime.idle_exit or _GUARD_LINGER
        self._workers = WorkerPool(
            paths, self._jobs, runtime.max_workers, runtime.worker_idle, min(_GUARD_LINGER, idle_exit)
        )
        limits = HostLimits(memory=runtime.host_memory * 1024**2, call_timeout=runtime.call_timeout)
        self._hosts = HostSupervisor(self._store, self._jobs, paths.logs, limits=limits, on_status=self._host_changed)
        self._authorizers = KnownAuthorizers(self._database)
        self._events = Events(self._hosts, self._registry.ready_plugins, self._background.spawn)
        self._findings = Findings(lambda changes: self._store.apply(CORE, changes), self._events.tell, time.time)
        self._events.findings = self._findings
        self._core_findings = CoreFindings(
            self._findings,
            paths.state_folder,
            backends=self._store.backends,
            plugins=self._registry.plugins,
            hosts=self._hosts.status,
            configuration=lambda: self._following.reloading.state,
            schedules=lambda: self._schedules.findings(),
            plugin_of=self._registry.plugin_of,
        )
        self._store.subscribe_backends(self._core_findings.changed)
        self._store.subscribe_conditions(self._events.condition)
        self._timeline = Timeline(self._database, self._store.resource, self._jobs.get)
        self._store.subscribe_conditions(self._timeline.take)
        self._hosts.routes.on_notification(HOST_FINDINGS, self._core_findings.from_host)
        self._opening = BackendOpening(self._registry, self._store, self._hosts, self._environment.lookup, time.time)
        self._jobs.runners.update({RunsIn.WORKER: self._workers, RunsIn.HOST: self._hosts})
        # Schedules request as clients do, so what they need of `Requests` is looked up when it is there.
        self._schedules = Schedules(
            self._database,
            self._journal,
            self._rows,
            request=lambda actor, request: self._requests.do(actor, request),
            require_possible=lambda request: self._requests.require_possible(request),
            job=self._jobs.get,
            changed=self._core_findings.changed,
            clock=time.time,
        )
        core_actions = CoreActions(self._jobs, self._datasets, self._publish_datasets)
        core_actions.add(self._schedules.actions)
        self._controllers = BackendControllers(
            self._database,
            self._registry,
            self._store,
            self._hosts,
            self._rows,
            lookup=self._environment.lookup,
            clock=time.time,
            rng=random.Random(),
        )
        core_actions.add(self._controllers.actions)
        self._processes = ManagedProcesses(
            paths,
            self._database,
            self._registry,
            self._surroundings,
            self._hosts,
            self._findings,
            apply=lambda changes: self._store.apply(CORE, changes),
            samples=lambda samples: self._views.metrics.put(samples),
            do=lambda actor, request: self._requests.do(actor, request),
            lookup=self._environment.lookup,
            clock=time.time,
            rng=random.Random(),
            linger=min(_GUARD_LINGER, idle_exit),
        )
        core_actions.add(self._processes.actions)
        core_actions.on_new("process.create", self._processes.actions.new_parameters)
        job_asking = JobAsking(self._jobs, lambda actor, request, parent: self._requests.do(actor, request, parent))
        self._asking = Asking(self._controllers.actor, job_asking.actor)
        self._asking.on(DO, self._do_for_plugin)
        self._asking.on(GET, lambda _, asked: self._server.get(asked))
        self._processes.answer(self._asking)
        self._asking.on_job(JOB_SUBMIT, job_asking.submit)
        self._asking.on_job(JOB_WAIT, job_asking.wait)
        self._asking.on_job(JOB_COMMIT, job_asking.commit)
        self._hosts.routes.on_request(ASK, self._asking.answer)
        self._workers.asking, self._workers.waits = self._answer_worker, self._jobs.waits
        needs = DatasetNeeds(self._datasets, self._jobs)
        presence = Presence(self._registry, self._store, lambda number: job_resource(self._jobs.get(number)))
        core_actions.add(OutcomeChecking(self._journal, self._hosts, presence.resource))
        authorizer = Authorizer(self._hosts, self._registry.plugins, self._authorizers)
        asking = BackendAsking(self._store, self._hosts, presence)
        self._requests = Requests(
            self._registry,
            self._store,
            self._hosts,
            self._jobs,
            self._journal,
            core_actions,
            needs,
            presence,
            authorizer,
            lambda: self._following.settings,
        )
        probing = BackendProbing(self._registry, self._store, self._hosts, self._opening, presence)
        self._following = Following(
            paths,
            loaded,
            self._environment,
            self._registry,
            self._store,
            self._journal,
            self._jobs,
            self._hosts,
            self._workers,
            self._processes,
            self._opening,
            authorizer,
            on_plugins=self._publish_plugins,
            on_configuration=self._configuration_changed,
            on_catalogue=lambda: self._server.catalogue_changed(),
            on_missing=lambda names: self._server.want_environment(names),
        )
        descriptions = Descriptions(
            self._registry,
            presence,
            self._hosts,
            self._jobs,
            self._journal,
            {
                "schedule": self._schedules.blocks,
                "controller": self._controllers.blocks,
                "process": self._processes.blocks,
                "instance": self._processes.instance_blocks,
            },
        )
        self._editing = Editing(
            self._registry, presence, asking, self._journal, authorizer, lambda: self._following.settings
        )
        core_logs = CoreLogs(paths, self._jobs, self._hosts, self._processes)
        self._views = BackendViews(
            self._registry,
            self._store,
            self._hosts,
            presence,
            asking,
            descriptions,
            self._editing,
            core_logs.find,
        )
        report = SelfReport(
            paths,
            self._started,
            self._store,
            self._environment,
            self._hosts,
            self._workers,
            self._jobs,
            self._processes,
            settings=lambda: self._following.settings,
            configuration=lambda: self._following.reloading.state,
            clients=lambda: self._server.clients(),
        )
        self._server = Server(
            paths,
            self._store,
            self._registry,
            hello=report.hello,
            log_source=core_logs.find,
            log_lines=self._views.logs.lines,
            on_environment=self._offered,
            on_fault=tell_fault,
            on_clients=self._follow_interest,
            ready=self._loaded_plugins,
        )
        self._retention = Retention(
            self._database, paths, time.time, lambda: kept(self._following.settings.runtime), self._rows.forget
        )
        self._rows_reader = RowReader(os.environ)
        dataset_rows = DatasetRows(self._datasets, self._rows_reader)
        self._views.browsing.register(ROW, dataset_rows.browse)
        descriptions.register(ROW, dataset_rows.describe_row)
        descriptions.register("dataset", dataset_rows.describe_dataset)
        self._views.answer(self._server)
        ClientMethods(
            self._requests,
            descriptions,
            job_asking,
            self._journal,
            self._timeline,
            self._opening,
            probing,
            self._following.changes,
            self._following.reloading,
            report,
            settings=lambda: self._following.settings,
            stop=self.request_stop,
        ).answer(self._server)

    def request_stop(self, reason: str, stop_workers: bool) -> None:
        """Asks the runtime to end; with `stop_workers` running worker jobs end too, else their guards keep them."""
        if not self._stopping.is_set():
            self._stop_reason, self._stop_workers = reason, stop_workers
            self._stopping.set()

    async def run(self, lock: InstanceLock) -> None:
        """Serves until it is asked to stop or nobody needs it."""
        _log.info("runtime %s starts as process %d for %s", __version__, os.getpid(), self._paths.state_folder)
        for problem in self._loaded.problems:
            _log.warning("configuration: %s", problem)
        self._store.set_backend(
            BackendState(CORE, CORE, CORE, "Quarterdeck", "ready", since=self._started, embedded=True)
        )
        self._rows.first(
            self._queue.recent(SHOWN_JOBS), reversed(self._journal.list(SHOWN_JOURNAL)), self._schedules.all()
        )
        self._schedules.show_conflicts()
        await self._server.start(lock)
        try:
            await recover(self._paths, self._queue, self._jobs, self._workers)
            await self._processes.adopt()
            self._background.spawn(self._open_and_follow())
            self._background.spawn(self._watch_idleness())
            self._background.spawn(self._retention.run())
            self._background.spawn(self._timeline.run())
            await self._stopping.wait()
        finally:
            _log.info("runtime stops: %s", self._stop_reason or "a fault")
            self._background.cancel()
            await self._server.close()
            await self._processes.close(self._stop_workers)
            await self._hosts.close()
            await self._rows_reader.close()
            await self._requests.close()
            await self._editing.close()
            await self._workers.close(self._stop_workers)
            self._jobs.close(self._stop_workers)
            self._timeline.flush()
            self._database.close()
            lock.release()

    async def _open_and_follow(self) -> None:
        """Loads plugins, starts their hosts one by one, and then follows the configuration file."""
        await self._following.load()
        self._loaded_plugins.set()
        self._jobs.pump()
        self._background.spawn(self._schedules.run())
        self._background.spawn(self._core_findings.run())
        self._background.spawn(self._processes.run())
        self._background.spawn(self._controllers.run())
        await self._following.start_hosts()
        self._background.spawn(self._following.follow_plugins())
        self._background.spawn(self._following.changes.watch_clients())
        await self._following.follow_configuration()

    async def _watch_idleness(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            idle_exit = self._following.settings.runtime.idle_exit
            self._follow_interest()
            idle_since = self._server.idle_since
            busy = self._jobs.counts().get("queued", 0) + self._jobs.counts().get("running", 0)
            busy += self._schedules.live() + self._controllers.live() + self._processes.live()
            if idle_exit and idle_since is not None and not busy and time.monotonic() - idle_since >= idle_exit:
                self.request_stop(f"nobody was connected for {idle_exit:g} s", True)

    def _host_changed(self, plugin: str) -> None:
        """The state of a plugin's host changed."""
        self._core_findings.changed()
        self._processes.host_changed(plugin)

    def _follow_interest(self) -> None:
        """Tells every backend who looks at it now."""
        for backend in self._registry.backends():
            self._hosts.set_interest(backend.name, self._server.interest(backend.name))

    async def _do_for_plugin(self, actor: str, request: DoParams) -> DoResult:
        return await self._requests.do(actor, self._controllers.request(actor, request))

    async def _answer_worker(self, plugin: str, ask: Ask) -> Raw:
        await self._loaded_plugins.wait()  # A worker may have outlived the runtime before, and asks this one at once.
        return await self._asking.answer(plugin, ask)

    def _offered(self, values: dict[str, str]) -> None:
        self._environment.offer(values)
        self._background.spawn(self._opening.open_what_waited())

    def _publish_job(self, record: JobRecord) -> None:
        self._rows.job(record)
        if not record.state.final:
            return
        self._schedules.job_ended(record)
        self._events.job(record)
        if record.plugin == CORE or self._surroundings.named_datasets(record):
            self._publish_datasets()  # A dataset is new, or is used by one more job.

    def _configuration_changed(self, state: ConfigurationState) -> None:
        self._rows.configuration(state)
        self._core_findings.changed()

    def _publish_plugins(self) -> None:
        """Plugins as resources, and the samples that they bring as datasets."""
        self._rows.plugins()
        self._authorizers.follow(self._registry.plugins())
        self._core_findings.changed()
        self._controllers.follow()
        self._publish_datasets()

    def _publish_datasets(self) -> None:
        self._rows.datasets(self._datasets)
