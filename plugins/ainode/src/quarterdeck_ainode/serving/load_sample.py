"""How busy this machine is, as the ConfigNode wants to know it now and then."""

import os
from pathlib import Path

import psutil

from quarterdeck_ainode.serving.rpc_messages import LoadSample


class LoadSampler:
    """Measures without waiting: the processor's rate is that since the sample before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        psutil.cpu_percent(interval=None)

    def sample(self) -> LoadSample:
        """Rates of processor, memory, and the disk that holds the data folder."""
        try:
            disk = psutil.disk_usage(os.fspath(self._folder))
        except OSError:  # The folder is gone. The node lives all the same, and this is what its heartbeat is to say.
            disk = psutil.disk_usage("/")
        return LoadSample(
            psutil.cpu_percent(interval=None), psutil.virtual_memory().percent, disk.percent, disk.free / 2**30
        )


def machine_resources() -> tuple[int, int]:
    """Processors and bytes of memory, as a node tells them when it joins."""
    return psutil.cpu_count() or 1, psutil.virtual_memory().total
