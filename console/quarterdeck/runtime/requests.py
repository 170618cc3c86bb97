"""A request's way through the runtime: look up, validate, policy, journal, act, outcome."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from quarterdeck.config.settings import Settings
from quarterdeck.runtime.authorization import Authorizer
from quarterdeck.runtime.borders import JobParent
from quarterdeck.runtime.command_text import command_text
from quarterdeck.runtime.core_actions import CoreActions
from quarterdeck.runtime.datasets.needs import DatasetNeeds
from quarterdeck.runtime.hosts.supervisor import HostSupervisor
from quarterdeck.runtime.jobs.rows import job_address
from quarterdeck.runtime.jobs.secret_fields import require_references
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.jobs.step_choices import step_choices
from quarterdeck.runtime.journal import REDACTED, Journal, redact
from quarterdeck.runtime.own_names import require_own_names
from quarterdeck.runtime.policy import Standing, Wish, check, required_danger
from quarterdeck.runtime.presence import CONNECT_TIMEOUT, Presence
from quarterdeck.runtime.registry import Registry
from quarterdeck.runtime.store import Store
from quarterdeck.runtime.wanted import Target, Wanted, authorization, core_request, failed, job_request
from quarterdeck_api.backend import ActionRequest, ActionResult, Choice
from quarterdeck_api.catalogue import ActionInfo, JsonSchema
from quarterdeck_api.errors import (
    ErrorReport,
    QuarterdeckError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from quarterdeck_api.host_protocol import BACKEND_COMPLETE, BACKEND_PARAMETERS, BACKEND_PERFORM
from quarterdeck_api.parameter_values import validate
from quarterdeck_api.protocol import (
    CompleteParams,
    CompleteResult,
    DoParams,
    DoResult,
    Outcome,
    ParametersParams,
    ParametersResult,
)
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import Method

#: A short action may take this many times as long as any other call; its host abandons it before.
PERFORM_FACTOR = 3.0
#: Seconds for schemas and completions, which a user waits for while typing.
ASK_TIMEOUT = 5.0
#: Addresses that a completion offers at most.
MOST_CHOICES = 200

_log = logging.getLogger("quarterdeck.runtime")

P = TypeVar("P")
R = TypeVar("R")


class Requests:
    """Answers `do`, `parameters` and `complete` for every client alike."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        hosts: HostSupervisor,
        jobs: JobService,
        journal: Journal,
        core_actions: CoreActions,
        needs: DatasetNeeds,
        presence: Presence,
        authorizer: Authorizer,
        settings: Callable[[], Settings],
    ) -> None:
        self._registry = registry
        self._store = store
        self._hosts = hosts
        self._jobs = jobs
        self._journal = journal
        self._core_actions = core_actions
        self._needs = needs
        self._presence = presence
        self._authorizer = authorizer
        self._settings = settings
        self._under_way: set[asyncio.Task[Outcome]] = set()

    async def do(self, actor: str, request: DoParams, parent: JobParent | None = None) -> DoResult:
        """Carries out one action on every address, in order; each has an outcome of its own.

        A request that is wrong for one of them is refused as a whole. What has begun goes on when the client leaves; the rest is not begun.
        With a `parent` it starts a job as the child of another.
        """
        targets = self._targets(request)
        if parent is not None and not targets[0].action.job:
            raise UsageError(f"{request.action} is no job", "submit actions that are jobs", job_address(parent.job))
        require_own_names(targets[0].action, request.parameters, len(targets))
        asked = [
            Wanted(target, validate(target.action.parameters, request.parameters), parent=parent) for target in targets
        ]
        shown = request
        outcomes: list[Outcome] = []
        for each in asked:
            outcome, own = await self._one(actor, request, each)
            outcomes.append(outcome)
            parameters = redact(shown.parameters, each.target.action.parameters)
            if outcome.error is not None and each.target.is_core:
                parameters = {name: _hidden(value) for name, value in parameters.items()}
            # Without their schema nobody knows which settings are secrets.
            settings = redact(shown.settings, own) if own else dict.fromkeys(shown.settings, REDACTED)
            shown = replace(shown, parameters=parameters, settings=settings)
        first = targets[0]
        danger = required_danger(self._wish(request, first), self._settings().guardrails)
        names = [target.address.name for target in targets if target.address is not None]
        return DoResult(tuple(outcomes), command_text(shown, danger, names), danger)

    async def require_possible(self, request: DoParams) -> None:
        """Raises when a request that is to be made later could not be carried out now as it stands, confirmation included.

        Nothing is done or journalled. Secrets of short actions are refused, and so are those of jobs that are no references: whoever makes the request
        later would have to keep them.
        """
        targets = self._targets(request)
        require_own_names(targets[0].action, request.parameters, len(targets))
        for target in targets:
            wanted = Wanted(target, validate(target.action.parameters, request.parameters))
            standing = await self._standing(target)
            wanted = await self._with_settings(request, wanted)
            if target.action.job:
                require_references(job_request(request, wanted))
            elif wanted.shown != (wanted.parameters, wanted.settings):
                raise UsageError(
                    f"{target.action.id} takes a secret here, which would have to be kept in clear",
                    "leave the secret out, or do the action by hand",
                )
            self._needs.check(target.action, wanted.parameters)
            if target.action.job:
                self._core_actions.complete(job_request(request, wanted))
            elif target.is_core:
                await self._core_actions.check(core_request("", wanted))
            check(self._wish(request, target), standing)

    async def close(self) -> None:
        """Waits for what is under way; call it once hosts are closed, so that every answer is there or lost."""
        if self._under_way:
            await asyncio.wait(tuple(self._under_way))

    async def parameters(self, asked: ParametersParams) -> ParametersResult:
        """The schemas of an action's parameters and of the resource's own."""
        address = Address.parse(asked.address) if asked.address else None
        _, action = self._registry.action(asked.action, address)
        if address is None:
            return ParametersResult(action.parameters, self._core_actions.new_parameters(action.id, asked.parameters))
        return ParametersResult(action.parameters, await self._own_schema(action, address))

    async def complete(self, asked: CompleteParams) -> CompleteResult:
        """Live choices for a field: datasets from the catalogue, everything else from the backend."""
        address = Address.parse(asked.address) if asked.address else None
        _, action = self._registry.action(asked.action, address)
        field: Mapping[str, Any] = action.parameters.get("properties", {}).get(asked.field, {})
        choices = self._needs.complete(action, asked, field)
        if choices is not None:
            return CompleteResult(choices)
        known = self._known_addresses(field, asked.prefix)
        if address is not None and asked.action == "job.retry" and address.name.isdigit():
            return CompleteResult(step_choices(self._jobs.get(int(address.name)), asked.prefix))
        if address is None or address.backend == CORE:
            return CompleteResult(known)
        try:
            found = await self._ask(address.backend, BACKEND_COMPLETE, asked, ASK_TIMEOUT)
        except UnsupportedError:
            return CompleteResult(known)  # A backend without completion has no choices of its own to offer.
        return found if found.choices else CompleteResult(known)

    def _known_addresses(self, field: Mapping[str, Any], prefix: str) -> tuple[Choice, ...]:
        """Addresses in the store for a field that takes them, of its kind or of any."""
        if field.get("format") != "address":
            return ()
        rows = self._store.get(str(field.get("kind", "")), prefix.partition("/")[0] if "/" in prefix else "")
        fitting = (Choice(each.address, each.state) for each in rows if each.address.startswith(prefix))
        return tuple(itertools.islice(fitting, MOST_CHOICES))

    async def _ask(
        self, backend: str, method: Method[P, R], params: P, timeout: float, *, changes_something: bool = False
    ) -> R:
        """Asks a backend; one that is still connecting is waited for, since its host may only just have been started."""
        await self._presence.settled(backend)
        state = self._store.backend(backend)
        if state is not None and state.state == "connecting":
            raise UnreachableError(
                f"backend {backend} has not connected within {CONNECT_TIMEOUT:g} s", "see `quarterdeck backend list`"
            )
        return await self._hosts.call(backend, method, params, timeout, changes_something=changes_something)

    def _targets(self, request: DoParams) -> list[Target]:
        if not request.addresses:
            plugin, action = self._registry.action(request.action, None)
            return [Target(plugin, action, None)]
        found: list[Target] = []
        for text in request.addresses:
            address = Address.parse(text)
            plugin, action = self._registry.action(request.action, address)
            found.append(Target(plugin, action, address))
        return found

    async def _own_schema(self, action: ActionInfo, address: Address) -> JsonSchema | None:
        if not action.own_parameters:
            return None
        if address.backend == CORE:
            return self._core_actions.own_parameters(action.id, address)
        asked = ParametersParams(action.id, str(address))
        return await self._ask(address.backend, BACKEND_PARAMETERS, asked, ASK_TIMEOUT)

    def _wish(self, request: DoParams, target: Target) -> Wish:
        address = target.address or Address(CORE, target.action.kinds[0], "")
        names = tuple(Address.parse(text).name for text in request.addresses)
        count = max(len(names), 1)
        return Wish(target.action, address, count, request.confirmed, request.typed_name, names, request.typed_names)

    async def _standing(self, target: Target) -> Standing:
        settings = self._settings()
        off, read_only = "", False
        if target.address is not None:
            resource = await self._presence.resource(target.address)
            off = resource.actions_off.get(target.action.id, "") if resource is not None else ""
            if target.address.backend != CORE:
                read_only = self._registry.backend(target.address.backend).read_only
        return Standing(settings.runtime.read_only, read_only, off, settings.guardrails)

    async def _one(self, actor: str, request: DoParams, wanted: Wanted) -> tuple[Outcome, JsonSchema]:
        """The outcome on one target, and the schema of the settings that the target has of its own."""
        target = wanted.target
        wish = self._wish(request, target)
        try:
            standing = await self._standing(target)
            wanted = await self._with_settings(request, wanted)
            if target.action.job:
                require_references(job_request(request, wanted))
            elif target.is_core:
                await self._core_actions.check(core_request(actor, wanted))
            if request.dry_run:  # It asks for what would come of the request once the user has confirmed it.
                check(replace(wish, confirmed=True, typed_names=(wish.address.name, *wish.names)), standing)
                return await self._preview(actor, request, wanted), wanted.own
            check(wish, standing)
            wanted = self._named(request, wanted)
            await self._authorizer.check(authorization(actor, wanted))
        except QuarterdeckError as error:
            outcome = failed(target, error)
            if outcome.status == "refused" and not request.dry_run:
                number = self._journal.begin(actor, target.action.id, target.text, "refused", *wanted.shown)
                self._journal.finish(number, "refused", error.message)
            return outcome, wanted.own
        number = self._journal.begin(actor, target.action.id, wanted.target.text, "allowed", *wanted.shown)
        task = asyncio.get_running_loop().create_task(self._carry_out(number, actor, request, wanted))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task), wanted.own

    async def _carry_out(self, number: int, actor: str, request: DoParams, wanted: Wanted) -> Outcome:
        """Acts, and records what came of it whatever happens."""
        try:
            outcome = await self._act(actor, request, wanted)
        except QuarterdeckError as error:
            outcome = failed(wanted.target, error)
        except Exception as error:  # noqa: BLE001 - the journal's promise: no request stays without an outcome.
            _log.error("%s on %s", wanted.target.action.id, wanted.target.text, exc_info=error)
            message = f"the runtime failed inside {type(error).__name__}; it may or may not have happened"
            report = ErrorReport("unknown-outcome", message, "see `quarterdeck runtime logs`", wanted.target.text)
            outcome = Outcome(wanted.target.text, "unknown", message, error=report)
        self._journal.finish(number, outcome.status, outcome.message, outcome.job)
        if outcome.status == "unknown" and outcome.error is not None:
            remedy = f"run `quarterdeck journal check {number}` before doing it again"
            return replace(outcome, error=replace(outcome.error, remedy=remedy))
        return outcome

    async def _with_settings(self, request: DoParams, wanted: Wanted) -> Wanted:
        if not request.settings:
            return wanted
        target = wanted.target
        if target.address is not None:
            own = await self._own_schema(target.action, target.address)
        else:
            own = self._core_actions.new_parameters(target.action.id, wanted.parameters)
        if own is None:
            raise UsageError(f"{target.action.id} on {target.text} takes no --set", "leave --set out")
        return replace(wanted, settings=validate(own, request.settings), own=own)

    def _named(self, request: DoParams, wanted: Wanted) -> Wanted:
        """A request that makes something new, with the address that it will have; checked before anything is recorded."""
        if wanted.target.address is not None or not wanted.target.action.job:
            return wanted
        job = self._core_actions.complete(job_request(request, wanted))
        address = Address.parse(job.target) if job.target else None
        return replace(wanted, target=replace(wanted.target, address=address))

    async def _preview(self, actor: str, request: DoParams, wanted: Wanted) -> Outcome:
        target = wanted.target
        if target.action.job:
            self._needs.check(target.action, wanted.parameters)
        if target.address is not None and target.action.dry_run and target.address.backend != CORE:
            result = await self._perform(target.address, wanted, dry_run=True)
            return Outcome(target.text, "preview", result.message, statement=result.statement, document=result.document)
        if target.action.job:
            self._core_actions.complete(job_request(request, wanted))
            return Outcome(target.text, "preview", f"would queue a job {target.action.job}")
        shown = ActionResult(f"would do {target.action.id}")
        if target.is_core:
            shown = self._core_actions.preview(core_request(actor, wanted))
        return Outcome(target.text, "preview", shown.message, document=shown.document)

    async def _act(self, actor: str, request: DoParams, wanted: Wanted) -> Outcome:
        target = wanted.target
        if target.action.job:
            job = self._core_actions.complete(job_request(request, wanted))
            after = self._needs.prepare(target.action, job.parameters)
            record = self._jobs.submit(replace(job, after=after))
            return Outcome(target.text, "accepted", f"queued as {record.address}", job=record.address)
        if target.address is None or target.is_core:
            result = await self._core_actions.perform(core_request(actor, wanted))
        else:
            result = await self._perform(target.address, wanted)
        return Outcome(target.text, "done", result.message, "", result.statement, result.document, run=result.run)

    async def _perform(self, address: Address, wanted: Wanted, *, dry_run: bool = False) -> ActionResult:
        action = wanted.target.action
        datasets = self._needs.locations(action, wanted.parameters) if dry_run else {}
        request = ActionRequest(action.id, str(address), wanted.parameters, wanted.settings, dry_run, datasets)
        timeout = PERFORM_FACTOR * self._settings().runtime.call_timeout
        changes = not (dry_run or action.read_only)
        return await self._ask(address.backend, BACKEND_PERFORM, request, timeout, changes_something=changes)


def _hidden(value: Any) -> Any:
    """What one request carries for another (a schedule's parameters) may hold secrets that only the other's schema knows."""
    return dict.fromkeys(value, REDACTED) if isinstance(value, Mapping) else value
