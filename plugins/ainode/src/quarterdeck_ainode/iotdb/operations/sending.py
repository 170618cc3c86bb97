"""A statement sent once by a job of the host, however often the job is begun, and then waited for until it is really so.

Before the statement leaves, the runtime has committed that it is about to. An attempt that finds this of an earlier one, or whose answer is
lost, never sends again: it looks at the cluster, as it does after a plain yes, because the server says yes before anything has happened.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_api.errors import (
    CallTimeoutError,
    QuarterdeckError,
    UnknownOutcomeError,
    UnreachableError,
)
from quarterdeck_api.jobs import HostJobContext

#: Seconds between looks at the cluster: at first, and at most.
FIRST_LOOK = 0.2
LONGEST_LOOK = 2.0
#: Seconds that a call of the client may take beyond the client's own time-out.
_CALL_MARGIN = 15.0


class SentState(Enum):
    """How far a statement came: about to be sent (so perhaps sent), answered with yes, or its answer was lost."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    LOST = "lost"


class Sent(Struct, frozen=True):
    """A statement as the job's checkpoint keeps it, with what was found before it was sent."""

    statement: str
    state: SentState
    before: dict[str, Any] = {}


class Look(Struct, frozen=True):
    """One look at the cluster: whether it is so, whether it can no longer become so (`failure`), and what was seen, as a sentence."""

    done: bool
    seen: str
    failure: str = ""


class Waited(Struct, frozen=True):
    """What the waiting came to."""

    seen: str
    looks: int
    seconds: float


def earlier(context: HostJobContext) -> Sent | None:
    """What an earlier attempt has sent, or has been about to send."""
    return None if context.spec.checkpoint is None else msgspec.convert(context.spec.checkpoint, Sent)


async def send_once(
    context: HostJobContext, client: IotdbClient, statement: str, timeout: float, before: dict[str, Any] | None = None
) -> Sent:
    """Sends a statement unless an earlier attempt may have; `timeout` is the client's for a change, in seconds.

    Raises what the server refuses it with, and UnreachableError when it was certainly not sent; then the next attempt sends it.
    """
    found = earlier(context)
    if found is not None:
        said = "was accepted" if found.state is SentState.ACCEPTED else "may have reached the server"
        context.log(f"not sent again: {found.statement} ({said} in an earlier attempt)")
        return found
    context.raise_if_cancelled()
    facts = before or {}
    await context.commit(msgspec.to_builtins(Sent(statement, SentState.SENDING, facts)))
    context.log(f"-> {statement}")
    try:
        await context.call(lambda: client.execute(statement), timeout + _CALL_MARGIN)
    except (UnknownOutcomeError, CallTimeoutError) as error:
        context.log(f"<- no answer: {error.message}")
        return await _keep(context, Sent(statement, SentState.LOST, facts))
    except (IotdbError, UnreachableError) as error:
        context.log(f"<- {error.message}")
        await context.commit(None)
        raise
    context.log("<- accepted")
    return await _keep(context, Sent(statement, SentState.ACCEPTED, facts))


async def _keep(context: HostJobContext, sent: Sent) -> Sent:
    await context.commit(msgspec.to_builtins(sent))
    return sent


async def wait_until(
    context: HostJobContext,
    look: Callable[[], Look],
    seconds: float,
    look_timeout: float,
    advice: str,
    outcome_known: bool = True,
) -> Waited:
    """Looks again and again until it is so.

    Raises QuarterdeckError with what was seen last and the advice when it has failed or the time is over; UnknownOutcomeError in place of
    it when nobody knows whether the statement was carried out. A cluster that does not answer meanwhile is waited for.
    """
    clock = asyncio.get_running_loop().time
    started, pause, looks, last = clock(), FIRST_LOOK, 0, ""
    while True:
        context.raise_if_cancelled()
        failure = ""
        try:
            found = await context.call(look, look_timeout + _CALL_MARGIN)
        except (UnreachableError, IotdbError) as error:
            found = Look(False, f"the cluster cannot be asked: {error.message}")
        looks += 1
        waited = clock() - started
        if found.seen != last:
            context.log(f"after {waited:.1f} s: {found.seen}")
            last = found.seen
        if found.done:
            context.progress(1.0, found.seen)
            return Waited(found.seen, looks, waited)
        failure = found.failure or (f"after {seconds:g} s {found.seen}" if waited >= seconds else "")
        if failure and outcome_known:
            raise QuarterdeckError(failure, advice, context.spec.address)
        if failure:
            raise UnknownOutcomeError(
                f"the answer to the statement was lost, and {failure}",
                f"it was not sent again; {advice}",
                context.spec.address,
            )
        context.progress(min(0.95, 0.1 + 0.85 * waited / seconds), found.seen)
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK)
