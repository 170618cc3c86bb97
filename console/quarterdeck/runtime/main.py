"""The runtime as a program: `python -m quarterdeck.runtime.main [--lock-fd N]`."""

import argparse
import asyncio
import faulthandler
import logging
import signal
import sys

from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import instance_paths, make_private
from quarterdeck.runtime.application import Application
from quarterdeck.runtime.instance import InstanceLock
from quarterdeck_api import __version__
from quarterdeck_api.errors import QuarterdeckError

_log = logging.getLogger("quarterdeck.runtime")


def main() -> int:
    """Runs the runtime until it is told to stop or has been idle long enough; returns an exit code."""
    arguments = argparse.ArgumentParser(prog="quarterdeck-runtime")
    arguments.add_argument("--lock-fd", type=int, default=-1)
    given = arguments.parse_args()
    faulthandler.enable()  # A crash below Python leaves where it happened in the log, which standard error is.
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    try:
        paths = instance_paths()
        for folder in (paths.state_folder, paths.cache_folder, paths.logs, paths.spool, paths.leases, paths.artefacts):
            make_private(folder)
        make_private(paths.datasets)
        if given.lock_fd >= 0:
            lock = InstanceLock.inherit(paths, given.lock_fd, __version__)
        else:
            lock = InstanceLock.take(paths, __version__)
        application = Application(paths, load_settings(paths))
        asyncio.run(_run(application, lock))
    except QuarterdeckError as error:
        _log.error("%s. %s", error.message, error.remedy)
        return int(error.exit_code)
    return 0


async def _run(application: Application, lock: InstanceLock) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, application.request_stop, f"signal {signal.Signals(number).name}", True)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # The terminal of the client that started us is gone.
    await application.run(lock)


if __name__ == "__main__":
    sys.exit(main())
