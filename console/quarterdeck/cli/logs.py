"""`quarterdeck logs`."""

import click

from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.protocol import LOGS_LINES, LOGS_OPEN, LogLines, LogsParams
from quarterdeck_api.visible import visible

_STREAM = 1


@click.command("logs")
@click.argument("address", type=ADDRESS)
@click.option("-f", "--follow", is_flag=True, help="Go on with every new line.")
@click.option("--tail", default=0, metavar="N", help="Only the last N lines; 0 shows all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")
def command(address: str, follow: bool, tail: int, as_json: bool) -> int:
    """Show the log at ADDRESS: a job's (core/job/7, or 7), the runtime's (runtime), or a plugin's host's (core/host/ainode)."""
    with open_session("logs") as session:
        session.call(LOGS_OPEN, LogsParams(_STREAM, log_address(address), follow, tail))
        for notification in session.notifications():
            if notification.method != LOGS_LINES.name:
                continue
            found: LogLines = notification.params
            if found.skipped:
                narrate(f"… {found.skipped} lines were skipped: they came faster than they were read")
            if as_json:
                for line in found.lines:
                    write_json({"line": line}, compact=True)
            else:
                write_lines(visible(line.replace("\t", "    ")) for line in found.lines)
            if found.ended:
                break
    return ExitCode.DONE


def log_address(text: str) -> str:
    """The address of a log from what people write: a job's number, `runtime`, or an address."""
    if text.isdigit():
        return f"core/job/{text}"
    return "core/runtime/runtime" if text == "runtime" else text
