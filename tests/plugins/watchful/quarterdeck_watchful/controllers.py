"""A controller that refills gauges."""

import os
import time

from quarterdeck_api.controllers import ControllerContext, Decision
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_watchful.backends import Gauges
from quarterdeck_watchful.notes import note, orders


def refill(context: ControllerContext) -> Decision:
    """Refills every gauge below the threshold."""
    looks = int(context.state or 0) + 1
    note("looks", {"backend": context.name, "look": looks, "begins": time.time()})
    match orders("look"):
        case "raise":
            raise ValueError("the controller was told to raise")
        case "hang":
            while orders("look") == "hang":
                time.sleep(0.05)
        case "die":
            os._exit(9)
        case "text":
            return "not a decision"  # type: ignore[return-value]
        case _:
            pass
    backend = context.backend
    if not isinstance(backend, Gauges):
        raise QuarterdeckError("the controller looks at gauges only", "correct its backend types")
    low = [name for name, level in backend.levels.items() if level < context.parameters["below"]]
    if not low:
        return Decision(False, f"no gauge is below {context.parameters['below']:g} %", looks)
    said: list[str] = []
    for name in low:
        action = context.parameters["action"]
        asked = {"level": context.parameters["target"]} if action == "gauge.set" else {}
        if context.parameters["token"]:
            note("token-length", len(context.parameters["token"]))
            asked["token"] = context.parameters["token"]
        address = f"{context.name}/gauge/{name}"
        known = context.get("gauge", context.name, name).resources
        result = context.do(action, (address,), asked)
        said += [f"{name} ({len(known)} known): {outcome.status} {outcome.message}" for outcome in result.outcomes]
    return Decision(True, "; ".join(said), looks)
