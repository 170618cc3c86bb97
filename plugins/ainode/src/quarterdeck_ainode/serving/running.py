"""Running an AINode in the foreground: find the cluster, serve, and end with the right word; used by the program and the plugin's command."""

import logging
import os
import signal
import sys
import threading
from time import monotonic

from quarterdeck_ainode.serving.membership import MemberState
from quarterdeck_ainode.serving.server import AinodeServer, OpenEngine, open_folder
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import RefusedError, UnreachableError
from quarterdeck_api.visible import visible

_log = logging.getLogger(__name__)

#: Seconds between trials to find the cluster.
_PAUSE = 1.0


def serve(parameters: ServerParameters, open_engine: OpenEngine, patience: float, stop: threading.Event) -> None:
    """Serves until `stop` is set or the cluster ends the node.

    Raises UnreachableError when no cluster was joined within `patience` seconds (0: waits for ever), and what refused the node.
    """
    folder = open_folder(parameters)
    server = AinodeServer(parameters, folder, open_engine)
    deadline = monotonic() + patience if patience else float("inf")
    try:
        if not _found(server, deadline, stop):
            return
        while not stop.is_set() and not server.told_to_end:
            server.wait_change(0.5)
            standing = server.standing
            if standing.state is MemberState.REFUSED and standing.error is not None:
                raise standing.error
            if standing.state is MemberState.REMOVED:
                raise RefusedError(standing.reason, "start it again to join as a new node")
            if standing.state is MemberState.JOINING and standing.error is not None and monotonic() > deadline:
                raise standing.error
        _log.info("ending: answering what is under way")
    finally:
        server.stop()


def _found(server: AinodeServer, deadline: float, stop: threading.Event) -> bool:
    told = False
    while not stop.is_set():
        try:
            server.start(server.find_cluster())
            return True
        except UnreachableError as error:
            if monotonic() > deadline:
                raise
            if not told:
                _log.warning("%s; trying again until it answers", error.message)
                told = True
            stop.wait(_PAUSE)
    return False


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set: by a pipe and a thread, because a handler must not touch its lock. A second one ends at once."""
    stop = threading.Event()
    wake_read, wake_write = os.pipe()
    arrived = (signal.SIGTERM, signal.SIGINT)

    def handle(number: int, frame: object) -> None:
        os.write(wake_write, bytes([number]))
        for each in arrived:
            signal.signal(each, signal.SIG_DFL)

    def wait() -> None:
        number = os.read(wake_read, 1)[0]
        _log.info("%s arrived", signal.Signals(number).name)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for each in arrived:
        signal.signal(each, handle)
    return stop


class _VisibleFormatter(logging.Formatter):
    """What other nodes have said is shown without its control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        return "\n".join(visible(line) for line in super().format(record).splitlines())


def narrate_on_standard_error(line: str = "%(asctime)s %(levelname)s %(message)s") -> None:
    """Log lines with time and level, for people."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_VisibleFormatter(line, "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # The library tells every connection that fails; we say it once, with what to do.
    logging.getLogger("thrift").setLevel(logging.CRITICAL)
