"""`get --watch`: what is there, then every change as it comes."""

from quarterdeck.cli.kinds import resolve_kind
from quarterdeck.cli.listing import Listing, columns_of_backends, known_kinds, listing_lines
from quarterdeck.cli.session import ANSWER_TIMEOUT, Session
from quarterdeck.cli.streams import write_json, write_lines
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.protocol import WATCH_DELTA, WATCH_OPEN, WATCH_SNAPSHOT, Delta, SnapshotChunk, WatchParams
from quarterdeck_api.resources import Resource, resource_document

_WATCH = 1


def watch_listing(session: Session, listing: Listing) -> int:
    """Prints resources and their changes until interrupted or until the runtime ends.

    As text: the table, then one line without a header for each change. As JSON: one document a line.
    """
    catalogue = session.catalogue()
    kind = resolve_kind(listing.kind, known_kinds(catalogue))
    columns = columns_of_backends(catalogue, kind)
    ids = {backend: tuple(column.id for column in own) for backend, own in columns.items()}
    session.call(WATCH_OPEN, WatchParams(_WATCH, kind, listing.backend, listing.filter), ANSWER_TIMEOUT)
    header_shown = False

    def show(resources: tuple[Resource, ...], removes: tuple[str, ...]) -> None:
        nonlocal header_shown
        if listing.as_json:
            for each in resources:
                document = resource_document(each, ids.get(each.backend, ()))
                write_json({"event": "upsert", "resource": document}, compact=True)
            for address in removes:
                write_json({"event": "remove", "address": address}, compact=True)
            return
        lines = listing_lines(resources, columns, listing.backend)
        write_lines(lines[1:] if header_shown else lines)
        header_shown = True
        write_lines(f"{address}  gone" for address in removes)

    for notification in session.notifications():
        if notification.method == WATCH_SNAPSHOT.name:
            chunk: SnapshotChunk = notification.params
            show(chunk.resources, ())
        elif notification.method == WATCH_DELTA.name:
            delta: Delta = notification.params
            show(delta.upserts, delta.removes)
    return ExitCode.DONE
