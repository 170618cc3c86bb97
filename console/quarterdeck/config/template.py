"""The file that `config init` writes: every setting with its meaning and its default, all of it commented out."""

import json
from typing import Any

from msgspec import Struct

from quarterdeck.config.settings import ConsoleSettings, PluginSettings, RuntimeSettings
from quarterdeck_api.declare_schema import plain_schema

_HEAD = """\
# Configuration of Quarterdeck. Nothing here is needed: what stands behind a `#` is the default, remove the `#` to change it.
# `quarterdeck config validate` checks this file, a running runtime follows it, `quarterdeck config show` says what holds.
"""

_EXAMPLES = """
# A backend is something that a plugin connects to; `quarterdeck backend add` writes one. Secrets are references.
# [backends.plant]
# type = "PLUGIN.TYPE"
# read_only = true
# password = "env:PLANT_PASSWORD"

# A guardrail limits actions: require = "deny" or "type-name", or max_bulk = N.
# [[guardrails]]
# actions = ["model.drop"]
# backends = "prod-*"
# require = "type-name"
"""


def commented_configuration() -> str:
    """The text of a new configuration file; it configures nothing until a line loses its `#`."""
    # A section comes last: what an edit adds to one stands behind all comments that follow it.
    sections = (_section("runtime", RuntimeSettings), _section("console", ConsoleSettings))
    return "".join((_HEAD, *sections, _EXAMPLES, _section("plugins", PluginSettings)))


def _section(name: str, kind: type[Struct]) -> str:
    lines = [f"\n[{name}]"]
    for key, node in plain_schema(kind)["properties"].items():
        lines += [f"# {_meaning(node)}", f"# {key} = {_toml(node.get('default'))}"]
    return "\n".join(lines) + "\n"


def _meaning(node: dict[str, Any]) -> str:
    choices = " | ".join(_toml(choice) for choice in node.get("enum", ()))
    return str(node.get("description", "")) + (f" ({choices})" if choices else "")


def _toml(value: Any) -> str:
    """A default as TOML; JSON has the same form for texts, numbers, booleans, lists and the empty table."""
    return json.dumps(value)
