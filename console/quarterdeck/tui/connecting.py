"""How the console gets its connection: the client's, imported when it is first needed, after the first frame."""

from collections.abc import Callable

from quarterdeck.config.paths import InstancePaths
from quarterdeck.tui.session import Connected, Connection
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import HelloResult


def connector(paths: InstancePaths) -> Connected:
    """Makes connections to an instance's runtime, which is started when there is none."""

    def connect(
        *,
        on_connected: Callable[[HelloResult], None],
        on_disconnected: Callable[[QuarterdeckError], None],
        on_fault: Callable[[str, BaseException], None],
    ) -> Connection:
        from quarterdeck.client.streaming import StreamingConnection

        return StreamingConnection(
            paths,
            "console",
            on_connected=on_connected,
            on_disconnected=on_disconnected,
            on_fault=on_fault,
        )

    return connect
