"""What a backend reports beside its changes: coalesced, bounded, checked where the mistake is made."""

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable

import pytest

from quarterdeck_api.errors import UsageError
from quarterdeck_api.findings import Finding
from quarterdeck_api.host import reporting
from quarterdeck_api.host.reporting import FINDINGS_LIMIT, SAMPLES_HELD, BackendReporter
from quarterdeck_api.host_protocol import FindingsParams, MetricsParams
from quarterdeck_api.metrics import MetricSample


class Sent:
    """Keeps what a reporter sends."""

    def __init__(self) -> None:
        self.metrics: list[MetricsParams] = []
        self.findings: list[FindingsParams] = []
        self.reporter = BackendReporter("plant", self.metrics.append, self.findings.append)

    @property
    def samples(self) -> list[MetricSample]:
        return [each for params in self.metrics for each in params.samples]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)


def scenario(test: Callable[[Sent], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(Sent())

    asyncio.run(main())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "REPORT_INTERVAL", 0.02)


def sample(value: float, time: float = 1000.0, name: str = "load") -> MetricSample:
    return MetricSample("plant/node/n1", name, value, time)


def finding(code: str) -> Finding:
    return Finding(code, "It is full.", "make room", "plant/node/n1")


def test_samples_of_any_thread_arrive_and_of_one_second_the_latest() -> None:
    async def test(sent: Sent) -> None:
        def report() -> None:
            for number in range(1000):
                sent.reporter.metrics([sample(float(number), 1000.0 + number / 100)])

        threading.Thread(target=report).start()
        await sent.until(lambda: any(each.value == 999.0 for each in sent.samples))
        assert {int(each.time) for each in sent.samples} == set(range(1000, 1010))
        assert len(sent.metrics) < 100, "a thousand reports are a few messages"

    scenario(test)


def test_what_is_no_finite_number_is_a_gap_and_what_is_no_sample_is_a_mistake() -> None:
    async def test(sent: Sent) -> None:
        sent.reporter.metrics([sample(math.nan), sample(math.inf), sample(1.0, math.nan), sample(7.0)])
        await sent.until(lambda: bool(sent.samples))
        assert [each.value for each in sent.samples] == [7.0]
        for wrong in ("much", None, object()):
            with pytest.raises(UsageError, match="sample"):
                sent.reporter.metrics([sample(wrong)])  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="cannot be sent"):
            sent.reporter.metrics([MetricSample("plant/node/n1", 5, 1.0, 1.0)])  # type: ignore[arg-type]

    scenario(test)


def test_too_many_samples_lose_the_oldest() -> None:
    async def test(sent: Sent) -> None:
        sent.reporter.metrics([sample(float(number), float(number)) for number in range(SAMPLES_HELD + 10)])
        await sent.until(lambda: bool(sent.samples))
        assert len(sent.samples) == SAMPLES_HELD and sent.samples[0].value == 10.0

    scenario(test)


def test_findings_are_said_when_they_change_and_end_with_their_backend() -> None:
    async def test(sent: Sent) -> None:
        sent.reporter.findings([finding("full")])
        await sent.until(lambda: len(sent.findings) == 1)
        sent.reporter.findings([finding("full")])
        sent.reporter.findings([finding("full"), finding("old")])
        await sent.until(lambda: len(sent.findings) == 2)
        assert [each.code for each in sent.findings[-1].findings] == ["full", "old"]
        sent.reporter.reset()
        assert sent.findings[-1].findings == () and len(sent.findings) == 3
        sent.reporter.findings([finding("full")])
        sent.reporter.close()
        sent.reporter.findings([finding("late")])
        sent.reporter.metrics([sample(1.0)])
        await asyncio.sleep(0.1)
        assert sent.findings[-1].findings == () and sent.samples == []

    scenario(test)


def test_too_many_findings_or_what_is_none_is_a_mistake() -> None:
    async def test(sent: Sent) -> None:
        with pytest.raises(UsageError, match="more than 1000"):
            sent.reporter.findings([finding(str(number)) for number in range(FINDINGS_LIMIT + 1)])
        with pytest.raises(UsageError, match="cannot be sent"):
            sent.reporter.findings([Finding("full", None, "x", "y")])  # type: ignore[arg-type]

    scenario(test)
