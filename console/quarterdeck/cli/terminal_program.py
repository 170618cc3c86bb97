"""A program that an action hands to the user's terminal: run here when there is one, else printed."""

import os
import shlex
import sys

from quarterdeck.cli.streams import narrate, write_lines
from quarterdeck_api.backend import RunInTerminal
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.visible import visible


def run_program(program: RunInTerminal) -> int:
    """Runs it with this terminal and waits; DONE when it ended with 0, else FAILED. Without a terminal the command line is the data."""
    if not program.argv:
        narrate("the action gave no program to run")
        return ExitCode.FAILED
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        narrate("there is no terminal here; run this on one:")
        write_lines([visible(command_line(program))])
        return ExitCode.DONE
    import subprocess  # Imported here: `do` seldom needs it, and it costs start-up time.

    if program.title:
        narrate(visible(program.title))
    environment = {**os.environ, **program.environment}
    try:
        process = subprocess.Popen(program.argv, cwd=program.folder or None, env=environment)
    except (OSError, ValueError) as error:
        narrate(f"{visible(shlex.join(program.argv))} cannot be started: {error}")
        return ExitCode.FAILED
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            continue  # The key was meant for the program, which got it too.
    if code:
        narrate(f"{visible(program.argv[0])} ended with {code}")
    return ExitCode.FAILED if code else ExitCode.DONE


def command_line(program: RunInTerminal) -> str:
    """The program as a line for a shell."""
    variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(program.environment.items())]
    line = " ".join([*variables, shlex.join(program.argv)])
    return f"cd {shlex.quote(program.folder)} && {line}" if program.folder else line


def program_document(program: RunInTerminal | None) -> dict[str, object] | None:
    """The documented JSON form."""
    if program is None:
        return None
    return {
        "argv": list(program.argv),
        "folder": program.folder,
        "environment": program.environment,
        "title": program.title,
    }
