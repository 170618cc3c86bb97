"""`quarterdeck logs`."""

import click

from quarterdeck.cli.choices import ADDRESS
from quarterdeck.cli.session import Session, open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck_api.errors import ExitCode, error_from_report
from quarterdeck_api.logs import LOG_SOURCES, LogSourcesParams
from quarterdeck_api.protocol import LOGS_LINES, LOGS_OPEN, LogLines, LogsParams
from quarterdeck_api.visible import visible

_STREAM = 1

#: Seconds for a backend to say which logs a resource has.
_SOURCES_TIMEOUT = 30.0


@click.command("logs")
@click.argument("address", type=ADDRESS)
@click.option("-f", "--follow", is_flag=True, help="Go on with every new line.")
@click.option("--tail", default=0, metavar="N", help="Only the last N lines; 0 shows all.")
@click.option("--source", default="", help="Which of the resource's logs; without it the first.")
@click.option("--sources", "list_sources", is_flag=True, help="List the resource's logs instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")
def command(address: str, follow: bool, tail: int, source: str, list_sources: bool, as_json: bool) -> int:
    """Show the log at ADDRESS: of any resource that has one, of a job (core/job/7, or 7), the runtime (runtime), or a plugin's host
    (core/host/ainode).
    """
    wanted = log_address(address)
    with open_session("logs") as session:
        if list_sources:
            return _list_sources(session, wanted, as_json)
        session.call(LOGS_OPEN, LogsParams(_STREAM, wanted, follow, tail, source))
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
            if found.error is not None:
                raise error_from_report(found.error)
            if found.ended:
                break
    return ExitCode.DONE


def log_address(text: str) -> str:
    """The address of a log from what people write: a job's number, `runtime`, or an address."""
    if text.isdigit():
        return f"core/job/{text}"
    return "core/runtime/runtime" if text == "runtime" else text


def _list_sources(session: Session, address: str, as_json: bool) -> int:
    sources = session.call(LOG_SOURCES, LogSourcesParams(address), _SOURCES_TIMEOUT).sources
    if as_json:
        write_json([{"name": each.name, "title": each.title} for each in sources])
    else:
        write_lines(table_lines(("source", "title"), [(visible(each.name), visible(each.title)) for each in sources]))
    return ExitCode.DONE
