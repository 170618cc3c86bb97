"""The one door: answers `--version` from a literal, opens the console on a terminal, and hands everything else to the command line."""

import sys

#: The same as in `pyproject.toml` (a test compares them); a literal because reading metadata costs five times the start of Python.
VERSION = "0.1.0"


def main() -> None:
    """Runs the program; ends with one of the exit codes of `quarterdeck_api.errors.ExitCode`."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"quarterdeck {VERSION}\n")
        return
    from quarterdeck.cli.screens import Screens

    screens = Screens(console, snapshot)
    if not arguments and sys.stdin.isatty() and sys.stdout.isatty():
        from quarterdeck.cli.boundary import guarded

        sys.exit(guarded(console))
    if arguments and arguments[0] == "get":
        from quarterdeck.cli.quick import run_get

        code = run_get(arguments[1:])
        if code is not None:
            sys.exit(code)
    from quarterdeck.cli.main import run

    sys.exit(run(arguments, screens))


def console() -> int:
    """Opens the console and returns its exit code."""
    from quarterdeck.tui.app import run_console

    return run_console()


def snapshot(width: int, height: int, svg: bool, pane: int, address: str) -> str:
    """One frame of a pane, or of the resource at an address, as text or as an SVG image."""
    from quarterdeck.tui.snapshot import render_snapshot

    return render_snapshot(width=width, height=height, svg=svg, pane=pane, address=address)
