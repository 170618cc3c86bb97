"""What happens to the nodes of a cluster in a test of faults, what the console has to show meanwhile, and how it ends."""

from collections.abc import Callable

import psutil

from chaos_plant import INSTANCE, Plant
from iotdb_node import Node
from own_ainode import until

_STOPPED_SECONDS = 30.0


class Fault:
    """Something that happens to a node, what the console shows while it lasts, and how it ends."""

    name = ""
    lasts = 0.0
    #: What the command line says beside the rows that it knows.
    told = ""

    def strike(self, plant: Plant) -> None:
        """Begins."""

    def shown(self, plant: Plant) -> bool:
        """Whether the console says so."""
        return True

    def heal(self, plant: Plant) -> None:
        """Ends what only an operator ends."""


class AinodeKilled(Fault):
    """Our AINode's process ends by SIGKILL, and its supervisor starts it again."""

    name = "AINode killed"

    def strike(self, plant: Plant) -> None:
        self.restarts = _restarts(plant)
        _required(plant.server()).kill()

    def shown(self, plant: Plant) -> bool:
        return _restarts(plant) > self.restarts


class WorkersKilled(Fault):
    """All processes end in which our AINode computes."""

    name = "AINode's workers killed"

    def strike(self, plant: Plant) -> None:
        workers = _required(plant.server()).children(recursive=True)
        assert workers
        for each in workers:
            each.kill()


class NodeKilled(Fault):
    """A node of the server ends by SIGKILL and is started again."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = f"{node} restarted"
        self.told = "unreachable"

    def strike(self, plant: Plant) -> None:
        plant.cluster.kill(self.node)

    def shown(self, plant: Plant) -> bool:
        return _cluster_is_away(plant)

    def heal(self, plant: Plant) -> None:
        plant.cluster.start(self.node)


class NodeStopped(Fault):
    """A node of the server neither answers nor ends."""

    lasts = _STOPPED_SECONDS

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = f"{node} stopped for {self.lasts:g} s"
        self.told = "unreachable"

    def strike(self, plant: Plant) -> None:
        plant.cluster.pause(self.node)

    def shown(self, plant: Plant) -> bool:
        return _cluster_is_away(plant)

    def heal(self, plant: Plant) -> None:
        plant.cluster.resume(self.node)


class AinodeStopped(Fault):
    """Our AINode neither answers nor ends; its supervisor ends it and starts it again."""

    name = f"AINode stopped for {_STOPPED_SECONDS:g} s"
    lasts = _STOPPED_SECONDS

    def strike(self, plant: Plant) -> None:
        self.restarts = _restarts(plant)
        self.process = _required(plant.server())
        self.process.suspend()

    def shown(self, plant: Plant) -> bool:
        return plant.ainode() == "Unknown" and any("iotdb.node-silent" in each for each in plant.findings())

    def heal(self, plant: Plant) -> None:
        if self.process.is_running():
            self.process.resume()
        # It was told to end while it could not hear that; for a moment it looks as if it were well.
        until(lambda: _restarts(plant) > self.restarts, plant.told)


def _required(process: psutil.Process | None) -> psutil.Process:
    assert process is not None
    return process


def _restarts(plant: Plant) -> int:
    return int(plant.rows("instance", "core")[INSTANCE].cells[4] or 0)


def _cluster_is_away(plant: Plant) -> bool:
    found = plant.backend()
    return found.state == "unreachable" and bool(found.reason)


FAULTS: tuple[Callable[[], Fault], ...] = (
    AinodeKilled,
    WorkersKilled,
    AinodeStopped,
    *(lambda node=node: NodeKilled(node) for node in Node),
    *(lambda node=node: NodeStopped(node) for node in Node),
)
