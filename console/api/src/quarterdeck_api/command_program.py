"""`python -m quarterdeck_api.command_program`: runs one command of a plugin for the command line, which has connected to the runtime for it.

The command line passes two descriptors: the connection, and a pipe with the CommandOrder. What the command prints goes to the user's own
standard output; its errors become sentences and exit codes as those of every other command.
"""

import argparse
import inspect
import os
import socket
import sys
import typing
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from quarterdeck_api.console import Console, ConsoleOptions, RuntimeLine
from quarterdeck_api.declare_output import describe_exception
from quarterdeck_api.errors import ExitCode, QuarterdeckError, UsageError
from quarterdeck_api.import_string import load_object
from quarterdeck_api.lifeline import die_with_parent
from quarterdeck_api.visible import visible


class CommandOrder(Struct, frozen=True):
    """What is to be run: the command's names for messages, its handler, and parameters that satisfy its schema."""

    plugin: str
    command: str
    handler: str
    parameters: dict[str, Any]
    options: ConsoleOptions


def run_command(order: CommandOrder, connection: socket.socket) -> int:
    """Runs the command's handler and gives the exit code; errors are told on standard error."""
    name = f"{order.plugin} {order.command}"
    try:
        handler = load_object(order.handler)
        code = handler(Console(RuntimeLine(connection), order.options), _parameters(handler, order))
    except QuarterdeckError as error:
        return _told(order, error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.DONE  # The reader has seen enough, as in `| head`.
    except Exception as fault:  # noqa: BLE001 - the boundary to plugin code: whatever a command raises becomes a sentence
        error = QuarterdeckError(
            f"the command {name} failed inside its plugin: {describe_exception(fault)}",
            f"report it to the authors of plugin {order.plugin}",
        )
        return _told(order, error)
    if code is None:
        return ExitCode.DONE
    if isinstance(code, int) and 0 <= int(code) <= 255:
        return int(code)
    error = QuarterdeckError(
        f"the command {name} returned {code!r}, which is no exit code",
        f"report it to the authors of plugin {order.plugin}",
    )
    return _told(order, error)


def _parameters(handler: Callable[..., Any], order: CommandOrder) -> Any:
    """The parameters as the handler's second argument declares them; raises UsageError."""
    try:
        names = list(inspect.signature(handler).parameters)
        wanted = typing.get_type_hints(handler).get(names[1], dict[str, Any]) if len(names) > 1 else None
        return msgspec.convert(order.parameters, wanted)
    except (NameError, TypeError, ValueError) as error:
        raise UsageError(
            f"the command {order.plugin} {order.command} cannot be given its parameters: {error}",
            "import their type at run time, and let the handler take a Console and the parameters",
        ) from error


def _told(order: CommandOrder, error: QuarterdeckError) -> int:
    red, dim, plain = ("\x1b[31m", "\x1b[2m", "\x1b[0m") if order.options.colour else ("", "", "")
    sys.stderr.write(f"{red}error:{plain} {visible(error.message)}\n")
    if error.remedy:
        sys.stderr.write(f"  {dim}try:{plain} {visible(error.remedy)}\n")
    sys.stderr.flush()
    return int(error.exit_code)


def main() -> int:
    """The program; see the module."""
    parser = argparse.ArgumentParser(prog="python -m quarterdeck_api.command_program")
    parser.add_argument("--connection", type=int, required=True, help="the descriptor of the connection to the runtime")
    parser.add_argument("--order", type=int, required=True, help="the descriptor of a pipe with the order")
    parser.add_argument("--path", action="append", default=[], help="a folder to put in front of sys.path")
    options = parser.parse_args()
    die_with_parent()
    with os.fdopen(options.order, "rb") as pipe:
        order = msgspec.json.decode(pipe.read(), type=CommandOrder)
    sys.path[:0] = options.path
    with socket.socket(fileno=options.connection) as connection:
        connection.set_inheritable(False)
        return run_command(order, connection)


if __name__ == "__main__":
    sys.exit(main())
