"""`quarterdeck runtime`: start, stop and inspect the process that owns everything."""

import click

from quarterdeck.cli.cells import time_text
from quarterdeck.cli.complete import complete
from quarterdeck.cli.runtime_control import start_runtime, stop_runtime
from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.cli.tables import table_lines
from quarterdeck.config.paths import instance_paths
from quarterdeck.drawing.quantities import format_bytes
from quarterdeck_api.errors import ExitCode, NotFoundError
from quarterdeck_api.runtime_requests import STATUS, RuntimeStatus
from quarterdeck_api.visible import visible
from quarterdeck_api.wire import Nothing

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("runtime")
def command() -> None:
    """Start, stop and inspect the runtime."""


@command.command("status")
@_JSON
def status(as_json: bool) -> int:
    """Show the runtime with its hosts, workers, clients and jobs; exits with 3 when none runs."""
    with open_session("runtime", start=False) as session:
        found = session.call(STATUS, Nothing())
    if as_json:
        write_json(complete(found))
    else:
        write_lines(_status_lines(found))
    return ExitCode.DONE


@command.command("start")
@_JSON
def start(as_json: bool) -> None:
    """Start the runtime unless it runs; say which it is."""
    started = start_runtime(instance_paths())
    if as_json:
        write_json({"pid": started.pid, "version": started.version, "started_now": started.now})
    else:
        narrate(f"the runtime {'started' if started.now else 'runs already'} (process {started.pid})")


@command.command("stop")
@_JSON
def stop(as_json: bool) -> None:
    """Stop the runtime and wait until it is gone; running jobs in workers go on, and the next runtime finds them."""
    pid = stop_runtime(instance_paths(), "asked by `quarterdeck runtime stop`")
    if as_json:
        write_json({"pid": pid, "stopped": pid != 0})
    else:
        narrate(f"the runtime (process {pid}) is stopped" if pid else "no runtime runs")


@command.command("restart")
@_JSON
def restart(as_json: bool) -> None:
    """Stop the runtime and start it again, for example with another version."""
    paths = instance_paths()
    stop_runtime(paths, "asked by `quarterdeck runtime restart`", keep_workers=True)
    started = start_runtime(paths)
    if as_json:
        write_json({"pid": started.pid, "version": started.version, "started_now": started.now})
    else:
        narrate(f"the runtime started (process {started.pid})")


@command.command("logs")
@click.option("--tail", default=200, metavar="N", help="Only the last N lines; 0 shows all.")
@_JSON
def logs(tail: int, as_json: bool) -> None:
    """Print the runtime's own log; works whether it runs or not."""
    path = instance_paths().logs / "runtime.log"
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"there is no {path}", "the runtime has not been started yet") from None
    shown = lines[-tail:] if tail > 0 else lines
    if as_json:
        for line in shown:
            write_json({"line": line}, compact=True)
    else:
        write_lines(visible(line) for line in shown)


@command.command("install")
@click.option("--write", is_flag=True, help="Write the systemd user unit instead of printing it.")
@_JSON
def install(write: bool, as_json: bool) -> None:
    """Print what starts the runtime with the machine: a systemd user unit, or what launchd or cron takes.

    Nothing is installed or started by this command; it says what to do.
    """
    from quarterdeck.cli.runtime_install import this_installation, write_installation

    found = this_installation()
    written = str(write_installation(found)) if write else ""
    if as_json:
        write_json({"system": found.system, "text": found.text, "written": written, "steps": list(found.steps)})
        return
    if written:
        narrate(f"{written} is written")
    else:
        write_lines(found.text.splitlines())
        if found.path is not None:
            narrate(f"to write it to {found.path}: quarterdeck runtime install --write")
    narrate("then:")
    for step in found.steps:
        narrate(f"  {step}")
    narrate(
        "secrets that the configuration takes from the environment (env:NAME) are not known to it then: use file:PATH"
    )


def _status_lines(found: RuntimeStatus) -> list[str]:
    jobs = ", ".join(f"{count} {state}" for state, count in found.jobs.items() if count) or "none"
    managed = found.processes
    running, stopped, instances = (managed.get(each, 0) for each in ("running", "stopped", "instances"))
    kept = f"{running} wanted, {instances} instances running, {stopped} stopped" if running or stopped else "none"
    lines = [
        f"runtime {found.version}, process {found.pid}, since {time_text(int(found.started))}",
        f"  instance  {found.instance or 'default'}{' (read-only)' if found.read_only else ''}",
        f"  socket    {found.socket}",
        f"  memory    {format_bytes(found.memory)}",
        f"  jobs      {jobs}",
        f"  processes {kept}",
        f"  clients   {', '.join(f'{each.client} ({each.pid})' for each in found.clients) or 'none'}",
    ]
    configuration = found.configuration
    lines += [f"  problem   {visible(problem)}" for problem in configuration.problems]
    if not configuration.applied:
        lines.append("            the file is not taken over until it is corrected; the settings from before hold")
    if configuration.restart_for:
        lines.append(f"  restart   {', '.join(configuration.restart_for)} hold after `quarterdeck runtime restart`")
    processes = [
        ["host", each.plugin, each.state, str(each.pid or ""), format_bytes(each.memory), visible(each.reason)]
        for each in found.hosts
    ]
    processes += [
        [
            "worker",
            each.plugin,
            each.state,
            str(each.pid or ""),
            format_bytes(each.memory),
            f"job {each.job}" * bool(each.job),
        ]
        for each in found.workers
    ]
    titles = ("process", "plugin", "state", "pid", "memory", "about")
    return [*lines, "", *table_lines(titles, processes, frozenset({3, 4}))] if processes else lines
