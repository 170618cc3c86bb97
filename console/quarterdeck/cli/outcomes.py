"""What came of an action or a job: as text, as JSON, and as an exit code."""

from quarterdeck.cli.complete import complete
from quarterdeck.cli.documents import write_document
from quarterdeck.cli.streams import narrate, narrate_error, write_lines
from quarterdeck.cli.terminal_program import program_document
from quarterdeck.drawing.quantities import format_duration
from quarterdeck_api.errors import ErrorReport, ExitCode, error_from_report
from quarterdeck_api.jobs import JobState
from quarterdeck_api.protocol import JobRecord, Outcome
from quarterdeck_api.visible import visible

_STATUS_CODES = {"refused": ExitCode.REFUSED, "unknown": ExitCode.UNKNOWN, "failed": ExitCode.FAILED}


def job_document(record: JobRecord) -> dict[str, object]:
    """The documented JSON form of a job that was waited for."""
    paths = [*record.artefact_paths, *[""] * len(record.artefacts)]
    return {
        "address": record.address,
        "action": record.action,
        "target": record.target,
        "state": record.state.value,
        "attempt": record.attempt,
        "created": record.created,
        "started": record.started,
        "ended": record.ended,
        "result": record.result,
        "artefacts": [
            {"name": each.name, "path": path, "media_type": each.media_type}
            for each, path in zip(record.artefacts, paths, strict=False)
        ],
        "error": _error_document(record.error),
    }


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """The documented JSON form of an action that started no job, or whose job was not waited for."""
    return {
        "address": outcome.address,
        "status": outcome.status,
        "message": outcome.message,
        "job": outcome.job,
        "statement": outcome.statement,
        "document": complete(outcome.document),
        "run": program_document(outcome.run),
        "error": _error_document(outcome.error),
    }


def outcome_code(outcome: Outcome) -> int:
    """The exit code that an outcome means."""
    if outcome.error is not None:
        return error_from_report(outcome.error).exit_code
    return _STATUS_CODES.get(outcome.status, ExitCode.DONE)


def job_code(record: JobRecord) -> int:
    """The exit code that a job's state means: anything but success is a failure."""
    return ExitCode.DONE if record.state is JobState.SUCCEEDED else ExitCode.FAILED


def tell_outcome(outcome: Outcome) -> None:
    """Says what came of an action: the exact statement and its document as data, the sentence beside it."""
    if outcome.error is not None:
        narrate_error(outcome.error.message, outcome.error.remedy)
        return
    # What is new and was named by a parameter has no address of its own here.
    where = "" if outcome.address.endswith("/") else f"{outcome.address}: "
    narrate(f"{where}{outcome.status} {visible(outcome.message)}".rstrip())
    if outcome.statement:
        write_lines(visible(line) for line in outcome.statement.splitlines())
    if outcome.document is not None:
        write_document(outcome.document)


def tell_job(record: JobRecord) -> None:
    """Says how a job ended; its document is data, and so are the paths of its artefacts."""
    ran = f" in {format_duration(record.ended - record.started)}" if record.ended and record.started else ""
    narrate(f"{record.address} {record.state.value}{ran}")
    if record.error is not None:
        narrate_error(record.error.message, record.error.remedy or f"see `quarterdeck logs {record.address}`")
    if record.document is not None:
        write_document(record.document)
    elif record.result:
        write_lines(f"{visible(key)}  {visible(str(value))}" for key, value in record.result.items())
    for path in record.artefact_paths:
        narrate(f"artefact: {visible(path)}")


def _error_document(error: ErrorReport | None) -> dict[str, str] | None:
    return {"code": error.code, "message": error.message, "remedy": error.remedy} if error else None
