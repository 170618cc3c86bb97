"""Every kind whose rows the console keeps, watched once the catalogue has it."""

from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Union

from quarterdeck.tui.feeds import Feed
from quarterdeck.tui.kind_choices import kind_info, kind_title
from quarterdeck.tui.panes import PaneInfo
from quarterdeck.tui.schema import kind_schema
from quarterdeck.tui.session import Session
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.protocol import CatalogueResult
from quarterdeck_api.resources import Resource

if TYPE_CHECKING:
    from quarterdeck.tui.browsed_feed import BrowsedFeed

_NOTHING_KNOWN = CatalogueResult((), ())

RowSource = Union[Feed, "BrowsedFeed"]


class FeedShelf:
    """Makes feeds, and keeps those of whole kinds for as long as the console runs. `spawn` runs what asks the runtime."""

    def __init__(
        self,
        session: Session,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        told: Callable[[], None],
        said: Callable[[str], None],
    ) -> None:
        self._session = session
        self._spawn = spawn
        self._told = told
        self._said = said
        self._known = _NOTHING_KNOWN
        self._feeds: dict[str, Feed] = {}
        self._passing: list[RowSource] = []
        self._watched: set[Feed] = set()

    def of_kind(self, kind: str) -> Feed:
        """All rows of a kind, watched from now on."""
        feed = self._feeds.get(kind)
        if feed is None:
            feed = self._feeds[kind] = Feed(kind, told=self._told)
            self._begin(feed)
        return feed

    def of_pane(self, pane: PaneInfo) -> list[RowSource]:
        """The rows of each of a pane's tables; `let_go` when the pane is not kept any more."""
        found: list[RowSource] = []
        for kind in pane.kinds:
            info = kind_info(self._known, kind)
            source: RowSource
            if info is not None and not info.mirrored:
                from quarterdeck.tui.browsed_feed import BrowsedFeed

                source = BrowsedFeed(kind, pane.backend, pane.parent, self._session.call, self._spawn)
                self._passing.append(source)
                self._begin(source)
            elif pane.parent:
                source = Feed(kind, told=self._told, parent=pane.parent)
                self._passing.append(source)
                self._begin(source)
            else:
                source = self.of_kind(kind)
            found.append(source)
        return found

    def let_go(self, sources: list[RowSource]) -> None:
        """Ends what was made for one pane only."""
        for source in sources:
            if source in self._passing:
                self._passing.remove(source)
                if isinstance(source, Feed):
                    self._watched.discard(source)
                    self._spawn(self._session.unwatch(source))

    def catalogue_known(self, known: CatalogueResult) -> None:
        """Plugins and backends are known (again)."""
        self._known = known
        for source in self._all():
            self._begin(source)

    def get(self, kind: str) -> Feed | None:
        """The rows of a kind, when they are kept already."""
        return self._feeds.get(kind)

    def row(self, address: str) -> Resource | None:
        """The resource at an address, when it is here."""
        return next((source.model.rows[address] for source in self._all() if address in source.model.rows), None)

    def addresses(self, of_each: int) -> list[str]:
        """Some addresses of every kind that is kept."""
        return [address for feed in self._feeds.values() for address in feed.model.order[:of_each]]

    def mirrored(self) -> list[Feed]:
        """Every kind that is kept."""
        return list(self._feeds.values())

    def _all(self) -> Iterator[RowSource]:
        yield from list(self._feeds.values())
        yield from list(self._passing)

    def _begin(self, source: RowSource) -> None:
        """Gives a source its columns and lets it ask for rows, as soon as it is known that there are any."""
        if self._known is _NOTHING_KNOWN:
            return
        source.set_schema(kind_schema(source.kind, self._known))
        if not isinstance(source, Feed):
            source.begin()
        elif source not in self._watched:
            if kind_info(self._known, source.kind) is None:
                source.cannot_be_watched(f"no plugin here has {kind_title(self._known, source.kind).lower()}")
                return
            source.missing = ""
            self._watched.add(source)
            self._spawn(self._watch(source))

    async def _watch(self, feed: Feed) -> None:
        # Narrowed where the rows are; which of them are really below the parent is looked at once more when they come.
        below = f'parent="{feed.parent}"' if feed.parent and '"' not in feed.parent else ""
        try:
            await self._session.watch(feed, feed.kind, filter=below)
        except QuarterdeckError as error:
            self._said(error.message)
