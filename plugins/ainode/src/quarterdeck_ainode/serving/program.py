"""The program `quarterdeck-ainode`: joins a cluster of Apache IoTDB and serves it in the foreground, or takes a node out of its cluster."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_api.errors import ExitCode, QuarterdeckError, UsageError
from quarterdeck_api.visible import visible

_DESCRIPTION = """An AINode of Apache IoTDB 2.0.10 with the models of sktime and statsforecast: joins the cluster of a running ConfigNode,
answers SHOW MODELS, LOAD MODEL, CALL INFERENCE, FORECAST, CLASSIFY and the others, and ends on ctrl-C, SIGTERM or REMOVE AINODE.
With --deregister it asks the cluster to forget the node of its data folder, and ends."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it; gives the exit code: 0 ended, 2 wrong options, 3 no cluster, 4 refused, 130 interrupted before it had joined."""
    options = vars(_parser().parse_args(arguments))
    deregister, patience = options.pop("deregister"), options.pop("wait")
    try:
        parameters = _parameters(options)
        return _deregister(parameters) if deregister else _serve(parameters, patience)
    except QuarterdeckError as error:
        remedy = f"  try: {visible(error.remedy)}\n" if error.remedy else ""
        sys.stderr.write(f"error: {visible(error.message)}\n{remedy}")
        return int(error.exit_code)


def _serve(parameters: ServerParameters, patience: float) -> int:
    from quarterdeck_ainode.serving.local_engine import open_engine
    from quarterdeck_ainode.serving.running import narrate_on_standard_error, serve, stop_on_signals

    narrate_on_standard_error()
    serve(parameters, open_engine, patience, stop_on_signals())
    return ExitCode.DONE


def _deregister(parameters: ServerParameters) -> int:
    from quarterdeck_ainode.serving.deregistering import deregister

    sys.stderr.write(f"{visible(deregister(parameters))}\n")
    return ExitCode.DONE


def _parameters(options: dict[str, Any]) -> ServerParameters:
    """The options that were given, checked against the struct that is their only source."""
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(given.get("config_node"), list):
        given["config_node"] = ",".join(given["config_node"])
    try:
        return msgspec.convert(given, ServerParameters, strict=False)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$.")
        option = f" - at `--{where.replace('_', '-')}" if where else ""
        raise UsageError(f"an option is wrong: {said}{option}", "see quarterdeck-ainode --help") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarterdeck-ainode", description=_DESCRIPTION)
    properties = msgspec.json.schema(ServerParameters)["$defs"][ServerParameters.__name__]["properties"]
    for name, schema in properties.items():
        default = schema.get("default")
        shown = f" (default: {default})" if default not in (None, "", False) else ""
        option, text = "--" + name.replace("_", "-"), schema.get("description", "") + shown
        if schema.get("type") == "boolean":
            parser.add_argument(option, action="store_true", default=None, help=text)
        else:
            parser.add_argument(option, action="append" if name == "config_node" else "store", help=text)
    parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the cluster; 0: for ever (60)")
    parser.add_argument("--deregister", action="store_true", help="take the node of the data folder out of its cluster")
    return parser


if __name__ == "__main__":
    sys.exit(main())
