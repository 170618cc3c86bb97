"""How fast each row of a table goes: the newest samples of its rate, as two columns beside its state."""

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct

from quarterdeck.drawing.sparkline import metric_text, sparkline
from quarterdeck.tui.columns import ColumnView, Source
from quarterdeck.tui.schema import KindSchema
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.resources import Resource

#: Samples that a sparkline shows.
_SHOWN = 12

_RATE = ColumnView(Source.RATE, Column("rate", "Rate", ColumnType.NUMBER, 9))
_TREND = ColumnView(Source.TREND, Column("trend", "Trend", width=_SHOWN))

#: The metric that counts as the rate of a row where it has several: one of this name, else the first whose unit is this.
_RATE_NAME = "rate"
_RATE_UNIT = "1/s"


class _Line(Struct):
    name: str
    unit: str
    values: deque[float | None]


class RowRates:
    """The rates of rows by address; rows that are not there any more are forgotten."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def take(self, samples: Iterable[MetricSample], rows: Mapping[str, Resource]) -> set[str]:
        """Takes new samples of these rows; gives the addresses that look otherwise now."""
        changed: set[str] = set()
        for sample in samples:
            if sample.address not in rows or (sample.name != _RATE_NAME and sample.unit != _RATE_UNIT):
                continue
            line = self._lines.get(sample.address)
            if line is None or (sample.name == _RATE_NAME and line.name != _RATE_NAME):
                line = self._lines[sample.address] = _Line(sample.name, sample.unit, deque(maxlen=_SHOWN))
            if line.name == sample.name:
                line.values.append(sample.value)
                changed.add(sample.address)
        if len(self._lines) > 2 * len(rows) + _SHOWN:
            self._lines = {address: line for address, line in self._lines.items() if address in rows}
        return changed

    def rate(self, address: str) -> str:
        """The newest rate; empty when there is none."""
        line = self._lines.get(address)
        value = line.values[-1] if line is not None and line.values else None
        return metric_text(value, line.unit) if line is not None and value is not None else ""

    def trend(self, address: str) -> str:
        """The rates before, as bars."""
        line = self._lines.get(address)
        return sparkline(tuple(line.values), _SHOWN).rjust(_SHOWN) if line is not None else ""


class RatedSchema(KindSchema, frozen=True):
    """A kind's columns with those of its rates."""

    rates: RowRates

    def text(self, resource: Resource, view: ColumnView, now: float) -> str:
        """What a column shows of a resource."""
        match view.source:
            case Source.RATE:
                return self.rates.rate(resource.address)
            case Source.TREND:
                return self.rates.trend(resource.address)
            case _:
                return KindSchema.text(self, resource, view, now)


def with_rates(schema: KindSchema, rates: RowRates) -> KindSchema:
    """The columns with rate and trend behind the state, once there are samples."""
    if not len(rates):
        return schema
    views = list(schema.views)
    place = next((number for number, view in enumerate(views) if view.source is Source.STATE), 0) + 1
    views[place:place] = [_RATE, _TREND]
    return RatedSchema(schema.kind, tuple(views), schema.columns, schema.indexes, rates)
