"""Live documents: a resource's document sent again whenever it or its resource changes, while a client shows it."""

import asyncio
from contextlib import aclosing

from quarterdeck.runtime.backend_streams import BackendStreams
from quarterdeck.runtime.descriptions import Descriptions
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.serving.outlet import Outlet
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck.runtime.store import Store, StoreChange
from quarterdeck_api.documents import Block
from quarterdeck_api.errors import QuarterdeckError, UnreachableError, UnsupportedError
from quarterdeck_api.live_documents import DOCUMENT_SHOWN, DocumentNumber, DocumentOpen, DocumentShown
from quarterdeck_api.protocol import AddressParams, DescribeResult
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import Nothing

#: Seconds between two states of a document: at most 10 a second are sent.
SHOW_INTERVAL = 0.1

#: Seconds between two questions to a backend that has no live documents, while its resource changes.
DESCRIBE_INTERVAL = 0.5

#: Seconds before a live document that was interrupted is opened again.
REOPEN_SECONDS = 1.0


class LiveDocuments:
    """Serves live documents to clients; what has no live document is described again when its resource changes."""

    def __init__(self, store: Store, presence: Presence, descriptions: Descriptions, streams: BackendStreams) -> None:
        self._store = store
        self._presence = presence
        self._descriptions = descriptions
        self._streams = streams

    async def open(self, session: ClientSession, wanted: DocumentOpen) -> Nothing:
        """Follows a document; raises UsageError for no address, NotFoundError when there is no such resource."""
        address = Address.parse(wanted.address)
        following = _Following(wanted.stream, address, session.outlet)
        there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        there.add_done_callback(_retrieved)
        # Opened before the resource is looked for, so that it can be closed meanwhile.
        session.documents.open(wanted.stream, wanted.address, self._serve(following, there))
        await there
        return Nothing()

    async def close(self, session: ClientSession, wanted: DocumentNumber) -> Nothing:
        """Ends following."""
        session.documents.close(wanted.stream)
        return Nothing()

    async def _serve(self, following: "_Following", there: asyncio.Future[None]) -> None:
        """Follows a document until its task is cancelled; `there` gets whether there is such a resource."""
        try:
            await self._presence.resource(following.address)
            there.set_result(None)
        except QuarterdeckError as error:
            there.set_exception(error)
            return
        finally:
            if not there.done():
                closed = UnreachableError(f"the document of {following.address} was closed before it was opened")
                there.set_exception(closed)
        end = self._store.subscribe(following.note)
        try:
            if following.address.backend == CORE or not await self._serve_live(following):
                await self._serve_described(following)
        finally:
            end()

    async def _serve_live(self, following: "_Following") -> bool:
        """Shows what the backend shows; False when it has no live document of this resource."""
        feeding = asyncio.create_task(self._feed(following))
        try:
            while True:
                await following.news.wait()
                following.news.clear()
                if following.unsupported:
                    return False
                if following.error is not None:
                    await following.show_error(following.error)
                elif following.blocks is not None:
                    found = await self._descriptions.composed(following.address, following.blocks)
                    await following.show(found, ended=following.ended)
                if following.ended:
                    return True
                await asyncio.sleep(SHOW_INTERVAL)
        finally:
            feeding.cancel()

    async def _feed(self, following: "_Following") -> None:
        """Takes over the documents of the backend's stream, which is opened again when its host or backend was."""
        while True:
            try:
                async with aclosing(self._streams.document(str(following.address))) as documents:
                    async for message in documents:
                        following.take(message.document.blocks)
                following.finish()
                return
            except UnsupportedError:
                following.leave()
                return
            except QuarterdeckError as error:
                following.fail(error)
            await asyncio.sleep(REOPEN_SECONDS)
            await self._presence.settled(following.address.backend)

    async def _serve_described(self, following: "_Following") -> None:
        following.news.set()
        while True:
            await following.news.wait()
            following.news.clear()
            try:
                await following.show(await self._descriptions.describe(AddressParams(str(following.address))))
            except QuarterdeckError as error:
                await following.show_error(error)
            await asyncio.sleep(SHOW_INTERVAL if following.address.backend == CORE else DESCRIBE_INTERVAL)


def _retrieved(there: asyncio.Future[None]) -> None:
    """Whoever asked may be gone by now; then nobody is left to take the error."""
    if not there.cancelled():
        there.exception()


class _Following:
    """One document on its way to a client: what is new of it, and what was shown last."""

    def __init__(self, stream: int, address: Address, outlet: Outlet) -> None:
        self.address = address
        self.news = asyncio.Event()
        self.blocks: tuple[Block, ...] | None = None
        self.error: QuarterdeckError | None = None
        self.unsupported = False
        self.ended = False
        self._text = str(address)
        self._stream = stream
        self._outlet = outlet
        self._shown: DocumentShown | None = None

    def note(self, change: StoreChange) -> None:
        """The store has changed; called with every revision."""
        if change.backend == self.address.backend and self._text in change.addresses.get(self.address.kind, ()):
            self.news.set()

    def take(self, blocks: tuple[Block, ...]) -> None:
        """The backend has shown its document."""
        self.blocks, self.error = blocks, None
        self.news.set()

    def fail(self, error: QuarterdeckError) -> None:
        """The backend cannot show it now."""
        self.error = error
        self.news.set()

    def leave(self) -> None:
        """The backend has no live document of it."""
        self.unsupported = True
        self.news.set()

    def finish(self) -> None:
        """The backend will show nothing more."""
        self.ended = True
        self.news.set()

    async def show(self, found: DescribeResult, *, ended: bool = False) -> None:
        """Sends a state, unless it is the one that the client has."""
        await self._send(DocumentShown(self._stream, found.resource, found.columns, found.document, ended=ended))

    async def show_error(self, error: QuarterdeckError) -> None:
        """Says why there is no newer state."""
        await self._send(DocumentShown(self._stream, error=error.report()))

    async def _send(self, shown: DocumentShown) -> None:
        if shown != self._shown:
            await self._outlet.room()
            self._outlet.notify(DOCUMENT_SHOWN, shown)
            self._shown = shown
