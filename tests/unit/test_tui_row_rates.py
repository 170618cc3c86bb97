"""Rates of rows: which metric counts, what the columns show, and what is forgotten."""

from quarterdeck.tui.columns import Source
from quarterdeck.tui.row_rates import RowRates, with_rates
from quarterdeck.tui.schema import kind_schema
from quarterdeck.tui.sorting import sort_letters
from quarterdeck_api.catalogue import Catalogue, Column, KindInfo, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.metrics import MetricSample
from quarterdeck_api.protocol import BackendState, CatalogueResult
from quarterdeck_api.resources import Resource

CATALOGUE = Catalogue(
    PluginInfo("p", "P", "1", "1.0"), kinds=(KindInfo("stream", "Streams", (Column("topic", "Topic"),)),)
)
KNOWN = CatalogueResult(
    (PluginStatus("p", "p", "1", PluginPhase.READY, catalogue=CATALOGUE),), (BackendState("b", "p", "p", "B", "ready"),)
)
ROW = Resource("b/stream/one", "1", cells=("t",))


def sample(value: float, name: str = "rate", unit: str = "1/s", address: str = ROW.address) -> MetricSample:
    return MetricSample(address, name, value, 1.0, unit)


def test_columns_are_there_once_there_are_samples() -> None:
    schema, rates = kind_schema("stream", KNOWN), RowRates()
    assert with_rates(schema, rates) is schema
    for value in (1.0, 5.0, 9.0):
        assert rates.take([sample(value)], {ROW.address: ROW}) == {ROW.address}
    rated = with_rates(schema, rates)
    shown = {view.source: rated.text(ROW, view, 0.0) for view in rated.views}
    assert shown[Source.RATE] == "9/s"
    assert shown[Source.TREND].strip() == "▁▅█"
    assert [view.column.title for view in rated.views][:5] == ["Name", "Backend", "State", "Rate", "Trend"]
    assert len(sort_letters(rated.views)) == len(rated.views) - 2


def test_the_metric_called_rate_goes_before_others_and_what_is_no_rate_is_left_out() -> None:
    rates = RowRates()
    rows = {ROW.address: ROW}
    assert rates.take([sample(3.0, "lag", "s"), sample(7.0, address="b/stream/gone")], rows) == set()
    rates.take([sample(5.0, "messages in")], rows)
    rates.take([sample(2.0, "bytes", "1/s")], rows)
    assert rates.rate(ROW.address) == "5/s"
    rates.take([sample(8.0)], rows)
    rates.take([sample(6.0, "messages in")], rows)
    assert rates.rate(ROW.address) == "8/s"


def test_rows_that_are_gone_are_forgotten() -> None:
    rates = RowRates()
    rows = {f"b/stream/{number}": ROW for number in range(50)}
    rates.take([sample(1.0, address=address) for address in rows], rows)
    rates.take([sample(1.0)], {ROW.address: ROW})
    assert len(rates) == 1
