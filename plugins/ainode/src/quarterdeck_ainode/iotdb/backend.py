"""The backend: one cluster, polled for what it has and asked for everything else."""

import time

from quarterdeck_ainode.iotdb.browsed.browsing import Browsing
from quarterdeck_ainode.iotdb.browsed.counting import Counts
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data import choices as data_choices
from quarterdeck_ainode.iotdb.data import previewing
from quarterdeck_ainode.iotdb.described.describing import Describing
from quarterdeck_ainode.iotdb.mirrored.looking import ATTENTIVE_SECONDS, Looking
from quarterdeck_ainode.iotdb.mirrored.own_ainode import OwnAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import Reachability, is_loopback
from quarterdeck_ainode.iotdb.mirrored.snapshot import KINDS, Snapshot
from quarterdeck_ainode.iotdb.mirrored.twins import OPEN
from quarterdeck_ainode.iotdb.operations import choices as operation_choices
from quarterdeck_ainode.iotdb.operations import performing, verifying
from quarterdeck_ainode.iotdb.permitting import permitted
from quarterdeck_ainode.iotdb.probing import Prober
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.iotdb.workbench import action_ids as workbench
from quarterdeck_ainode.iotdb.workbench import choices as workbench_choices
from quarterdeck_api.backend import (
    ActionRequest,
    ActionResult,
    Choice,
    ProbeResult,
    VerifiedOutcome,
    WatchContext,
)
from quarterdeck_api.browsing import BrowseRequest, Page, ResourceMaker
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.documents import Document
from quarterdeck_api.errors import UnsupportedError
from quarterdeck_api.host.polling import Poller
from quarterdeck_api.processes import ProcessReport, Telemetry


def open_backend(name: str, settings: IotdbSettings) -> "IotdbBackend":
    """Opens a cluster; nothing is connected yet."""
    return IotdbBackend(name, settings)


class IotdbBackend:
    """One cluster of IoTDB."""

    def __init__(self, name: str, settings: IotdbSettings) -> None:
        self.name = name
        self.settings = settings
        self.client = IotdbClient(settings)
        self.prober = Prober(self.client, time.monotonic)
        self.looking = Looking(self.client)
        self.own = OwnAINode()
        self._browsing = Browsing(name, self.client, Counts())
        self._poller: Poller | None = None
        self.reachability = Reachability(local=any(is_loopback(_host(each)) for each in settings.nodes))
        self._describing = Describing(self.client, self.looking, self.reachability, self.own)

    def watch(self, context: WatchContext) -> None:
        """Looks at the cluster again and again."""
        OPEN.say(self.name, *self.settings.nodes)
        snapshot = Snapshot(
            self.name, self.client, self.looking, self.reachability, self.own, OPEN, context, self.prober.while_watched
        )
        self._poller = Poller(
            snapshot.take,
            KINDS,
            self.settings.refresh,
            self.settings.refresh_background,
            timeout=4 * self.settings.connect_timeout,
        )
        self._poller.run(context)

    def attend(self) -> int:
        """Something was done to the cluster, or begins to be: it is looked at now, and often for a while. From any thread.

        Gives the number of the look that begins then, for `has_shown`; 0 when nobody looks.
        """
        self.looking.attend()
        return self._poller.attend(ATTENTIVE_SECONDS) if self._poller is not None else 0

    def has_shown(self, look: int) -> bool:
        """Whether what a look found has been reported."""
        return self._poller is None or self._poller.has_said(look)

    def probe(self) -> ProbeResult:
        """What the server is and lets its user do."""
        return self.prober.probe()

    def perform(self, request: ActionRequest) -> ActionResult:
        """Previews an operation, or carries out a short one; raises NotFoundError for what the cluster has not."""
        self._describing.require(request.address)
        if request.action in workbench.ACTIONS:
            from quarterdeck_ainode.iotdb.workbench.previewing import preview  # It brings pandas.

            return preview(self.client, request)
        if request.action in previewing.DATA_ACTIONS:
            return previewing.preview(self.client, request)
        result = performing.perform(self.client, self.name, self.settings, request)
        if not request.dry_run:
            self.attend()
        return result

    def verify(self, request: ActionRequest) -> VerifiedOutcome:
        """Looks whether something whose answer was lost has happened."""
        return verifying.verify(self.client, request)

    def own_parameters(self, action: str, address: str) -> JsonSchema:
        """The parameters of the models that an action of the workbench can use."""
        if action in workbench.ACTIONS:
            return workbench_choices.own_parameters(self.client, action)
        raise UnsupportedError(f"{action} has no parameters of a resource's own", "leave --set out", address)

    def complete(self, action: str, address: str, field: str, prefix: str) -> list[Choice]:
        """Choices for the fields of actions, from the live cluster."""
        if action in workbench.ACTIONS:
            return workbench_choices.complete(self.client, action, address, field, prefix)
        if action in previewing.DATA_ACTIONS:
            return data_choices.choices(self.client, action, address, field, prefix)
        return operation_choices.choices(self.client, action, address, field, prefix)

    def describe(self, address: str) -> Document:
        """The document of anything that the cluster has."""
        return self._describing.document(address)

    def browse(self, request: BrowseRequest, make: ResourceMaker) -> Page:
        """A page of databases, devices, series, tables, regions or settings."""
        return self._browsing.page(request, permitted(make, self.prober.known()))

    def process_changed(self, report: ProcessReport) -> None:
        """Our own AINode came, went, or judges itself otherwise."""
        self.own.changed(report)
        self.attend()

    def process_telemetry(self, instance: str, telemetry: Telemetry) -> None:
        """Our own AINode reported how it is doing."""
        self.own.told(instance, telemetry)

    def close(self) -> None:
        """Ends all sessions."""
        OPEN.forget(self.name)
        self.reachability.close()
        self.client.close()


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].removeprefix("[").removesuffix("]")
