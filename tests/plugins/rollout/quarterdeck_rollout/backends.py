"""A cluster with two deployments."""

from quarterdeck_api.backend import WatchContext
from quarterdeck_api.resources import Synced, Upsert


class Cluster:
    """Has two deployments, which never change."""

    def watch(self, context: WatchContext) -> None:
        for name in ("shop", "search"):
            context.emit(Upsert(context.resource("deployment", name, cells={})))
        context.emit(Synced(("deployment",)))
        while not context.wait(3600):
            continue

    def close(self) -> None:
        pass


def open_cluster(name: str, settings: object) -> Cluster:
    return Cluster()
