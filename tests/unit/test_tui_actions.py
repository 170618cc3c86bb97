"""What is offered for one resource, for several, and what is said afterwards."""

from quarterdeck.tui.actions import offered_actions, outcome_sentence
from quarterdeck_api.catalogue import ActionInfo, Catalogue, Danger, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import ErrorReport
from quarterdeck_api.protocol import BackendState, CatalogueResult, Outcome
from quarterdeck_api.resources import Resource


def plugin(name: str, *actions: ActionInfo) -> PluginStatus:
    catalogue = Catalogue(PluginInfo(name, name, "1", "1.0"), actions=actions)
    return PluginStatus(name, name, "1", PluginPhase.READY, catalogue=catalogue)


KNOWN = CatalogueResult(
    (
        plugin(
            "p",
            ActionInfo("stop", "Stop", ("model",), {}, bulk=True),
            ActionInfo("show", "Show", ("model",), {}, read_only=True),
            ActionInfo("drop", "Drop", ("model",), {}, bulk=True, danger=Danger.TYPE_NAME),
            ActionInfo("cut", "Cut", ("model",), {}, bulk=True, backend_types=("other",)),
            ActionInfo("make", "Make", ("model",), {}, standalone=True),
        ),
        plugin("q", ActionInfo("stir", "Stir", ("model",), {}, bulk=True)),
    ),
    (
        BackendState("b", "p", "p", "B", "ready"),
        BackendState("ro", "p", "p", "B", "ready", read_only=True),
        BackendState("o", "other", "p", "O", "ready"),
        BackendState("c", "q", "q", "C", "ready"),
    ),
)


def model(address: str, **off: str) -> Resource:
    return Resource(address, address, actions_off=off)


def offered(*resources: Resource) -> tuple[list[str], dict[str, str]]:
    offer = offered_actions(KNOWN, "model", resources)
    return [action.id for action in offer.actions], offer.off


def test_one_resource_is_offered_everything_of_its_plugin() -> None:
    assert offered(model("b/model/x")) == (["stop", "show", "drop", "make"], {})
    assert offered() == (["make"], {})


def test_what_only_other_backends_have_is_not_offered() -> None:
    assert offered(model("o/model/x"))[0] == ["stop", "show", "drop", "cut", "make"]
    assert offered(model("o/model/x"), model("o/model/y"))[0] == ["stop", "show", "drop", "cut", "make"]
    assert offered(model("o/model/x"), model("b/model/x"))[0] == ["stop", "show", "drop", "make"]


def test_several_are_offered_what_is_for_several() -> None:
    actions, off = offered(model("b/model/x"), model("b/model/y", stop="it stands still"))
    assert actions == ["stop", "show", "drop", "make"]
    assert off["stop"] == "y: it stands still"
    assert off["show"].startswith("for one at a time")
    assert "drop" not in off


def test_resources_of_two_plugins_have_nothing_in_common() -> None:
    assert offered(model("b/model/x"), model("c/model/y")) == (["make"], {})


def test_one_read_only_backend_turns_changes_off() -> None:
    _, off = offered(model("b/model/x"), model("ro/model/y"))
    assert off["stop"] == "ro is read-only"


def test_outcomes_are_counted_and_the_first_that_went_wrong_is_quoted() -> None:
    good, bad = (
        Outcome("a/model/x", "done", "it is gone"),
        Outcome("a/model/y", "refused", error=ErrorReport("c", "no")),
    )
    assert outcome_sentence([good]) == ("done it is gone", False)
    assert outcome_sentence([good, good]) == ("2 done", False)
    assert outcome_sentence([good, bad, good]) == ("2 done, 1 refused; a/model/y: no", True)
