"""Policy: whether a request may be carried out, decided from facts alone."""

import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from quarterdeck.config.settings import Guardrail
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.errors import RefusedError
from quarterdeck_api.resources import Address

_SEVERITY = (Danger.NONE, Danger.CONFIRM, Danger.TYPE_NAME)


class Wish(Struct, frozen=True):
    """A request as policy sees it: one action on `count` resources of which this is one.

    `names` are the names of all of them (empty: this one's alone); `typed_name` and `typed_names` are those that the user typed.
    """

    action: ActionInfo
    address: Address
    count: int
    confirmed: bool
    typed_name: str
    names: tuple[str, ...] = ()
    typed_names: tuple[str, ...] = ()

    @property
    def untyped(self) -> tuple[str, ...]:
        """The names that the user has not typed, each once."""
        typed = {self.typed_name, *self.typed_names}
        return tuple(dict.fromkeys(name for name in self.names or (self.address.name,) if name not in typed))


class Standing(Struct, frozen=True):
    """What is in force: read-only as a whole or for the backend, why the resource cannot take the action now, guardrails."""

    runtime_read_only: bool
    backend_read_only: bool
    action_off: str
    guardrails: Sequence[Guardrail]


def applies(guardrail: Guardrail, action: str, backend: str) -> bool:
    """Whether a guardrail speaks of this action on this backend."""
    return fnmatchcase(backend, guardrail.backends) and any(fnmatchcase(action, each) for each in guardrail.actions)


def required_danger(wish: Wish, guardrails: Sequence[Guardrail]) -> Danger:
    """What the user has to do: the action's own danger, or more when a guardrail asks for it."""
    levels = [wish.action.danger]
    for guardrail in guardrails:
        if guardrail.require == Danger.TYPE_NAME.value and applies(guardrail, wish.action.id, wish.address.backend):
            levels.append(Danger.TYPE_NAME)
    return max(levels, key=_SEVERITY.index)


def check(wish: Wish, standing: Standing) -> None:
    """Raises RefusedError with the reason and what would change it; returns when the request may be carried out."""
    action, address = wish.action, wish.address
    if not action.read_only and standing.runtime_read_only:
        raise RefusedError(
            f"{action.id} on {address} is refused: this instance is read-only",
            "set runtime.read_only to false in the configuration",
            str(address),
        )
    if not action.read_only and standing.backend_read_only:
        raise RefusedError(
            f"{action.id} on {address} is refused: backend {address.backend} is read-only",
            f"set backends.{address.backend}.read_only to false in the configuration",
            str(address),
        )
    if standing.action_off:
        raise RefusedError(f"{action.id} cannot be done on {address}: {standing.action_off}", "", str(address))
    if wish.count > 1 and not action.bulk:
        raise RefusedError(f"{action.id} takes one resource at a time, not {wish.count}", "name one", str(address))
    for guardrail in standing.guardrails:
        if not applies(guardrail, action.id, address.backend):
            continue
        if guardrail.require == "deny":
            raise RefusedError(
                f"{action.id} on {address} is refused by a guardrail",
                "a [[guardrails]] section of the configuration denies it",
                str(address),
            )
        if guardrail.max_bulk is not None and wish.count > guardrail.max_bulk:
            raise RefusedError(
                f"{action.id} on {wish.count} resources is refused: a guardrail allows {guardrail.max_bulk} at a time",
                "name fewer",
                str(address),
            )
    danger = required_danger(wish, standing.guardrails)
    if danger is Danger.CONFIRM and not (wish.confirmed or wish.typed_name or wish.typed_names):
        raise RefusedError(f"{action.id} on {address} has to be confirmed", "add --yes", str(address))
    if danger is Danger.TYPE_NAME and wish.untyped:
        # One name typed must not let several go: every resource of the request is confirmed by its own, or none is touched.
        several = f", and those of all {wish.count} resources," if wish.count > 1 else ""
        raise RefusedError(
            f"{action.id} on {address} needs the resource's name{several} to be typed",
            f"add {' '.join(f'--confirm {shlex.quote(name)}' for name in wish.untyped)}",
            str(address),
        )
