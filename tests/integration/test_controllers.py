"""Controllers of a real plugin in a real runtime: they look, act in their own name, fail and recover, and survive restarts."""

import json
from collections.abc import Callable
from typing import Any

import pytest

REFILL = "core/controller/watchful/refill"
G1 = "watchful/gauge/g1"


@pytest.fixture
def instance(make_instance: Callable[..., Any]) -> Any:
    made = make_instance("[runtime]\ncall_timeout = 2.0\n", ("watchful",))
    (made.home / "watchful").mkdir(parents=True)
    assert made.client("first").get("gauge", "watchful").pending == {}
    return made


def order(instance: Any, name: str, text: str) -> None:
    (instance.home / "watchful" / name).write_text(text, encoding="utf-8")


def notes(instance: Any, name: str) -> list[Any]:
    file = instance.home / "watchful" / name
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def cells(client: Any, address: str = REFILL) -> dict[str, Any]:
    found = client.get("controller", "core")
    [row] = [each for each in found.resources if each.address == address]
    return dict(zip(found.columns["core"], row.cells, strict=True)) | {
        "health": row.health.value,
        "state": row.state,
        "reason": row.reason,
    }


def level(client: Any, address: str = G1) -> Any:
    found = client.get("gauge", address.split("/")[0])
    return next(found.cell(each, "level") for each in found.resources if each.address == address)


