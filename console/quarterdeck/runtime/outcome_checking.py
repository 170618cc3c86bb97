"""*Check now*: what became of a request whose answer was lost, found out without repeating it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.journal import Journal
from quarterdeck_api.backend import ActionRequest, ActionResult, Verdict, VerifiedOutcome
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import NotFoundError, RefusedError, UnsupportedError, UsageError
from quarterdeck_api.host_protocol import BACKEND_VERIFY
from quarterdeck_api.protocol import JournalEntry
from quarterdeck_api.resources import CORE, Address, Resource

_ACTION = "journal.check"

#: Seconds that a backend has to find out.
VERIFY_TIMEOUT = 30.0

_WORDS = {Verdict.DONE: "it was done", Verdict.NOT_DONE: "it was not done", Verdict.UNCLEAR: "it cannot be told"}


class OutcomeChecking:
    """Checks journal entries whose outcome is unknown; an ActionGroup of the core.

    The backend is asked when it can verify; otherwise the resource's present state is what there is to say. `resource` looks one up, raising
    NotFoundError, or UnreachableError while its backend cannot say. What was found is recorded beside the entry, which stays as it is.
    """

    def __init__(
        self, journal: Journal, hosts: HostSupervisor, resource: Callable[[Address], Awaitable[Resource | None]]
    ) -> None:
        self._journal = journal
        self._hosts = hosts
        self._resource = resource

    async def check(self, request: CoreRequest) -> None:
        """Raises RefusedError for an entry whose outcome is known."""
        if request.action == _ACTION:
            self._unknown_entry(request.address)

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """Checking changes nothing, so there is nothing to preview."""
        return None

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """Checking takes no settings."""
        return None

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Checks one entry; None for another action. Raises UnreachableError, and records nothing, while nobody can be asked."""
        if request.action != _ACTION:
            return None
        entry = self._unknown_entry(request.address)
        found = await self._found(entry)
        self._journal.check(entry.entry, request.actor, found.verdict.value, found.sentence)
        return ActionResult(
            f"entry {entry.entry}, {entry.action} on {entry.address}: {_WORDS[found.verdict]}; {found.sentence}"
        )

    def _unknown_entry(self, address: Address | None) -> JournalEntry:
        if address is None or not address.name.isdigit():
            raise UsageError("journal.check needs an entry of the journal", "write core/journal/NUMBER")
        entry = self._journal.entry(int(address.name))
        if entry.outcome != "unknown":
            state = f"its outcome is known: {entry.outcome}" if entry.outcome else "it is still under way"
            raise RefusedError(f"entry {entry.entry} of the journal needs no check: {state}", "", str(address))
        return entry

    async def _found(self, entry: JournalEntry) -> VerifiedOutcome:
        address = Address.parse(entry.address)
        if address.backend != CORE and address.name:
            parameters, settings = _asked_for(entry.parameters)
            request = ActionRequest(entry.action, entry.address, parameters, settings)
            try:
                return await self._hosts.call(address.backend, BACKEND_VERIFY, request, VERIFY_TIMEOUT)
            except UnsupportedError:
                pass  # It cannot find out; its resource may still say enough.
        return await self._present_state(address)

    async def _present_state(self, address: Address) -> VerifiedOutcome:
        try:
            resource = await self._resource(address) if address.name else None
        except NotFoundError:
            return VerifiedOutcome(Verdict.UNCLEAR, f"there is no {address} now; judge by that")
        if resource is None:
            return VerifiedOutcome(Verdict.UNCLEAR, f"nobody can find out; look at {address} in its system")
        state = f"{resource.health.value}, {resource.state}" if resource.state else resource.health.value
        reason = f": {resource.reason}" if resource.reason else ""
        sentence = f"the backend cannot find out; {address} is {state}{reason} now; judge by that"
        return VerifiedOutcome(Verdict.UNCLEAR, sentence)


def _asked_for(recorded: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and settings as the journal has them together; secrets are `***` there."""
    settings = recorded.get("set")
    parameters = {name: value for name, value in recorded.items() if name != "set"}
    return parameters, dict(settings) if isinstance(settings, Mapping) else {}
