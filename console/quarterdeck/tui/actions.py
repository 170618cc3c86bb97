"""Actions from the console: what is offered, and the way from the menu over the form to the outcome."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from quarterdeck_api.backend import RunInTerminal
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, UnknownOutcomeError
from quarterdeck_api.protocol import DO, JOURNAL, CatalogueResult, DoParams, JournalParams, Outcome
from quarterdeck_api.resources import CORE, Resource

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp

#: The key that an action suggests when it opens a shell on the resource.
SHELL_KEY = "s"
#: Actions on schedules, which cannot be scheduled themselves, and the one that adds them.
_SCHEDULES = "schedule."
_ADD_SCHEDULE = "schedule.add"
#: Seconds that a short action may take.
_DO_TIMEOUT = 60.0

#: Journal entries among which those of a lost outcome are looked for.
_ENTRIES_LOOKED_AT = 200

_WRONG = ("refused", "failed", "unknown")


class Offer(Struct, frozen=True):
    """Actions that can be chosen, and why some of them cannot be done now."""

    actions: tuple[ActionInfo, ...]
    off: dict[str, str]


def offered_actions(known: CatalogueResult, kind: str, resources: Sequence[Resource]) -> Offer:
    """What can be done with these resources at once, then what makes something new of the kind."""
    plugins = {backend.name: backend.plugin for backend in known.backends} | {CORE: CORE}
    owners = {plugins.get(resource.backend) for resource in resources}
    types = {backend.name: backend.type for backend in known.backends} | {CORE: CORE}
    shown = {types.get(resource.backend, "") for resource in resources}
    own: list[ActionInfo] = []
    standalone: list[ActionInfo] = []
    for status in known.plugins:
        for action in status.catalogue.actions if status.catalogue else ():
            if kind not in action.kinds:
                continue
            if action.standalone:
                standalone.append(action)
            elif owners == {status.id} and all(action.is_for(kind, each) for each in shown):
                own.append(action)
    off: dict[str, str] = {}
    read_only = {backend.name for backend in known.backends if backend.read_only}
    for resource in resources:
        where = f"{resource.name}: " if len(resources) > 1 else ""
        for action_id, reason in resource.actions_off.items():
            off.setdefault(action_id, f"{where}{reason}")
        if resource.backend in read_only:
            off |= {action.id: f"{resource.backend} is read-only" for action in own if not action.read_only}
    if len(resources) > 1:
        off |= {action.id: "for one at a time: clear the marks" for action in own if not action.bulk}
    return Offer((*own, *standalone), off)


def outcome_sentence(outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """What came of an action in one sentence, and whether something went wrong; of several, the first that did is quoted."""
    wrong = [outcome for outcome in outcomes if outcome.status in _WRONG]
    if len(outcomes) == 1:
        return f"{outcomes[0].status} {_said(outcomes[0])}".rstrip(), bool(wrong)
    counts = Counter(outcome.status for outcome in outcomes)
    sentence = ", ".join(f"{count} {status}" for status, count in counts.items())
    return (f"{sentence}; {wrong[0].address}: {_said(wrong[0])}" if wrong else sentence), bool(wrong)


def _said(outcome: Outcome) -> str:
    return outcome.error.message if outcome.error is not None else outcome.message


def needs_form(action: ActionInfo) -> bool:
    """Whether anything is to be asked before the action is sent."""
    return bool(action.parameters.get("properties")) or action.own_parameters or action.danger is not Danger.NONE


async def begin_action(console: "ConsoleApp", action: ActionInfo, chosen: tuple[str, ...]) -> None:
    """Does an action on these addresses (one that makes something new needs none), at once or after its form, and says what came of it."""
    addresses = () if action.standalone else chosen
    try:
        if needs_form(action):
            from quarterdeck.tui.action_form import ActionForm

            adding = _schedule_action(console.known, action)
            form = ActionForm(console.session, console.palette, action, addresses, schedule_action=adding)
            outcomes = await console.push_screen_wait(form)
        else:
            request = DoParams(action.id, addresses)
            result = await console.session.call(DO, request, _DO_TIMEOUT, changes_something=True)
            outcomes = result.outcomes
    except UnknownOutcomeError as error:
        from quarterdeck.tui.action_form import lost_outcomes

        outcomes = lost_outcomes(addresses, error)
    except QuarterdeckError as error:
        console.say(f"{action.title}: {error.message}. {error.remedy}".strip(), error=True)
        return
    if outcomes:
        await _show(console, action, outcomes)


def _schedule_action(known: CatalogueResult, action: ActionInfo) -> ActionInfo | None:
    """The action that adds schedules, unless this one is about schedules itself."""
    if action.id.startswith(_SCHEDULES):
        return None
    found = (each for status in known.plugins for each in (status.catalogue.actions if status.catalogue else ()))
    return next((each for each in found if each.id == _ADD_SCHEDULE), None)


async def begin_shell(console: "ConsoleApp", resource: Resource) -> None:
    """Does the action of a resource that opens a shell: the one that suggests the key `s`, or is called so."""
    offer = offered_actions(console.known, resource.kind, (resource,))
    action = next((each for each in offer.actions if each.key == SHELL_KEY or each.id.endswith(".shell")), None)
    if action is None:
        console.say(f"{resource.address} has no shell")
    elif action.id in offer.off:
        console.say(f"{action.title}: {offer.off[action.id]}", error=True)
    else:
        await begin_action(console, action, (resource.address,))


async def _show(console: "ConsoleApp", action: ActionInfo, outcomes: Sequence[Outcome]) -> None:
    sentence, wrong = outcome_sentence(outcomes)
    console.say(f"{action.title}: {sentence}", error=wrong)
    if unknown := [outcome for outcome in outcomes if outcome.status == "unknown"]:
        await _offer_check(console, action, unknown)
    for outcome in outcomes:
        if outcome.run is not None:
            await _run(console, action, outcome.run)
    if len(outcomes) > 1:
        console.main.table.action_clear_marks()
    elif outcomes[0].job:
        console.open_detail_of(outcomes[0].job)


async def _offer_check(console: "ConsoleApp", action: ActionInfo, unknown: Sequence[Outcome]) -> None:
    """Asks whether to find out what became of requests whose answers were lost, and does so; nothing is repeated."""
    from quarterdeck.tui.question import Question

    where = unknown[0].address if len(unknown) == 1 else f"{len(unknown)} resources"
    sentence = f"It is not known whether {action.title} happened on {where}: {_said(unknown[0])}."
    if await console.push_screen_wait(Question(console.palette, sentence, "check now", "leave it; the journal has it")):
        try:
            entries = await _unknown_entries(console, action.id, {outcome.address for outcome in unknown})
            request = DoParams("journal.check", entries)
            result = await console.session.call(DO, request, _DO_TIMEOUT)
            sentence, wrong = outcome_sentence(result.outcomes)
            console.say(f"{action.title}: {sentence}", error=wrong)
        except QuarterdeckError as error:
            console.say(f"{action.title}: {error.message}. {error.remedy}".strip(), error=True)


async def _unknown_entries(console: "ConsoleApp", action: str, addresses: set[str]) -> tuple[str, ...]:
    """The journal's newest entries about an action on these addresses whose outcome is unknown; raises NotFoundError without any."""
    asked = JournalParams(_ENTRIES_LOOKED_AT, filter="outcome=unknown")
    found: dict[str, str] = {}
    for entry in (await console.session.call(JOURNAL, asked)).entries:
        if entry.action == action and entry.address in addresses and not entry.checked:
            found.setdefault(entry.address, f"{CORE}/journal/{entry.entry}")
    if not found:
        raise NotFoundError("the journal has no such entry yet", "look into it with 8, and check there")
    return tuple(found.values())


async def _run(console: "ConsoleApp", action: ActionInfo, program: RunInTerminal) -> None:
    """Runs in this terminal what an action asks for."""
    from quarterdeck.tui.terminal_programs import ending_sentence, run_in_terminal

    try:
        code = await run_in_terminal(console, program)
    except QuarterdeckError as error:
        console.say(f"{action.title}: {error.message}. {error.remedy}".strip(), error=True)
    else:
        console.say(ending_sentence(program, code), error=code != 0)


async def choose_action(console: "ConsoleApp", offer: Offer, subject: str, addresses: tuple[str, ...]) -> None:
    """Lets the user choose from the menu, then begins the action."""
    from quarterdeck.tui.action_menu import ActionMenu

    menu = ActionMenu(console.palette, subject, offer.actions, offer.off, console.hold_keys)
    chosen: Awaitable[ActionInfo | None] = console.push_screen_wait(menu)
    action = await chosen
    if action is not None:
        if not needs_form(action):
            console.release_keys()
        await begin_action(console, action, addresses)
