"""A real cluster with our AINode in it as the backend `plant` of a real runtime, and what a test of faults asks of them."""

from typing import Any

import psutil

from counting_proxy import CountingProxy
from iotdb_cluster import Cluster
from own_ainode import until
from quarterdeck_api.protocol import CATALOGUE, DO, GET, BackendState, DoParams, GetParams, JobRecord
from quarterdeck_api.resources import Resource
from quarterdeck_api.wire import Nothing

#: The AINode's address, and that of the one instance of its process.
AINODE = "plant/node/ainode"
INSTANCE = "core/instance/plant-ainode.1"


class Plant:
    """The console's runtime with a cluster as its backend `plant`, and what a test asks of it again and again."""

    def __init__(self, instance: Any, cluster: Cluster, proxy: CountingProxy) -> None:
        self.instance = instance
        self.cluster = cluster
        self.proxy = proxy
        self.forecasts: dict[int, str] = {}
        self.operations: dict[int, str] = {}
        self.local: list[int] = []

    def another(self) -> "Plant":
        """The same for another thread."""
        found = Plant(self.instance.another(), self.cluster, self.proxy)
        found.forecasts, found.operations, found.local = self.forecasts, self.operations, self.local
        return found

    def begin(self, action: str, address: str, **more: Any) -> int:
        """Requests a job once; its number."""
        [outcome] = self.instance.ask(DO, DoParams(action, (address,), **more)).outcomes
        assert outcome.status == "accepted", outcome
        return int(outcome.job.rpartition("/")[2])

    def ended(self, number: int) -> JobRecord:
        """Waits until a job has ended."""
        until(lambda: self.instance.job(number).state.final, self.told)
        return self.instance.job(number)

    def rows(self, kind: str, backend: str = "plant") -> dict[str, Resource]:
        """What there is of a kind, by address."""
        return {each.address: each for each in self.instance.ask(GET, GetParams(kind, backend, "", 1.0)).resources}

    def backend(self, name: str = "plant") -> BackendState:
        """How a backend stands."""
        return next(each for each in self.instance.ask(CATALOGUE, Nothing()).backends if each.name == name)

    def ainode(self) -> str:
        """The state of the AINode as shown; empty while nothing is known of it."""
        row = self.rows("node").get(AINODE)
        return row.state if row else ""

    def server(self) -> psutil.Process | None:
        """The process of our AINode, as the console names it."""
        row = self.rows("instance", "core").get(INSTANCE)
        try:
            return psutil.Process(int(row.cells[2])) if row and row.cells[2] else None
        except psutil.NoSuchProcess:
            return None

    def findings(self) -> dict[str, str]:
        """What needs attention of the cluster and its AINode."""
        rows = self.rows("finding", "core").values()
        return {each.name: each.reason for each in rows if "plant" in each.name}

    def told(self) -> str:
        """What a failure shows."""
        jobs = [(each.name, each.state, each.reason) for each in self.rows("job", "core").values()]
        return f"{self.instance.told()}\n{self.backend()}\n{self.rows('node')}\n{jobs}\n{self.findings()}"