def test_a_look_acts_in_the_controllers_name_by_policy_and_journal(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    before = cells(client)
    assert (before["on"], before["looks"], before["state"], before["interval"]) == (False, 0, "off", 60.0)
    assert client.do_one("gauge.set", G1, parameters={"level": 5}).status == "done"
    looked = client.do_one("controller.look", REFILL)
    assert (looked.status, "g1 (1 known): done g1 is at 100 %" in looked.message) == ("done", True)
    until(lambda: level(client) == 100.0)
    [entry] = [each for each in client.journal() if each.actor == "controller watchful/refill"]
    assert (entry.actor, entry.action, entry.address) == ("controller watchful/refill", "gauge.set", G1)
    after = cells(client)
    assert (after["decision"], after["looks"], after["acts"], after["on"]) == ("acted", 1, 1, False)
    assert client.do_one("controller.look", REFILL).message.startswith("it kept still: no gauge is below 20 %")
    assert [each["look"] for each in notes(instance, "looks")] == [1, 2]  # The state went from one look to the next.


def test_what_is_on_looks_after_every_interval_and_survives_a_kill(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    assert client.do_one("controller.enable", REFILL).status == "done"
    outcome = client.do_one("controller.configure", REFILL, parameters={"interval": 0.1}, settings={"below": 60})
    assert outcome.status == "done", outcome.message
    until(lambda: cells(client)["looks"] >= 3)
    assert level(client) == 100.0
    instance.kill()
    again = instance.client()
    assert again.get("gauge", "watchful").pending == {}
    seen = cells(again)
    assert (seen["on"], seen["interval"]) == (True, 0.1)
    looks = seen["looks"]
    until(lambda: cells(again)["looks"] > looks)
    assert notes(instance, "looks")[-1]["look"] >= 4
    assert again.do_one("controller.disable", REFILL).status == "done"
    assert cells(again)["state"] == "off"


@pytest.mark.parametrize(("wanted", "words"), [("raise", "ValueError"), ("text", "not a Decision")])
def test_a_look_that_fails_is_its_last_decision_and_is_tried_later(
    instance: Any, until: Callable[[Callable[[], bool]], None], wanted: str, words: str
) -> None:
    client = instance.client()
    order(instance, "look", wanted)
    assert client.do_one("controller.enable", REFILL).status == "done"
    looks: list[Any] = []

    def looked() -> bool:
        """Whether it could look; the look that being switched on began may be under way."""
        looks.append(client.do_one("controller.look", REFILL))
        return looks[-1].status != "refused"

    until(looked)
    failed = looks[-1]
    assert (failed.status, words in failed.message) == ("failed", True)
    seen = cells(client)
    assert (seen["decision"], seen["health"]) == ("failed", "failed")
    assert words in seen["reason"]
    assert seen["next"] - seen["last"] >= 2 * seen["interval"]
    order(instance, "look", "")
    assert client.do_one("controller.look", REFILL).status == "done"
    assert cells(client)["health"] == "ok"


def test_a_host_that_dies_in_a_look_leaves_it_failed(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    order(instance, "look", "die")
    outcome = client.do_one("controller.look", REFILL)
    assert (outcome.status, outcome.error.code) == ("unknown", "unknown-outcome")
    assert cells(client)["decision"] == "failed"
    order(instance, "look", "")
    until(lambda: client.do_one("controller.look", REFILL).status == "done")


def test_a_look_that_is_cut_off_by_the_runtimes_death_is_not_recorded_as_made(
    instance: Any, until: Callable[..., None]
) -> None:
    client = instance.client()
    order(instance, "look", "hang")
    assert client.do_one("controller.enable", REFILL).status == "done"
    until(lambda: cells(client)["state"] == "looking")
    instance.kill()
    order(instance, "look", "")
    again = instance.client()
    assert again.get("gauge", "watchful").pending == {}
    seen = cells(again)
    assert (seen["looks"], seen["decision"], seen["state"]) == (
        0,
        "failed",
        "on" if seen["health"] == "ok" else "failing",
    )
    assert "cut off" in seen["sentence"]
    assert seen["next"] is not None


def test_policy_holds_for_controllers(instance: Any, until: Callable[..., None]) -> None:
    client = instance.client()
    client.do_one("gauge.set", G1, parameters={"level": 5})
    client.do_one("controller.configure", REFILL, settings={"action": "gauge.empty"})
    assert (
        "refused gauge.empty on watchful/gauge/g1 has to be confirmed"
        in client.do_one("controller.look", REFILL).message
    )
    until(lambda: level(client) == 5.0)
    client.do_one("controller.configure", REFILL, parameters={"interval": 3600})
    client.do_one("controller.enable", REFILL, parameters={"confirmed": True})
    until(lambda: level(client) == 0.0)


def test_settings_are_checked_and_secrets_are_references_only(instance: Any) -> None:
    client = instance.client()
    assert client.do_one("controller.configure", REFILL, settings={"below": 400}).error.code == "usage"
    assert client.do_one("controller.configure", REFILL, settings={"colour": "red"}).error.code == "usage"
    assert client.do_one("controller.configure", REFILL).error.code == "usage"
    plain = client.do_one("controller.configure", REFILL, settings={"token": "hush-hush"})
    assert (plain.error.code, "env:NAME" in plain.error.remedy) == ("usage", True)
    assert client.do_one("controller.configure", REFILL, settings={"token": "env:NO_SUCH_TOKEN"}).status == "done"
    assert "NO_SUCH_TOKEN" in client.do_one("controller.look", REFILL).message
    assert client.do_one("controller.configure", REFILL, parameters={"reset": True}).status == "done"
    assert client.do_one("controller.look", REFILL).status == "done"


def test_an_unknown_controller_is_answered_with_the_nearest(instance: Any) -> None:
    client = instance.client()
    wrong = client.do_one("controller.enable", "core/controller/watchful/refil")
    assert (wrong.error.code, "refill" in wrong.error.remedy) == ("not-found", True)


def test_an_enabled_controller_keeps_the_runtime_alive(
    make_instance: Callable[..., Any], until: Callable[..., None]
) -> None:
    instance = make_instance("[runtime]\nidle_exit = 1.0\n", ("watchful",), QUARTERDECK_IDLE_EXIT="1")
    (instance.home / "watchful").mkdir(parents=True)
    client = instance.client()
    assert client.get("gauge", "watchful").pending == {}
    client.do_one("controller.configure", REFILL, parameters={"interval": 0.1})
    client.do_one("controller.enable", REFILL)
    client.close()
    count = len(notes(instance, "looks"))
    until(lambda: len(notes(instance, "looks")) > count + 25)  # Longer than the runtime would wait for a client.
    last = instance.client("last")
    last.do_one("controller.disable", REFILL)
    last.close()
    until(lambda: instance.process.poll() is not None)
    assert instance.process.returncode == 0
    instance.process = None
