"""`quarterdeck demo`: a real forecast in an instance of its own, on a terminal or without one."""

import os
import sys

import click

from quarterdeck.cli.doing import wait_for
from quarterdeck.cli.outcomes import job_code, tell_job
from quarterdeck.cli.runtime_control import stop_runtime
from quarterdeck.cli.screens import Screens
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import narrate, write_lines
from quarterdeck.config.paths import HOME_VARIABLE, instance_paths
from quarterdeck_api.errors import ExitCode, QuarterdeckError, error_from_report
from quarterdeck_api.protocol import DO, GET, DoParams, GetParams

#: Seconds for the plugin's host to come up and say which models it has, on a slow machine with cold caches.
_HOST_SECONDS = 60.0

#: Seconds after which the demo's runtime ends once nobody looks at it.
_IDLE_EXIT = 60

_DATASET = "core/dataset/airline"
_MODEL = "ainode/model/arima"
#: The airline model of Box, Jenkins and Reinsel (Time Series Analysis, 1976): (0,1,1)(0,1,1)12.
_REQUEST = DoParams(
    "model.forecast",
    (_MODEL,),
    {"dataset": "airline", "horizon": 12},
    {"order": [0, 1, 1], "seasonal_order": [0, 1, 1, 12]},
)


@click.command("demo")
@click.option("--console/--no-console", "opens", default=True, help="Open the console at the end, on a terminal.")
@click.pass_obj
def command(screens: Screens, opens: bool) -> int:
    """Forecast the airline series with its textbook seasonal ARIMA, show the result, and open the console.

    Uses an instance of its own below the cache folder, so nothing of yours is touched. Without a terminal one frame is printed instead of the
    console, and nothing is left running.
    """
    home = instance_paths().cache_folder / "demo"
    os.environ[HOME_VARIABLE] = str(home)
    os.environ.setdefault("QUARTERDECK_IDLE_EXIT", str(_IDLE_EXIT))
    narrate(f"demo: an instance of its own in {home}")
    on_terminal = opens and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        code = _forecast()
        if code == ExitCode.DONE and not on_terminal:
            narrate("demo: one frame of the console, as `quarterdeck snapshot` prints it")
            write_lines(["", *screens.snapshot(120, 40, False, 1, "").splitlines()])
    finally:
        if not on_terminal:
            stop_runtime(instance_paths(), "the demo has ended")
    if not on_terminal or code != ExitCode.DONE:
        return code
    click.pause("demo: press a key for the console; q leaves it", err=True)
    return screens.console()


def _forecast() -> int:
    with open_session("demo") as session:
        narrate("demo: the runtime is up; waiting for the models of the plugin ainode")
        _need_model(session)
        narrate(f"demo: {_DATASET}, monthly airline passengers from 1949 to 1960")
        narrate(
            "demo: quarterdeck do model.forecast ainode/model/arima --dataset airline --horizon 12"
            " --set order=0,1,1 --set seasonal_order=0,1,1,12"
        )
        outcome = session.call(DO, _REQUEST, 60.0, changes_something=True).outcomes[0]
        if outcome.error is not None:
            raise error_from_report(outcome.error)
        record = wait_for(session, outcome.job)
        tell_job(record)
        return job_code(record)


def _need_model(session: Session) -> None:
    found = session.call(GET, GetParams("model", "ainode", wait=_HOST_SECONDS), _HOST_SECONDS + 10)
    if not any(each.address == _MODEL for each in found.resources):
        reason = found.pending.get("ainode", "it has no model arima")
        raise QuarterdeckError(
            f"the demo needs the plugin ainode, but {reason}",
            "install quarterdeck-ainode, or see `quarterdeck plugin doctor ainode`",
        )
