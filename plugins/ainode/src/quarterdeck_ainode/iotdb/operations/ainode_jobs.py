"""Jobs on the AINode of a cluster: start ours, stop ours, and take whichever there is out of the cluster."""

import asyncio
from typing import Any

import msgspec

from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, read_nodes
from quarterdeck_ainode.iotdb.operations import plans
from quarterdeck_ainode.iotdb.operations.documents import evidence
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours, process_name
from quarterdeck_ainode.iotdb.operations.parameters import RemoveAinode, StartAinode, StopAinode
from quarterdeck_ainode.iotdb.operations.sending import LONGEST_LOOK, Look, SentState, wait_until
from quarterdeck_ainode.iotdb.operations.steps import planned_and_sent, reached, shown_anew
from quarterdeck_ainode.serving.declared_serving import SERVER
from quarterdeck_api.documents import Document, Fact, FactsBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UnreachableError
from quarterdeck_api.jobs import HostJobContext, JobValue
from quarterdeck_api.process_requests import ProcessReadiness
from quarterdeck_api.resources import Health

_RUNNING = "Running"
_GONE = ProcessReadiness(False, "the process is gone")
_PAUSE = 0.3


async def start(context: HostJobContext) -> JobValue:
    """Starts the managed process of our AINode, until the cluster says that it runs."""
    wanted = msgspec.convert(context.spec.parameters, StartAinode)
    backend = await reached(context)
    timeout = _call_timeout(backend)
    kept = context.done("start")
    if kept is None:
        with context.step("check"):
            plan = await context.call(
                lambda: plans.start_ainode(backend.client, backend.name, backend.settings, wanted), timeout
            )
            for notice in plan.notices:
                context.log(f"note: {notice}")
        process, parameters = str(plan.facts["process"]), dict(plan.facts["parameters"])
        with context.step("start"):
            now = await _readiness(context, process)
            if now is not None and not now.ready:  # One that gave up would stay as it is.
                context.log(f"process {process} is there and does not serve; it is started anew")
                await context.processes.remove(process)
            await context.processes.ensure(SERVER, process, parameters)
            context.log(f"process {process}: {', '.join(f'{name}={value}' for name, value in parameters.items())}")
        kept = {"process": process, "parameters": parameters}
        context.finish_step("start", kept)
    backend.own.expect(str(kept["process"]))
    with context.step("join"):
        node, seconds = await _joined(context, backend, str(kept["process"]), dict(kept["parameters"]), wanted.wait)
    await shown_anew(context)
    where = f"{node.host}:{node.port}"
    facts = (
        Fact("Node", node.node_id),
        Fact("Status", node.status),
        Fact("Address", where),
        Fact("Build", node.build),
        Fact("Process", f"core/process/{kept['process']}"),
        Fact("Joined after, s", round(seconds, 1)),
    )
    data = {"node_id": node.node_id, "where": where, "process": kept["process"], "seconds": round(seconds, 3)}
    return JobValue(data, Document("The AINode runs", (FactsBlock(facts, "SHOW CLUSTER"),)))


async def stop(context: HostJobContext) -> JobValue:
    """Ends the managed process of our AINode, until the cluster no longer hears of it; it stays registered."""
    wanted = msgspec.convert(context.spec.parameters, StopAinode)
    backend = await reached(context)
    process = process_name(backend.name)
    if context.done("stop") is None:
        with context.step("stop"):
            if await _readiness(context, process) is None:
                backend.own.forget(process)
                backend.attend()
                raise RefusedError(
                    f"this console runs no AINode for {backend.name}",
                    "end it where it was started",
                    context.spec.address,
                )
            await context.processes.remove(process)
        context.finish_step("stop")
    backend.own.forget(process)

    def look() -> Look:
        node = ainode_of(read_nodes(backend.client))
        if node is None:
            return Look(True, "the cluster has no AINode")
        return Look(node.status != _RUNNING, f"node {node.node_id} is {node.status}")

    with context.step("wait"):
        waited = await wait_until(
            context, look, wanted.wait, _call_timeout(backend), "see who else runs an AINode: it is still heard of"
        )
    await shown_anew(context)
    facts = (Fact("Seen", waited.seen), Fact("After, s", round(waited.seconds, 1)))
    document = Document(
        "The AINode has ended; it stays registered, and node.start-ainode brings it back", (FactsBlock(facts),)
    )
    return JobValue({"process": process, "seen": waited.seen}, document)


