"""What is dangerous has to be said twice, and what is most dangerous by name, whether the action or a guardrail asks for it."""

from pathlib import Path
from typing import Any

from terminal_session import TerminalSession

EXEMPLARY = Path(__file__).parents[2] / "plugins" / "exemplary"


def open_action(console: TerminalSession, node: str, *keys: str) -> None:
    console.press("2")
    console.wait_for(rf"^{node} ")
    console.press("/")
    console.type(node)
    console.press("enter")
    console.wait_for(r"cluster 1/\d")
    console.press("a")
    console.wait_for("Never answer")
    console.press(*keys)


def test_a_resource_is_removed_only_when_its_name_is_typed(program: Any) -> None:
    program.environment["QUARTERDECK_PLUGIN_PATH"] = str(EXEMPLARY)
    with program.console() as console:
        open_action(console, "n2", "down", "down", "down", "down", "enter")
        console.wait_for("^ Remove exemplary/node/n2")
        console.wait_for("type its name")
        console.press("enter")
        console.wait_for("needs a name to be typed: n2")
        console.type("n3")
        console.press("enter")
        console.wait_for("needs a name to be typed: n2")
        assert [each["name"] for each in program.json("get", "nodes", "-b", "exemplary")] == [
            "n1",
            "n2",
            "n3",
        ]
        console.press("backspace")
        console.type("2")
        console.press("enter")
        console.wait_for(r"cluster 0/\d")
    assert [each["name"] for each in program.json("get", "nodes", "-b", "exemplary")] == ["n1", "n3"]


def test_a_guardrail_can_ask_for_the_name(program: Any) -> None:
    program.environment["QUARTERDECK_PLUGIN_PATH"] = str(EXEMPLARY)
    config = program.home / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('[[guardrails]]\nactions = ["node.ping"]\nbackends = "exemplary"\nrequire = "type-name"\n')
    with program.console() as console:
        open_action(console, "n1", "p")
        console.wait_for("^ Ping exemplary/node/n1")
        console.wait_for("type its name")
        console.press("ctrl+s")
        console.wait_for("needs a name to be typed: n1")
        console.type("n1")
        console.press("ctrl+s")
        console.wait_for(r"\[2 cluster\]")
    entries = program.json("journal")
    assert [(each["action"], each["outcome"]) for each in entries] == [("node.ping", "done")]
