"""`get`: resources of a kind as a table or JSON, once or as they change."""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from quarterdeck.cli.cells import cell_text, time_text
from quarterdeck.cli.kinds import SHARED_KINDS, exact_kind, resolve_kind
from quarterdeck.cli.session import ANSWER_TIMEOUT, open_session
from quarterdeck.cli.streams import narrate, painted, terminal_width, wants_colour, write_json, write_lines
from quarterdeck.cli.tables import cut, table_lines
from quarterdeck.drawing.quantities import RIGHT_ALIGNED
from quarterdeck_api.catalogue import Column
from quarterdeck_api.errors import ExitCode, UnreachableError
from quarterdeck_api.protocol import GET, CatalogueResult, GetParams, GetResult
from quarterdeck_api.resources import CORE, Health, Resource, resource_document
from quarterdeck_api.visible import visible

#: Seconds that `get` gives backends which have not said everything yet.
SYNC_WAIT = 5.0

_HEALTH_STYLES = {
    Health.OK: "green",
    Health.BUSY: "cyan",
    Health.DEGRADED: "yellow",
    Health.FAILED: "red",
    Health.STOPPED: "dim",
    Health.UNKNOWN: "dim",
}


class Listing(NamedTuple):
    """What `get` is asked."""

    kind: str
    backend: str = ""
    filter: str = ""
    watch: bool = False
    as_json: bool = False


def run_listing(listing: Listing) -> int:
    """Prints what is asked; returns UNREACHABLE when the one backend asked for cannot say what it has."""
    with open_session("get") as session:
        if listing.watch:
            from quarterdeck.cli.watching import watch_listing

            return watch_listing(session, listing)
        kind = exact_kind(listing.kind, SHARED_KINDS)
        if not kind:
            kind = resolve_kind(listing.kind, known_kinds(session.catalogue()))
            if _is_browsed(session.catalogue(), kind):
                from quarterdeck.cli.browsing import BrowseListing, run_browsing

                asked_page = BrowseListing(kind, listing.backend, listing.filter, as_json=listing.as_json)
                return run_browsing(session, asked_page)
        asked = GetParams(kind, listing.backend, listing.filter, SYNC_WAIT)
        found = session.call(GET, asked, SYNC_WAIT + ANSWER_TIMEOUT)
        if listing.as_json:
            write_json([_document(each, found) for each in found.resources])
        else:
            columns = columns_of_backends(session.catalogue(), kind)
            write_lines(listing_lines(found.resources, columns, listing.backend, outdated=frozenset(found.pending)))
        return _tell_pending(found, listing.backend)


def _is_browsed(catalogue: CatalogueResult, kind: str) -> bool:
    """Whether no plugin mirrors the kind."""
    catalogues = [status.catalogue for status in catalogue.plugins if status.catalogue]
    return not any(info.mirrored for each in catalogues if (info := each.kind(kind)) is not None)


def known_kinds(catalogue: CatalogueResult) -> tuple[str, ...]:
    """Every kind that any plugin declares."""
    kinds = [kind.id for status in catalogue.plugins if status.catalogue for kind in status.catalogue.kinds]
    return tuple(dict.fromkeys([*SHARED_KINDS, *kinds]))


def columns_of_backends(catalogue: CatalogueResult, kind: str) -> dict[str, tuple[Column, ...]]:
    """The columns in which the cells of a kind stand, by backend name."""
    catalogues = {status.id: status.catalogue for status in catalogue.plugins if status.catalogue}
    plugins = {CORE: CORE} | {backend.name: backend.plugin for backend in catalogue.backends}
    found: dict[str, tuple[Column, ...]] = {}
    for backend, plugin in plugins.items():
        info = catalogues[plugin].kind(kind) if plugin in catalogues else None
        if info is not None:
            found[backend] = info.columns
    return found


def listing_lines(
    resources: Sequence[Resource],
    columns: Mapping[str, tuple[Column, ...]],
    backend: str = "",
    *,
    outdated: frozenset[str] = frozenset(),
) -> list[str]:
    """A table of resources: address, health, state, every column that the backends have for the kind, since when, and why.

    Of `outdated` backends it is what was seen last: their resources' health has a question mark.
    """
    kept = columns.values() if not backend else [columns.get(backend, ())]
    shown: dict[str, Column] = {column.id: column for own in kept for column in own}
    titles = [
        "address",
        "health",
        "state",
        *(column.title or column.id for column in shown.values()),
        "since",
        "reason",
    ]
    titles = [title.replace(" ", "_") for title in titles]
    rows = [
        _row(each, columns.get(each.backend, ()), list(shown), "?" if each.backend in outdated else "")
        for each in resources
    ]
    right = frozenset(index + 3 for index, column in enumerate(shown.values()) if column.type in RIGHT_ALIGNED)
    lines = table_lines(titles, rows, right)
    if not sys.stdout.isatty():
        return lines
    width, colour = terminal_width(), wants_colour(sys.stdout)
    cut_lines = [cut(line, width) for line in lines]
    styles = ["bold", *(_HEALTH_STYLES[each.health] for each in resources)]
    return [_coloured(line, style, colour) for line, style in zip(cut_lines, styles, strict=True)]


def _document(resource: Resource, found: GetResult) -> dict[str, object]:
    document = resource_document(resource, found.columns.get(resource.backend, ()))
    return {**document, "outdated": resource.backend in found.pending}


def _row(resource: Resource, columns: Sequence[Column], shown: Sequence[str], doubt: str) -> list[str]:
    cells = {column.id: cell_text(cell, column.type) for column, cell in zip(columns, resource.cells, strict=False)}
    return [
        visible(resource.address),
        resource.health.value + doubt,
        visible(resource.state),
        *(cells.get(column, "") for column in shown),
        time_text(int(resource.since)) if resource.since else "",
        visible(resource.reason),
    ]


def _coloured(line: str, style: str, colour: bool) -> str:
    return painted(line, style, colour and style != "green")  # What is well needs no attention.


def _tell_pending(found: GetResult, backend: str) -> int:
    for name, reason in sorted(found.pending.items()):
        narrate(f"what is shown of {name} may be old or incomplete: {visible(reason)}")
    if backend and backend in found.pending and not found.resources:
        raise UnreachableError(
            f"{backend} has not said what it has: {found.pending[backend]}",
            "try again, or see `quarterdeck plugin list`",
        )
    return ExitCode.DONE
