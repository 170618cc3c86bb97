"""What clients ask of backends beside lists and actions, put together: pages, documents, logs, metrics and texts."""

import time
from collections.abc import Callable

from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.backend_logs import BackendLogs
from quarterdeck.runtime.backend_streams import BackendStreams
from quarterdeck.runtime.browsing import Browsing
from quarterdeck.runtime.descriptions import Descriptions
from quarterdeck.runtime.editing import Editing
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.live_documents import LiveDocuments
from quarterdeck.runtime.metrics import Metrics
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.serving.log_streams import LogSource
from quarterdeck.runtime.serving.server import Server
from quarterdeck.runtime.store import Store
from quarterdeck_api.browsing import BROWSE
from quarterdeck_api.editing import TEXT_GET, TEXT_PUT
from quarterdeck_api.live_documents import DOCUMENT_CLOSE, DOCUMENT_OPEN
from quarterdeck_api.logs import LOG_SOURCES
from quarterdeck_api.metrics import METRICS, METRICS_CLOSE, METRICS_OPEN


class BackendViews:
    """Made before the first host starts. `core_log` finds the logs that the core keeps as files."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        hosts: HostSupervisor,
        presence: Presence,
        asking: BackendAsking,
        descriptions: Descriptions,
        editing: Editing,
        core_log: Callable[[str], LogSource],
    ) -> None:
        self.streams = BackendStreams(store, hosts, asking, registry.plugin_of)
        self.browsing = Browsing(registry, asking)
        self.logs = BackendLogs(asking, self.streams, core_log)
        self.metrics = Metrics(asking, hosts, time.time)
        self._documents = LiveDocuments(store, presence, descriptions, self.streams)
        self._editing = editing

    def answer(self, server: Server) -> None:
        """Has the server answer by these parts."""
        server.on(BROWSE, self.browsing.browse)
        server.on(DOCUMENT_OPEN, self._documents.open)
        server.on(DOCUMENT_CLOSE, self._documents.close)
        server.on(LOG_SOURCES, self.logs.sources)
        server.on(METRICS, self.metrics.get)
        server.on(METRICS_OPEN, self.metrics.open)
        server.on(METRICS_CLOSE, self.metrics.close)
        server.on(TEXT_GET, self._editing.get)
        server.on(TEXT_PUT, self._editing.put)
