"""The statements of operations, as text: built from checked parts and quoted, so that no name can become a statement of its own.

All of them are in the tree dialect of 2.0.10, whose grammar takes every name in backquotes; the same was typed into a real server.
"""

import re
from collections.abc import Sequence

from quarterdeck_api.errors import UsageError

REMOVE_AINODE = "REMOVE AINODE"

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
#: Words that the grammar does not take as names without quotes (tried with 2.0.10; it takes its other keywords).
_RESERVED = frozenset(["root", "time", "timestamp", "exists"])


def create_model(model: str, uri: str) -> str:
    """Registers a model from files that the AINode can read."""
    return f"CREATE MODEL {identifier(model)} USING URI {text(uri)}"


def drop_model(model: str) -> str:
    """Forgets a model and its files."""
    return f"DROP MODEL {identifier(model)}"


def load_model(model: str, devices: Sequence[str]) -> str:
    """Has AI devices keep instances of a model; the devices are one text, with commas between them."""
    return f"LOAD MODEL {identifier(model)} TO DEVICES {text(','.join(devices))}"


def unload_model(model: str, devices: Sequence[str]) -> str:
    """Ends the instances of a model on AI devices."""
    return f"UNLOAD MODEL {identifier(model)} FROM DEVICES {text(','.join(devices))}"


def set_configuration(key: str, value: str, node_id: int | None = None) -> str:
    """Sets a key of the configuration on one node, or on all of them."""
    if not re.fullmatch(r"[A-Za-z0-9_.]+", key, re.ASCII):
        raise UsageError(f"{key!r} is no key of IoTDB's configuration", "see the configuration of a node")
    where = "" if node_id is None else f" ON {node_id}"
    return f'SET CONFIGURATION "{key}"={text(value)}{where}'


def kill_query(query_id: str) -> str:
    """Ends a running query."""
    return f"KILL QUERY {text(query_id)}"


def identifier(name: str) -> str:
    """A name as the tree dialect takes it: in backquotes, with backquotes doubled, unless it needs none."""
    _refuse_control(name)
    if not name:
        raise UsageError("a name is empty", "give one")
    plain = _PLAIN.fullmatch(name) and name.lower() not in _RESERVED
    return name if plain else "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    """A text as both dialects take it: in single quotes, with single quotes doubled; a backslash means itself."""
    _refuse_control(value)
    return "'" + value.replace("'", "''") + "'"


def _refuse_control(value: str) -> None:
    """A line break in a value of the configuration would begin another line of the server's file."""
    if any(ord(each) < 32 or ord(each) == 127 for each in value):
        raise UsageError(f"{value!r} holds a control character", "leave line breaks and control characters out")
