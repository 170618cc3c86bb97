"""Editing resources as text: policy, authorisation and journal as for any other request. The text itself is never in the journal."""

import asyncio
import logging
from collections.abc import Callable

from msgspec.structs import replace

from quarterdeck.config.settings import Settings
from quarterdeck.runtime.authorization import Authorizer
from quarterdeck.runtime.backend_asking import BackendAsking
from quarterdeck.runtime.journal import Journal
from quarterdeck.runtime.policy import Standing, Wish, check, required_danger
from quarterdeck.runtime.presence import Presence
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.serving.session import ClientSession
from quarterdeck_api.authorization import AuthorizationRequest
from quarterdeck_api.catalogue import ActionInfo, Danger, JsonSchema
from quarterdeck_api.editing import EDIT_ACTION, EditableText, TextChange, TextParams, TextPut
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnknownOutcomeError, UnsupportedError, UsageError
from quarterdeck_api.host_protocol import BACKEND_GET_TEXT, BACKEND_PUT_TEXT
from quarterdeck_api.resources import CORE, Address

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

#: Seconds for a backend to give a text; putting one may take as long as a short action.
_GET_TIMEOUT = 15.0
_PUT_FACTOR = 3.0

#: Characters of a text at most.
_TEXT_LIMIT = 4 * 1024 * 1024

_log = logging.getLogger("quarterdeck.runtime")


class Editing:
    """Answers `text.get` and `text.put`."""

    def __init__(
        self,
        registry: Registry,
        presence: Presence,
        asking: BackendAsking,
        journal: Journal,
        authorizer: Authorizer,
        settings: Callable[[], Settings],
    ) -> None:
        self._registry = registry
        self._presence = presence
        self._asking = asking
        self._journal = journal
        self._authorizer = authorizer
        self._settings = settings
        self._under_way: set[asyncio.Task[TextChange]] = set()

    async def get(self, _: ClientSession, asked: TextParams) -> EditableText:
        """A resource's text; raises UnsupportedError for what has none, NotFoundError for what does not exist."""
        address = self._backends_own(asked.address)
        await self._presence.resource(address)
        return await self._asking.ask(address.backend, BACKEND_GET_TEXT, asked, _GET_TIMEOUT)

    async def put(self, session: ClientSession, wanted: TextPut) -> TextChange:
        """Puts a text, at most once; raises RefusedError with the reason, UnknownOutcomeError when the backend's answer is lost.

        What has begun goes on when the client leaves. A dry run only asks the backend what would change, once policy allows the edit.
        """
        address = self._backends_own(wanted.address)
        if len(wanted.text) > _TEXT_LIMIT:
            raise UsageError(f"a text of {len(wanted.text)} characters is too long", "edit it in its own system")
        actor = session.actor
        journalled = {"characters": len(wanted.text), "version": wanted.version}
        wish = Wish(edit_action(address.kind), address, 1, wanted.confirmed, wanted.typed_name)
        try:
            standing = await self._standing(address)
            if wanted.dry_run:
                check(replace(wish, confirmed=True, typed_name=address.name), standing)
                change = await self._send(address, wanted)
                return replace(change, danger=required_danger(wish, standing.guardrails))
            check(wish, standing)
            danger = required_danger(wish, standing.guardrails)
            request = AuthorizationRequest(actor, EDIT_ACTION, (wanted.address,), dict(journalled), {}, danger, False)
            await self._authorizer.check(request)
        except RefusedError as error:
            if not wanted.dry_run:
                number = self._journal.begin(actor, EDIT_ACTION, wanted.address, "refused", journalled)
                self._journal.finish(number, "refused", error.message)
            raise
        number = self._journal.begin(actor, EDIT_ACTION, wanted.address, "allowed", journalled)
        task = asyncio.get_running_loop().create_task(self._carry_out(number, address, wanted))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is under way; call it once hosts are closed, so that every answer is there or lost."""
        if self._under_way:
            await asyncio.wait(tuple(self._under_way))

    async def _carry_out(self, number: int, address: Address, wanted: TextPut) -> TextChange:
        """Puts the text, and records what came of it whatever happens."""
        try:
            change = await self._send(address, wanted)
        except UnknownOutcomeError as error:
            self._journal.finish(number, "unknown", error.message)
            remedy = f"run `quarterdeck journal check {number}` before doing it again"
            raise UnknownOutcomeError(error.message, remedy, str(address)) from error
        except QuarterdeckError as error:
            self._journal.finish(number, "refused" if isinstance(error, RefusedError) else "failed", error.message)
            raise
        except Exception as error:
            _log.error("%s on %s", EDIT_ACTION, address, exc_info=error)
            message = f"the runtime failed inside {type(error).__name__}; it may or may not have happened"
            self._journal.finish(number, "unknown", message)
            raise UnknownOutcomeError(message, "see `quarterdeck runtime logs`", str(address)) from error
        self._journal.finish(number, "done", change.message)
        return change

    async def _send(self, address: Address, wanted: TextPut) -> TextChange:
        timeout = _PUT_FACTOR * self._settings().runtime.call_timeout
        return await self._asking.ask(
            address.backend, BACKEND_PUT_TEXT, wanted, timeout, changes_something=not wanted.dry_run
        )

    async def _standing(self, address: Address) -> Standing:
        settings = self._settings()
        resource = await self._presence.resource(address)
        off = resource.actions_off.get(EDIT_ACTION, "") if resource is not None else ""
        read_only = self._registry.backend(address.backend).read_only
        return Standing(settings.runtime.read_only, read_only, off, settings.guardrails)

    def _backends_own(self, text: str) -> Address:
        address = Address.parse(text)
        if address.backend == CORE:
            raise UnsupportedError(
                f"{text} cannot be edited as text", "what the core has is changed by its actions", text
            )
        return address

    def _done(self, task: asyncio.Task[TextChange]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever waited has it; the journal has it when nobody does.


def edit_action(kind: str) -> ActionInfo:
    """Editing a resource of a kind, as policy sees it."""
    return ActionInfo(EDIT_ACTION, "Edit as text", (kind,), _NOTHING, danger=Danger.CONFIRM, dry_run=True)
