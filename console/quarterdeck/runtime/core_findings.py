"""What the runtime itself finds to need attention: decided from facts that are passed in, and the part that gathers them."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from quarterdeck.runtime.findings import Findings
from quarterdeck.runtime.schedules.conflicts import Conflict
from quarterdeck.runtime.schedules.schedule_store import Schedule
from quarterdeck_api.catalogue import PluginPhase, PluginStatus
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.findings import Finding, Severity
from quarterdeck_api.host_protocol import FindingsParams
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE
from quarterdeck_api.runtime_requests import ConfigurationState, HostStatus

#: Seconds between looks at the disk and the clock.
LOOK_SECONDS = 30.0
#: The state folder's disk is nearly full below this share and this number of free bytes.
LEAST_FREE_SHARE = 0.05
LEAST_FREE_BYTES = 1024**3
#: A clock that goes wrong by more seconds than this between two looks was set.
LARGEST_DRIFT = 30.0
#: Seconds for which a step of the clock stays a finding.
CLOCK_REMEMBERED = 3600.0

#: The core's own line among the plugins stands for the instance as a whole.
INSTANCE = f"{CORE}/plugin/{CORE}"

_BAD_OUTCOMES = ("failed", "dead", "refused", "unknown")

_BROKEN_BACKENDS = {
    "unreachable": ("backend-unreachable", Severity.WARNING),
    "failed": ("backend-failed", Severity.CRITICAL),
}


def backend_findings(states: Iterable[BackendState]) -> list[Finding]:
    """Backends that cannot be used; the address of such a finding is the backend's name."""
    found: list[Finding] = []
    for state in states:
        if state.name == CORE or state.state not in _BROKEN_BACKENDS:
            continue
        code, severity = _BROKEN_BACKENDS[state.state]
        sentence = f"backend {state.name} is {state.state}: {state.reason or 'it does not say why'}"
        remedy = state.remedy or f"run `quarterdeck backend test {state.name}`"
        found.append(Finding(code, sentence, remedy, state.name, severity, state.since))
    return found


def plugin_findings(statuses: Iterable[PluginStatus]) -> list[Finding]:
    """Plugins that were found and cannot be used, unless they are disabled."""
    return [
        Finding(
            "plugin-broken",
            f"plugin {status.id} cannot be used: {status.reason}",
            status.remedy or f"run `quarterdeck plugin doctor {status.id}`",
            f"{CORE}/plugin/{status.id}",
            Severity.WARNING,
        )
        for status in statuses
        if status.phase not in (PluginPhase.READY, PluginPhase.DISABLED)
    ]


def host_findings(hosts: Iterable[HostStatus]) -> list[Finding]:
    """Hosts that ended too often and are not started again by themselves."""
    return [
        Finding(
            "host-crash-loop",
            host.reason or f"the host of plugin {host.plugin} ended too often",
            f"see `quarterdeck logs core/host/{host.plugin}`, then retry one of its backends",
            f"{CORE}/plugin/{host.plugin}",
            Severity.CRITICAL,
        )
        for host in hosts
        if host.state == "failed"
    ]


def configuration_findings(state: ConfigurationState) -> list[Finding]:
    """What is wrong with the configuration, and what of it waits for a restart."""
    found: list[Finding] = []
    if state.problems:
        held = "" if state.applied else "; the settings from before hold"
        first, *others = state.problems
        more = f" (and {len(others)} more)" if others else ""
        severity = Severity.WARNING if state.applied else Severity.CRITICAL
        remedy = "correct the file, see `quarterdeck config validate`"
        found.append(Finding("configuration", f"{first}{more}{held}", remedy, INSTANCE, severity))
    if state.restart_for:
        sentence = f"{', '.join(state.restart_for)} hold after a restart"
        found.append(Finding("restart-needed", sentence, "run `quarterdeck runtime restart`", INSTANCE))
    return found


def schedule_findings(schedules: Iterable[Schedule], conflicts: Mapping[str, Sequence[Conflict]]) -> list[Finding]:
    """Schedules whose rule cannot be read any more, whose last request came to nothing, and those that come into each other's way."""
    found: list[Finding] = []
    for schedule in schedules:
        try:
            schedule.when()
        except UsageError as error:
            sentence = f"schedule {schedule.name} cannot run: {error.message}"
            remedy = f"{error.remedy}: quarterdeck schedules edit {schedule.name} --rule …"
            found.append(Finding("schedule-broken", sentence, remedy, str(schedule.address), Severity.CRITICAL))
        if schedule.enabled and schedule.last_outcome in _BAD_OUTCOMES:
            detail = f": {schedule.last_detail}" if schedule.last_detail else ""
            sentence = f"the last request of schedule {schedule.name} was {schedule.last_outcome}{detail}"
            remedy = f"see `quarterdeck describe {schedule.address}`"
            found.append(Finding("schedule-failed", sentence, remedy, str(schedule.address), since=schedule.last))
        if (met := conflicts.get(schedule.name)) and schedule.name < met[0].other:  # Once for both of them.
            sentence = met[0].sentence(schedule.zone)
            remedy = f"move one of them: quarterdeck schedules edit {schedule.name} --rule …"
            found.append(Finding("schedule-conflict", sentence, remedy, str(schedule.address)))
    return found


