"""Policy: what is refused, with which reason, and what lets it pass."""

import pytest
from msgspec.structs import replace

from quarterdeck.config.settings import Guardrail
from quarterdeck.runtime.policy import Standing, Wish, check
from quarterdeck_api.catalogue import ActionInfo, Danger
from quarterdeck_api.errors import RefusedError
from quarterdeck_api.resources import Address

ADDRESS = Address("plant", "model", "arima")


def wish(
    danger: Danger = Danger.NONE, *, bulk: bool = False, count: int = 1, confirmed: bool = False, typed: str = ""
) -> Wish:
    action = ActionInfo("model.drop", "Drop", ("model",), {}, danger=danger, bulk=bulk)
    return Wish(action, ADDRESS, count, confirmed, typed)


def standing(*guardrails: Guardrail, runtime: bool = False, backend: bool = False, off: str = "") -> Standing:
    return Standing(runtime, backend, off, guardrails)


@pytest.mark.parametrize(
    ("asked", "in_force", "said"),
    [
        (wish(), standing(runtime=True), "instance is read-only"),
        (wish(), standing(backend=True), "backend plant is read-only"),
        (wish(), standing(off="it labels points"), "it labels points"),
        (wish(count=2), standing(), "one resource at a time"),
        (
            wish(bulk=True, count=3),
            standing(Guardrail(actions=("model.*",), backends="plant", max_bulk=2)),
            "allows 2 at a time",
        ),
        (
            wish(confirmed=True),
            standing(Guardrail(actions=("model.drop",), backends="pl*", require="deny")),
            "refused by a guardrail",
        ),
        (wish(Danger.CONFIRM), standing(), "has to be confirmed"),
        (wish(Danger.TYPE_NAME, confirmed=True), standing(), "name to be typed"),
        (wish(Danger.TYPE_NAME, typed="arimo"), standing(), "name to be typed"),
        (
            wish(confirmed=True),
            standing(Guardrail(actions=("model.drop",), backends="plant", require="type-name")),
            "name to be typed",
        ),
    ],
)
def test_refused_with_a_reason(asked: Wish, in_force: Standing, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        check(asked, in_force)


@pytest.mark.parametrize(
    ("asked", "in_force"),
    [
        (wish(), standing()),
        (wish(Danger.CONFIRM, confirmed=True), standing()),
        (wish(Danger.TYPE_NAME, typed="arima"), standing()),
        (wish(bulk=True, count=2), standing(Guardrail(actions=("model.*",), backends="plant", max_bulk=2))),
        (wish(), standing(Guardrail(actions=("model.*",), backends="prod-*", require="deny"))),
        (wish(), standing(Guardrail(actions=("model.load",), backends="plant", require="deny"))),
    ],
)
def test_let_pass(asked: Wish, in_force: Standing) -> None:
    check(asked, in_force)


def test_an_action_that_only_reads_passes_on_read_only() -> None:
    reads = ActionInfo("model.show", "Show", ("model",), {}, read_only=True)
    check(Wish(reads, ADDRESS, 1, False, ""), standing(runtime=True, backend=True))


@pytest.mark.parametrize(
    ("typed", "missing"),
    [
        (("arima",), "--confirm ets --confirm 'my theta'"),
        (("arima", "ets"), "--confirm 'my theta'"),
        (("my theta", "ets"), "--confirm arima"),
        ((), "--confirm arima --confirm ets --confirm 'my theta'"),
    ],
)
def test_one_typed_name_lets_one_resource_go_and_not_several(typed: tuple[str, ...], missing: str) -> None:
    several = replace(wish(Danger.TYPE_NAME, bulk=True, count=3), names=("arima", "ets", "my theta"), typed_names=typed)
    with pytest.raises(RefusedError, match="all 3 resources") as caught:
        check(several, standing())
    assert caught.value.remedy == f"add {missing}"


def test_every_name_typed_lets_all_pass() -> None:
    several = replace(wish(Danger.TYPE_NAME, bulk=True, count=2, typed="ets"), names=("arima", "ets"))
    check(replace(several, typed_names=("arima",)), standing())