async def remove(context: HostJobContext) -> JobValue:
    """REMOVE AINODE, until the cluster has forgotten the node, and the end of its process when that is ours."""
    wanted = msgspec.convert(context.spec.parameters, RemoveAinode)
    backend = await reached(context)
    client, process = backend.client, process_name(backend.name)
    sent = await planned_and_sent(context, lambda: plans.remove_ainode(client, backend.name))
    node_id = int(sent.before["node_id"])
    if sent.before["ours"]:
        with context.step("end process"):
            if await _readiness(context, process) is not None:
                await context.processes.remove(process)
                context.log(f"process {process} is ended and forgotten")
            backend.own.forget(process)

    advice = (
        f"its process does not end: end it by hand at {sent.before['where']}; the ConfigNode then gives up within about 20 s and "
        "forgets the node. Until then no other AINode can join (1501)"
    )
    with context.step("wait"):
        waited = await wait_until(
            context,
            lambda: _removed_look(client, node_id),
            wanted.wait,
            _call_timeout(backend),
            advice,
            sent.state is SentState.ACCEPTED,
        )
    await shown_anew(context)
    return evidence("The AINode is removed", sent, waited, {"node_id": node_id})


def _removed_look(client: IotdbClient, node_id: int) -> Look:
    node = ainode_of(read_nodes(client))
    if node is None:
        return Look(True, "the cluster lists no AINode")
    if node.node_id != node_id:
        return Look(True, f"node {node_id} is gone; another AINode has joined as node {node.node_id}")
    return Look(False, f"node {node_id} is still listed as {node.status}")


async def _joined(
    context: HostJobContext, backend: IotdbBackend, process: str, parameters: dict[str, Any], seconds: float
) -> tuple[ClusterNode, float]:
    """The node once the cluster says that it runs, with how long that took; raises with what the process or the cluster says instead.

    A process that was still well when it was looked at, and then says that it had been removed from the cluster, is started anew, once.
    """
    clock = asyncio.get_running_loop().time
    anew = False
    started, said, reason, pause = clock(), "", "", _PAUSE
    while True:
        context.raise_if_cancelled()
        process_now = await _readiness(context, process) or _GONE
        try:
            node = ainode_of(await context.call(lambda: read_nodes(backend.client), _call_timeout(backend)))
            seen = f"node {node.node_id} is {node.status}" if node else "the cluster lists no AINode"
        except (UnreachableError, IotdbError) as error:
            node, seen = None, f"the cluster cannot be asked: {error.message}"
        if node is not None and node.status == _RUNNING and is_ours(node) and process_now.ready:
            context.progress(1.0, seen)
            return node, clock() - started
        # An instance that says that it is stopped was removed from its cluster, and stays so until it is started anew.
        if node is None and process_now.health is Health.STOPPED and not anew:
            anew = True
            context.log(f"process {process} had left the cluster when it was looked at; it is started anew")
            await context.processes.remove(process)
            await context.processes.ensure(SERVER, process, parameters)
        if ": " in process_now.waits_for:
            reason = f"; {process_now.waits_for}"
        words = f"{seen}; {process_now.waits_for or 'its process is well'}"
        if words != said:
            context.log(f"after {clock() - started:.1f} s: {words}")
            said = words
        if clock() - started >= seconds:
            raise QuarterdeckError(
                f"after {seconds:g} s the AINode does not run: {seen}{reason or words.removeprefix(seen)}",
                f"see `quarterdeck logs core/process/{process}`; it goes on trying until node.stop-ainode, or "
                f"`quarterdeck processes remove {process}`",
                context.spec.address,
            )
        context.progress(min(0.95, 0.2 + 0.75 * (clock() - started) / seconds), words)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK)


async def _readiness(context: HostJobContext, process: str) -> ProcessReadiness | None:
    """Whether the process is well, None when there is none of that name."""
    try:
        return await context.processes.readiness(process)
    except NotFoundError:
        return None


def _call_timeout(backend: IotdbBackend) -> float:
    return 10 * backend.settings.connect_timeout
