"""What clients ask of the runtime, beside lists and what they ask of backends: each method with the part that answers it."""

import asyncio
from collections.abc import Callable

from quarterdeck.config.settings import Settings
from quarterdeck.runtime.backend_opening import BackendOpening
from quarterdeck.runtime.backend_probing import BackendProbing
from quarterdeck.runtime.descriptions import Descriptions
from quarterdeck.runtime.jobs.job_asking import JobAsking
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.plugin_changes import PluginChanges
from quarterdeck.runtime.reloading import ConfigurationReloading
from quarterdeck.runtime.requests import Requests
from quarterdeck.runtime.self_report import SelfReport
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck.runtime.timeline import Timeline
from quarterdeck_api.job_requests import JOB_WAIT, JobAddress
from quarterdeck_api.jobs import JobOutcome
from quarterdeck_api.plugin_requests import PLUGIN_BEGIN, PLUGIN_END, PLUGIN_PROCEED, PLUGINS_RELOAD
from quarterdeck_api.protocol import (
    BACKEND_RETRY,
    BACKEND_TEST,
    COMPLETE,
    DESCRIBE,
    DO,
    JOB_GET,
    JOURNAL,
    PARAMETERS,
    AddressParams,
    BackendTest,
    DoParams,
    DoResult,
    JobParams,
    JobRecord,
    JournalParams,
    JournalResult,
)
from quarterdeck_api.runtime_requests import CONFIG_RELOAD, STATUS, STOP, ConfigurationState, RuntimeStatus, StopParams
from quarterdeck_api.timeline import TIMELINE, TimelineParams, TimelineResult
from quarterdeck_api.wire import Nothing


class ClientMethods:
    """Answers by the parts that are given; `settings` gives those that hold, `stop` gets why the runtime is to end and whether its workers are too."""

    def __init__(
        self,
        requests: Requests,
        descriptions: Descriptions,
        job_asking: JobAsking,
        journal: Journal,
        timeline: Timeline,
        opening: BackendOpening,
        probing: BackendProbing,
        plugin_changes: PluginChanges,
        reloading: ConfigurationReloading,
        report: SelfReport,
        *,
        settings: Callable[[], Settings],
        stop: Callable[[str, bool], None],
    ) -> None:
        self._requests = requests
        self._descriptions = descriptions
        self._job_asking = job_asking
        self._journal = journal
        self._timeline = timeline
        self._opening = opening
        self._probing = probing
        self._plugin_changes = plugin_changes
        self._reloading = reloading
        self._report = report
        self._settings = settings
        self._request_stop = stop

    def answer(self, server: Server) -> None:
        """Has the server answer by these parts."""
        server.on(DO, self._do)
        server.on(PARAMETERS, lambda _, asked: self._requests.parameters(asked))
        server.on(COMPLETE, lambda _, asked: self._requests.complete(asked))
        server.on(DESCRIBE, lambda _, asked: self._descriptions.describe(asked))
        server.on(JOB_GET, self._job_get)
        server.on(JOB_WAIT, self._job_wait)
        server.on(JOURNAL, self._list_journal)
        server.on(TIMELINE, self._read_timeline)
        server.on(BACKEND_RETRY, self._retry_backend)
        server.on(BACKEND_TEST, self._test_backend)
        server.on(PLUGIN_BEGIN, self._plugin_changes.begin)
        server.on(PLUGIN_PROCEED, self._plugin_changes.proceed)
        server.on(PLUGIN_END, self._plugin_changes.end)
        server.on(PLUGINS_RELOAD, self._plugin_changes.reload)
        server.on(CONFIG_RELOAD, self._reload_configuration)
        server.on(STATUS, self._status)
        server.on(STOP, self._stop)

    async def _do(self, session: ClientSession, request: DoParams) -> DoResult:
        return await self._requests.do(session.actor, request)

    async def _job_get(self, _: ClientSession, asked: JobParams) -> JobRecord:
        return self._descriptions.job(asked.job)

    async def _job_wait(self, _: ClientSession, asked: JobAddress) -> JobOutcome:
        return await self._job_asking.wait(None, asked)

    async def _list_journal(self, _: ClientSession, asked: JournalParams) -> JournalResult:
        return JournalResult(tuple(self._journal.list(asked.limit, asked.before, asked.filter)))

    async def _read_timeline(self, _: ClientSession, asked: TimelineParams) -> TimelineResult:
        return self._timeline.read(asked)

    async def _retry_backend(self, _: ClientSession, asked: AddressParams) -> Nothing:
        await self._opening.retry(asked.address.split("/", 1)[0])
        return Nothing()

    async def _test_backend(self, _: ClientSession, asked: AddressParams) -> BackendTest:
        return await self._probing.test(asked.address.split("/", 1)[0], self._settings().runtime.call_timeout)

    async def _reload_configuration(self, _: ClientSession, __: Nothing) -> ConfigurationState:
        return await self._reloading.reload()

    async def _status(self, _: ClientSession, __: Nothing) -> RuntimeStatus:
        return self._report.status()

    async def _stop(self, session: ClientSession, asked: StopParams) -> Nothing:
        reason = f"{asked.reason}, {session.actor}"
        asyncio.get_running_loop().call_soon(self._request_stop, reason, not asked.keep_workers)
        return Nothing()
