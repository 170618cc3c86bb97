"""Commands of the plugin."""

import os
import signal

from quarterdeck_api.console import Console
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_watchful.settings import Fill, Levels


def levels(console: Console, asked: Levels) -> int | None:
    """Lists gauges."""
    match asked.fault:
        case "raise":
            raise ValueError("the command was told to raise")
        case "refuse":
            raise QuarterdeckError("the command was told to fail", "leave --fault out")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "environment":
            console.json(sorted(os.environ))
            return None
        case "7":
            return 7
        case _:
            pass
    found = console.get("gauge")
    rows = [(each.address, found.cell(each, "level")) for each in found.resources]
    console.table(("gauge", "level"), [row for row in rows if float(row[1] or 0) < asked.below])
    return None


def fill(console: Console, asked: Fill) -> None:
    """Fills a gauge by the same request as anybody's."""
    parameters = {"level": asked.level} | ({"token": asked.token} if asked.token else {})
    result = console.do("gauge.set", f"watchful/gauge/{asked.gauge}", parameters=parameters)
    console.say("done")
    console.json({"message": result.outcomes[0].message})