def disk_findings(folder: Path, free: int, total: int) -> list[Finding]:
    """A state folder whose disk is nearly full; bytes."""
    if free >= min(LEAST_FREE_BYTES, total * LEAST_FREE_SHARE):
        return []
    sentence = f"the disk of {folder} is nearly full: {free / 1024**2:,.0f} MB of {total / 1024**3:,.1f} GB are free"
    remedy = "make room: when it is full, no job, schedule or journal entry can be recorded"
    return [Finding("disk-nearly-full", sentence, remedy, INSTANCE, Severity.CRITICAL)]


def clock_finding(step: float, at: float) -> Finding:
    """A clock that was set by `step` seconds, noticed at a Unix time."""
    way = "forward" if step > 0 else "back"
    sentence = f"the machine's clock was set {way} by {abs(step):,.0f} s"
    remedy = "check the next times of schedules: times that were left out follow each schedule's misfire policy"
    return Finding("clock-stepped", sentence, remedy, INSTANCE, since=at)


class ClockWatch:
    """Notices steps of the wall clock against one that nobody can set; it goes on while the machine sleeps where the system has such a one."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()
        self._noticed: tuple[float, float] | None = None

    def look(self) -> list[Finding]:
        """The newest step, as long as it is remembered."""
        steady = self._steady()
        offset = self._wall() - steady
        step, self._offset = offset - self._offset, offset
        if abs(step) > LARGEST_DRIFT:
            self._noticed = (step, steady)
        if self._noticed is None:
            return []
        step, noticed = self._noticed
        if steady - noticed > CLOCK_REMEMBERED:
            self._noticed = None
            return []
        return [clock_finding(step, self._wall() - (steady - noticed))]


def steady_seconds() -> float:
    """Seconds of a clock that cannot be set, and on Linux counts sleep too."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class CoreFindings:
    """Gathers what the runtime and the backends find.

    `backends`, `plugins`, `hosts` and `configuration` give the facts, `schedules` what is wrong with those; `plugin_of` gives a backend's plugin or raises NotFoundError.
    """

    def __init__(
        self,
        findings: Findings,
        folder: Path,
        *,
        backends: Callable[[], Sequence[BackendState]],
        plugins: Callable[[], Sequence[PluginStatus]],
        hosts: Callable[[], Sequence[HostStatus]],
        configuration: Callable[[], ConfigurationState],
        schedules: Callable[[], list[Finding]],
        plugin_of: Callable[[str], str],
    ) -> None:
        self._findings = findings
        self._folder = folder
        self._backends = backends
        self._plugins = plugins
        self._hosts = hosts
        self._configuration = configuration
        self._schedules = schedules
        self._plugin_of = plugin_of
        self._clock = ClockWatch(time.time, steady_seconds)
        self._dirty = asyncio.Event()

    def changed(self) -> None:
        """Something that findings are made of has changed: it is looked at soon, once for several changes."""
        self._dirty.set()

    def from_host(self, plugin: str, said: FindingsParams) -> None:
        """What a backend finds; it speaks for itself only."""
        try:
            owner = self._plugin_of(said.backend)
        except NotFoundError:
            return  # It was closed while this was under way.
        if owner != plugin:
            return
        own = [each for each in said.findings if each.address.split("/", 1)[0] == said.backend]
        self._findings.say(f"backend {said.backend}", own)

    async def run(self) -> None:
        """Looks whenever something has changed, and at disk and clock every LOOK_SECONDS, until it is cancelled."""
        while True:
            self.look()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._dirty.wait()
            except TimeoutError:
                pass  # Time to look at disk and clock.
            self._dirty.clear()

    def look(self) -> None:
        """Brings every finding up to date."""
        states = self._backends()
        self._findings.say("backends", backend_findings(states))
        self._findings.say("plugins", plugin_findings(self._plugins()))
        self._findings.say("hosts", host_findings(self._hosts()))
        self._findings.say("configuration", configuration_findings(self._configuration()))
        self._findings.say("schedules", self._schedules())
        self._findings.say("clock", self._clock.look())
        self._look_at_disk()
        known = {f"backend {state.name}" for state in states}
        for source in self._findings.sources():
            if source.startswith("backend ") and source not in known:
                self._findings.say(source, ())  # The backend is no longer configured.

    def _look_at_disk(self) -> None:
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError as error:
            sentence = f"the state folder {self._folder} cannot be looked at: {error.strerror}"
            remedy = "bring it back, or run `quarterdeck runtime restart`"
            self._findings.say("disk", [Finding("state-folder", sentence, remedy, INSTANCE, Severity.CRITICAL)])
        else:
            self._findings.say("disk", disk_findings(self._folder, usage.free, usage.total))
