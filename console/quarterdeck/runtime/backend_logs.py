"""Which logs a resource has, and the lines of those that backends have."""

from collections.abc import AsyncGenerator, Callable

from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.backend_streams import BackendStreams
from quarterdeck.runtime.serving.log_streams import LogChunk, LogSource
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.errors import NotFoundError, UnsupportedError
from quarterdeck_api.host_protocol import BACKEND_LOG_SOURCES
from quarterdeck_api.logs import LogOptions, LogSourceInfo, LogSourcesParams, LogSourcesResult
from quarterdeck_api.protocol import LogsParams
from quarterdeck_api.resources import CORE, Address

#: Seconds for a backend to say which logs a resource has.
_SOURCES_TIMEOUT = 10.0


class BackendLogs:
    """Logs by address: `core_log` finds those that are files of the core, everything else is a backend's."""

    def __init__(self, asking: BackendAsking, streams: BackendStreams, core_log: Callable[[str], LogSource]) -> None:
        self._asking = asking
        self._streams = streams
        self._core_log = core_log

    def lines(self, asked: LogsParams) -> AsyncGenerator[LogChunk, None] | None:
        """The lines of a backend's log; None for an address of the core, whose logs are files. Raises UsageError for no address."""
        if Address.parse(asked.address).backend == CORE:
            return None
        return self._backend_lines(asked)

    async def sources(self, _: ClientSession, asked: LogSourcesParams) -> LogSourcesResult:
        """The logs of a resource; none when neither the core nor its backend has one."""
        address = Address.parse(asked.address)
        try:
            if address.backend == CORE:
                self._core_log(asked.address)
                return LogSourcesResult((LogSourceInfo("log", "Log"),))
            return await self._asking.ask(address.backend, BACKEND_LOG_SOURCES, asked, _SOURCES_TIMEOUT)
        except (NotFoundError, UnsupportedError):
            return LogSourcesResult(())

    async def _backend_lines(self, asked: LogsParams) -> AsyncGenerator[LogChunk, None]:
        source = asked.source
        if not source:
            backend = Address.parse(asked.address).backend
            wanted = LogSourcesParams(asked.address)
            known = await self._asking.ask(backend, BACKEND_LOG_SOURCES, wanted, _SOURCES_TIMEOUT)
            if not known.sources:
                raise NotFoundError(
                    f"{asked.address} has no log", "see `quarterdeck logs --sources` of its parent", asked.address
                )
            source = known.sources[0].name
        async for message in self._streams.log(asked.address, source, LogOptions(asked.follow, asked.tail)):
            yield LogChunk(message.lines, message.skipped)
