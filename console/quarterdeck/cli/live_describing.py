"""`describe --live`: a document and every later state of it, in place on a terminal, one after another elsewhere."""

import sys

from quarterdeck.cli.complete import complete
from quarterdeck.cli.documents import write_document
from quarterdeck.cli.session import Session
from quarterdeck.cli.streams import narrate_error, write_json, write_lines
from quarterdeck_api.errors import ExitCode, error_from_report
from quarterdeck_api.live_documents import DOCUMENT_OPEN, DOCUMENT_SHOWN, DocumentOpen, DocumentShown
from quarterdeck_api.resources import resource_document

_STREAM = 1

#: To the upper left corner, and everything from there on away.
_HOME, _CLEAR = "\x1b[H", "\x1b[J"


def follow_document(session: Session, address: str, as_json: bool) -> int:
    """Prints states until interrupted, or until there are no more; the exit code is that of an error that ended it."""
    session.call(DOCUMENT_OPEN, DocumentOpen(_STREAM, address), 30.0)
    in_place = sys.stdout.isatty() and not as_json
    first = True
    for notification in session.notifications():
        if notification.method != DOCUMENT_SHOWN.name:
            continue
        shown: DocumentShown = notification.params
        if shown.error is not None:
            error = error_from_report(shown.error)
            narrate_error(error.message, error.remedy)
            if shown.ended:
                return error.exit_code
            continue
        if as_json:
            write_json(_shown_document(shown), compact=True)
        elif shown.document is not None:
            if in_place:
                sys.stdout.write(_HOME + _CLEAR)
            elif not first:
                write_lines([""])
            write_document(shown.document)
        first = False
        if shown.ended:
            break
    return ExitCode.DONE


def _shown_document(shown: DocumentShown) -> dict[str, object]:
    resource = resource_document(shown.resource, shown.columns) if shown.resource is not None else None
    return {"resource": resource, "document": complete(shown.document), "ended": shown.ended}
