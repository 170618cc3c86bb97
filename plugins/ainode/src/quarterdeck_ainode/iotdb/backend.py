"""The backend: one cluster, polled for what it has and asked for everything else."""

from quarterdeck_ainode.iotdb.client import IotdbClient
from quarterdeck_ainode.iotdb.settings import IotdbSettings
from quarterdeck_ainode.iotdb.snapshot import KINDS, Snapshot
from quarterdeck_api.backend import ProbeResult, WatchContext
from quarterdeck_api.host.polling import Poller


def open_backend(name: str, settings: IotdbSettings) -> "IotdbBackend":
    """Opens a cluster; nothing is connected yet."""
    return IotdbBackend(name, settings)


class IotdbBackend:
    """One cluster of IoTDB."""

    def __init__(self, name: str, settings: IotdbSettings) -> None:
        self.name = name
        self.settings = settings
        self.client = IotdbClient(settings)

    def watch(self, context: WatchContext) -> None:
        """Looks at the cluster again and again."""
        snapshot = Snapshot(self.name, self.client, context)
        Poller(
            snapshot.take,
            KINDS,
            self.settings.refresh,
            self.settings.refresh_background,
            timeout=4 * self.settings.connect_timeout,
        ).run(context)

    def probe(self) -> ProbeResult:
        """The server's version."""
        [version, *_] = self.client.rows("SHOW VERSION").column("Version")
        return ProbeResult(f"IoTDB {version}")

    def close(self) -> None:
        """Ends all sessions."""
        self.client.close()
