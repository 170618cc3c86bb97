"""Controllers: loops of a plugin that watch a condition and act, with a last decision that says why."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from quarterdeck_api.protocol import DoResult, GetResult


class Decision(Struct, frozen=True, omit_defaults=True):
    """What a controller decided: whether it acted, and why, as a sentence. `state` is kept for its next look (a JSON value)."""

    acted: bool
    sentence: str
    state: Any = None


class ControllerContext(Protocol):
    """What a controller's look is given. Methods block, with a time-out; they may be called from any thread."""

    @property
    def backend(self) -> object:
        """The open backend that it watches."""
        ...

    @property
    def name(self) -> str:
        """The backend's name."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters, checked against its schema."""
        ...

    @property
    def state(self) -> Any:
        """What the decision before kept; None at first."""
        ...

    @property
    def now(self) -> float:
        """The Unix time of this look."""
        ...

    def do(
        self,
        action: str,
        addresses: tuple[str, ...] = (),
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> DoResult:
        """Requests an action as any client does: policy, guardrails and journal apply, with the controller as the actor."""
        ...

    def get(self, kind: str, backend: str = "", filter: str = "") -> GetResult:
        """Resources as they are now."""
        ...
