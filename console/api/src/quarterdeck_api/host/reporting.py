"""What a backend says beside its changes: samples of metrics and findings, gathered from any thread and sent from the loop."""

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from quarterdeck_api.errors import UsageError
from quarterdeck_api.findings import Finding
from quarterdeck_api.host_protocol import FindingsParams, MetricsParams
from quarterdeck_api.metrics import MetricSample

#: Samples of one backend that wait to be sent at most; of more, the oldest are lost.
SAMPLES_HELD = 10_000

#: The most findings of one backend.
FINDINGS_LIMIT = 1_000

#: Seconds between two messages of one backend.
REPORT_INTERVAL = 0.25

_samples = msgspec.json.Decoder(tuple[MetricSample, ...])
_findings = msgspec.json.Decoder(tuple[Finding, ...])


class BackendReporter:
    """Sends one backend's metrics and findings; made on the loop. Of several samples of a metric in one second the latest is sent."""

    def __init__(
        self,
        backend: str,
        send_metrics: Callable[[MetricsParams], None],
        send_findings: Callable[[FindingsParams], None],
    ) -> None:
        self._backend = backend
        self._send_metrics = send_metrics
        self._send_findings = send_findings
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._samples: OrderedDict[tuple[str, str, int], MetricSample] = OrderedDict()
        self._findings: tuple[Finding, ...] | None = None
        self._said: tuple[Finding, ...] = ()
        self._awake = False
        self._closed = False

    def metrics(self, samples: Sequence[MetricSample]) -> None:
        """Takes samples, from any thread; raises UsageError for what is not a sample."""
        finite = tuple(each for each in samples if _is_finite(each))
        _check(finite, _samples, "a sample of a metric has an address, a name, a number, a Unix time and a unit")
        with self._lock:
            if self._closed:
                return
            for sample in finite:
                key = (sample.address, sample.name, int(sample.time))
                self._samples[key] = sample
                self._samples.move_to_end(key)
            while len(self._samples) > SAMPLES_HELD:
                self._samples.popitem(last=False)
        self._wake()

    def findings(self, findings: Sequence[Finding]) -> None:
        """Takes what needs attention now, from any thread; raises UsageError for too many, or for what is not a finding."""
        if len(findings) > FINDINGS_LIMIT:
            raise UsageError(
                f"{self._backend} has {len(findings)} findings, more than {FINDINGS_LIMIT}",
                "sum up what has the same cause",
            )
        found = tuple(findings)
        _check(found, _findings, "a finding has a code, a sentence, a remedy and an address")
        with self._lock:
            if self._closed:
                return
            self._findings = found
        self._wake()

    def close(self) -> None:
        """The backend is closed: what it found is no longer so."""
        with self._lock:
            self._closed = True
            self._samples.clear()
            self._findings = ()
        self._tell_findings()

    def reset(self) -> None:
        """The backend is opened anew and says again what it finds."""
        with self._lock:
            self._samples.clear()
            self._findings = ()
        self._tell_findings()

    def _wake(self) -> None:
        with self._lock:
            if self._awake or self._closed:
                return
            self._awake = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.call_later, REPORT_INTERVAL, self._flush)

    def _flush(self) -> None:
        with self._lock:
            self._awake = False
            samples = tuple(self._samples.values())
            self._samples.clear()
        if samples:
            self._send_metrics(MetricsParams(self._backend, samples))
        self._tell_findings()

    def _tell_findings(self) -> None:
        with self._lock:
            found, self._findings = self._findings, None
        if found is not None and found != self._said:
            self._said = found
            self._send_findings(FindingsParams(self._backend, found))


def _is_finite(sample: MetricSample) -> bool:
    try:
        return math.isfinite(sample.value) and math.isfinite(sample.time)
    except (TypeError, OverflowError):
        raise UsageError(f"{sample!r} is not a sample of a metric", "give numbers as value and time") from None


def _check(values: tuple[object, ...], decoder: msgspec.json.Decoder[Any], remedy: str) -> None:
    try:
        decoder.decode(msgspec.json.encode(values))
    except (msgspec.MsgspecError, TypeError, UnicodeError, OverflowError) as error:
        raise UsageError(f"what the backend reported cannot be sent: {error}", remedy) from error
