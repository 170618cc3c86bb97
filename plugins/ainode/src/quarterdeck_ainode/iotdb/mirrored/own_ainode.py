"""The AINode that this console runs for a cluster, as far as its managed process tells."""

import threading

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode
from quarterdeck_api.processes import ProcessReport, Telemetry
from quarterdeck_api.resources import Health

#: The note in which the process says at which address it serves, HOST:PORT.
ADDRESS_NOTE = "address"


class ManagedAINode(Struct, frozen=True):
    """The managed process. `address` is where it serves, empty until it has said so; `values` are its latest numbers, `units` theirs."""

    instance: str
    connected: bool
    health: Health = Health.UNKNOWN
    message: str = ""
    address: str = ""
    values: dict[str, float] = {}
    units: dict[str, str] = {}

    @property
    def process(self) -> str:
        """The address of the process that it is an instance of."""
        return f"core/process/{self.instance.rpartition('.')[0]}"

    def is_node(self, node: ClusterNode) -> bool:
        """Whether it is the node that the cluster lists."""
        return self.connected and self.address == f"{node.host}:{node.port}"


class OwnAINode:
    """Follows the managed process of one backend; may be used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, ManagedAINode] = {}

    @property
    def latest(self) -> ManagedAINode | None:
        """The process that runs, or the one that was heard of last."""
        with self._lock:
            found = list(self._known.values())
        return next((each for each in found if each.connected), found[-1] if found else None)

    def expect(self, process: str) -> None:
        """A process of that name is wanted from now on; it may never be heard of."""
        with self._lock:
            self._known.setdefault(f"{process}.1", ManagedAINode(f"{process}.1", False))

    def forget(self, process: str) -> None:
        """A process of that name is wanted no more."""
        with self._lock:
            self._known.pop(f"{process}.1", None)

    def changed(self, report: ProcessReport) -> None:
        """The process came, went, or judges itself otherwise."""
        with self._lock:
            if not report.connected and report.name not in self._known:
                return  # The end of one that is forgotten.
            known = self._known.pop(report.name, ManagedAINode(report.name, False))
            told = {} if report.connected else {"address": "", "values": {}}
            self._known[report.name] = replace(
                known, connected=report.connected, health=report.health, message=report.message, **told
            )

    def told(self, instance: str, telemetry: Telemetry) -> None:
        """The process reported numbers and notes."""
        with self._lock:
            known = self._known.get(instance, ManagedAINode(instance, True))
            self._known[instance] = replace(
                known,
                address=telemetry.notes.get(ADDRESS_NOTE, known.address),
                values={**known.values, **telemetry.values},
                units={**known.units, **telemetry.units},
            )
