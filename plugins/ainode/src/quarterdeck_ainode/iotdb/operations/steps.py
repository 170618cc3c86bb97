"""What the jobs of all operations do alike: check and send once, know where a reason stands, and have the console look again."""

import asyncio
from collections.abc import Callable

from quarterdeck_ainode.iotdb.backend import IotdbBackend
from quarterdeck_ainode.iotdb.mirrored.cluster_state import read_nodes
from quarterdeck_ainode.iotdb.operations.our_ainode import ainode_of, is_ours, process_name
from quarterdeck_ainode.iotdb.operations.plans import OperationPlan
from quarterdeck_ainode.iotdb.operations.sending import Sent, earlier, send_once
from quarterdeck_api.errors import QuarterdeckError, UnreachableError, UsageError
from quarterdeck_api.jobs import HostJobContext

#: Seconds that a job waits until its host has opened the backend.
_OPEN_SECONDS = 20.0
_OPEN_PAUSE = 0.1
#: Seconds that a job waits for a look at the cluster at its end, and between its own looks at whether there was one.
_SHOWN_SECONDS = 5.0
_SHOWN_PAUSE = 0.05


async def reached(context: HostJobContext) -> IotdbBackend:
    """The job's backend, which is waited for: a host that has just been started again has not opened it yet. Raises UnreachableError."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _OPEN_SECONDS
    while True:
        try:
            return opened(context)
        except UnreachableError:
            if clock() >= deadline:
                raise
        await asyncio.sleep(_OPEN_PAUSE)


def opened(context: HostJobContext) -> IotdbBackend:
    """The job's backend; raises UnreachableError while it is not open."""
    backend = context.open()
    if not isinstance(backend, IotdbBackend):
        raise UsageError(
            f"{context.spec.backend} is no cluster of IoTDB",
            "name a backend of the type ainode.iotdb",
            context.spec.address,
        )
    return backend


async def planned_and_sent(context: HostJobContext, plan: Callable[[], OperationPlan]) -> Sent:
    """Checks and sends, or goes on with what an earlier attempt has sent."""
    settings = opened(context).settings
    if earlier(context) is None:
        with context.step("check"):
            made = await context.call(plan, 10 * settings.connect_timeout)
            for notice in made.notices:
                context.log(f"note: {notice}")
    else:
        made = OperationPlan("", "")
    with context.step("send"):
        return await send_once(
            context, opened(context).client, made.statement, settings.statement_timeout, dict(made.facts)
        )


def where_the_reason_stands(backend: IotdbBackend, what: str) -> str:
    """Where the reason stands when the AINode does not do what it said."""
    try:
        node = ainode_of(read_nodes(backend.client))
    except QuarterdeckError:  # Advice is for the case of a failure, and must not make one.
        node = None
    if node is None:
        return f"the AINode's log says {what}"
    if is_ours(node):
        return f"see {what}: `quarterdeck logs core/process/{process_name(backend.name)}`, or the output of quarterdeck-ainode"
    return (
        f"see {what} on {node.host}: logs/log_ainode_all.log and logs/log_inference_rank_*_all.log of the AINode, for "
        "'Not enough TOTAL memory', 'Pool failed to be ready in time', or a traceback"
    )


async def shown_anew(context: HostJobContext) -> None:
    """Returns once the cluster has been looked at again, so that whoever asks for its resources after the job sees what it did."""
    backend = opened(context)
    look = backend.attend()
    deadline = asyncio.get_running_loop().time() + _SHOWN_SECONDS
    while not backend.has_shown(look) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_SHOWN_PAUSE)
