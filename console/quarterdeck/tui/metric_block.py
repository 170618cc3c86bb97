"""The metrics of a resource, or of a process's instances, as a block of its document that follows them."""

from collections import deque
from collections.abc import Iterable

from quarterdeck.drawing.sparkline import metric_text, sparkline
from quarterdeck_api.documents import TableBlock
from quarterdeck_api.metrics import MetricSample, MetricSeries

#: Samples that a line shows.
_SHOWN = 40
#: Metrics of one resource that are shown.
_MOST = 24


class MetricLines:
    """The newest samples of each metric, by address and name."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._samples: dict[tuple[str, str], deque[float | None]] = {}
        self._units: dict[tuple[str, str], str] = {}

    def wants(self, address: str) -> bool:
        """Whether metrics of an address are shown: the resource's own, and of a process those of its instances."""
        return address == self._address or _is_instance(self._address, address)

    def load(self, address: str, series: Iterable[MetricSeries]) -> None:
        """Takes what was known before."""
        for each in series:
            line = self._line(address, each.name, each.unit)
            line.clear()
            line.extend(each.values[-_SHOWN:])

    def take(self, samples: Iterable[MetricSample]) -> bool:
        """Takes new samples; whether any of them is shown."""
        taken = False
        for sample in samples:
            if self.wants(sample.address):
                self._line(sample.address, sample.name, sample.unit).append(sample.value)
                taken = True
        return taken

    def block(self) -> TableBlock | None:
        """What is to be shown; None when there are no metrics."""
        rows: list[tuple[str, str, str]] = []
        for key in sorted(self._samples)[:_MOST]:
            values = self._samples[key]
            newest = next((value for value in reversed(values) if value is not None), None)
            if newest is not None:
                address, name = key
                whose = "" if address == self._address else f"{address.split('/', 2)[2]}  "
                text = metric_text(newest, self._units[key])
                rows.append((whose + name, text, sparkline(tuple(values), _SHOWN)))
        return TableBlock(("Metric", "Now", "Before"), tuple(rows), "Metrics") if rows else None

    def _line(self, address: str, name: str, unit: str) -> "deque[float | None]":
        key = (address, name)
        self._units[key] = unit
        return self._samples.setdefault(key, deque(maxlen=_SHOWN))


def _is_instance(process: str, instance: str) -> bool:
    """Whether an address is an instance, `NAME` or `NAME.2`, of `core/process/NAME`."""
    if not process.startswith("core/process/") or not instance.startswith("core/instance/"):
        return False
    name, found = process.removeprefix("core/process/"), instance.removeprefix("core/instance/")
    stem, _, number = found.rpartition(".")
    return found == name or (stem == name and number.isdigit())
