"""What plugins that may refuse requests are asked, and what they answer."""

from typing import Any

from msgspec import Struct

from quarterdeck_api.catalogue import Danger


class AuthorizationRequest(Struct, frozen=True):
    """A request that policy has let through so far; secrets are not in it. `actor` is as the journal has it."""

    actor: str
    action: str
    addresses: tuple[str, ...]
    parameters: dict[str, Any]
    settings: dict[str, Any]
    danger: Danger
    read_only: bool


class Authorization(Struct, frozen=True, omit_defaults=True):
    """The answer; `reason` is shown to whoever was refused."""

    allowed: bool
    reason: str = ""
