"""What the runtime and plugins' hosts tell one another of managed processes."""

import hashlib
import logging
from pathlib import Path

from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.processes import (
    PROCESS_CONTROL,
    PROCESS_DRAIN_ONE,
    PROCESS_EXPECT,
    PROCESS_FORGET,
    ControlAnswer,
    ControlMessage,
    ProcessControl,
    ProcessExpected,
    ProcessName,
)

_log = logging.getLogger("quarterdeck.runtime")

_EXPECT_SECONDS = 10.0
#: Seconds that a host gets beyond an instance's own time for an answer.
_CONTROL_MARGIN = 3.0


class HostSide:
    """Speaks to hosts of instances; what a host cannot be told now it is told once it is ready."""

    def __init__(self, hosts: HostSupervisor, sockets: Path) -> None:
        self._hosts = hosts
        self._sockets = sockets

    def socket(self, plugin: str) -> Path:
        """Where a plugin's host listens: the same path at every start, short whatever the plugin is called."""
        return self._sockets / f"{hashlib.sha256(plugin.encode()).hexdigest()[:12]}.sock"

    def ready(self, plugin: str) -> bool:
        """Whether a plugin's host can be told something, and hears its instances."""
        return self._hosts.free(plugin)

    async def expect(self, plugin: str, name: str, process_type: str, backend: str, token: str) -> None:
        """Has a host let an instance in, when it is ready."""
        if not self.ready(plugin):
            return
        wanted = ProcessExpected(name, process_type, backend, token, str(self.socket(plugin)))
        try:
            await self._hosts.call_plugin(plugin, PROCESS_EXPECT, wanted, _EXPECT_SECONDS)
        except QuarterdeckError as error:
            _log.warning("the host of plugin %s does not take %s: %s", plugin, name, error.message)

    def forget(self, plugin: str, name: str) -> None:
        """Has a host let an instance in no more."""
        self._hosts.notify_plugin(plugin, PROCESS_FORGET, ProcessName(name))

    def drain(self, plugin: str, name: str) -> None:
        """Asks an instance to drain, beside the signal that its guard sends."""
        self._hosts.notify_plugin(plugin, PROCESS_DRAIN_ONE, ProcessName(name))

    async def control(self, plugin: str, name: str, message: ControlMessage, timeout: float) -> ControlAnswer:
        """Sends a control message; raises what the instance answers, UnreachableError or UnknownOutcomeError."""
        asked = ProcessControl(name, message, timeout)
        return await self._hosts.call_plugin(
            plugin, PROCESS_CONTROL, asked, timeout + _CONTROL_MARGIN, changes_something=True
        )
