"""Our AINode as a managed process: it stays, says how it stands to its cluster, and reports how it is doing."""

import logging

from quarterdeck_ainode.serving.local_engine import open_engine
from quarterdeck_ainode.serving.membership import MemberState
from quarterdeck_ainode.serving.running import narrate_on_standard_error
from quarterdeck_ainode.serving.server import AinodeServer, ServerState, open_folder
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import UnreachableError
from quarterdeck_api.process import ManagedProcess
from quarterdeck_api.resources import Health

_log = logging.getLogger(__name__)

_PAUSE = 1.0
_UNITS = {"heartbeat_age": "s"}


def run(process: ManagedProcess) -> None:
    """Serves until it is to drain. A node that was removed from its cluster stays, stopped, until somebody restarts the process."""
    narrate_on_standard_error("%(levelname)s %(message)s")
    parameters = process.parameters_as(ServerParameters)
    server = AinodeServer(parameters, open_folder(parameters), open_engine)
    try:
        if not _started(process, server):
            return
        while not process.draining and not server.told_to_end:
            if server.standing.state is MemberState.REMOVED:
                break
            _report(process, server.state())
            server.wait_change(_PAUSE)
        process.health(Health.BUSY, "draining: answering what is under way")
    finally:
        server.stop()
    if not process.draining:
        _log.warning("not joining again by itself: restart this process to join as a new node")
        process.health(Health.STOPPED, "removed from its cluster (REMOVE AINODE); restart the process to join again")
        process.wait_drain()


def _started(process: ManagedProcess, server: AinodeServer) -> bool:
    """Waits for the cluster, however long it takes; whether it came before the process was to drain."""
    said = ""
    while not process.draining:
        try:
            server.start(server.find_cluster())
            return True
        except UnreachableError as error:
            if error.message != said:
                said = error.message
                _log.warning("%s; trying again until it answers", said)
            process.health(Health.DEGRADED, f"waiting for the cluster: {said}")
            process.wait_drain(_PAUSE)
    return False


def _report(process: ManagedProcess, state: ServerState) -> None:
    health, message = judged(state)
    process.health(health, message)
    # The backend tells by the address that the node which the cluster lists is this process.
    process.telemetry(numbers(state), units(state), {"address": str(state.address)})


def judged(state: ServerState) -> tuple[Health, str]:
    """How a node is by how it stands to its cluster, in a sentence."""
    standing, at = state.standing, f"at {state.address}"
    match standing.state:
        case MemberState.MEMBER:
            return Health.OK, f"node {standing.node_id} of its cluster, {at}"
        case MemberState.JOINING:
            return Health.DEGRADED, f"joining: {standing.reason}" if standing.reason else "joining"
        case MemberState.SILENT:
            return Health.DEGRADED, standing.reason
        case MemberState.REFUSED:
            remedy = f"; {standing.error.remedy}" if standing.error and standing.error.remedy else ""
            return Health.FAILED, f"{standing.reason}{remedy}"
        case MemberState.REMOVED:
            return Health.STOPPED, standing.reason


def numbers(state: ServerState) -> dict[str, float]:
    """What is reported, by name; seconds and counts. Memory and processor time are watched by the runtime."""
    engine = state.engine
    found: dict[str, float] = {
        "requests": engine.requests,
        "failures": engine.failures,
        "waiting": engine.waiting,
        "running": engine.running,
        "workers": engine.workers,
        "worker_crashes": engine.worker_crashes,
        "connections": state.connections,
        "refused_messages": state.refused_frames,
    }
    if state.heartbeat_age is not None:
        found["heartbeat_age"] = state.heartbeat_age
    for model, (median, high) in engine.latency.items():
        found[f"latency_p50.{model}"] = median
        found[f"latency_p95.{model}"] = high
    return found


def units(state: ServerState) -> dict[str, str]:
    """The units of `numbers`."""
    latencies = {f"latency_{each}.{model}": "s" for model in state.engine.latency for each in ("p50", "p95")}
    return {**_UNITS, **latencies}
