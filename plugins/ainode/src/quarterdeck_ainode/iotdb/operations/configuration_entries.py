"""The keys of IoTDB's configuration: what each takes and when a new value holds, and what is wrong with a wish to change one.

The server itself keeps any text for any key (2.0.10 refuses `abc` for a number where it would hold at once, keeps it all the same, and then
refuses every change of any key), so that what its own list says of each key is checked here.
"""

import re
from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_api.errors import RefusedError, UsageError
from quarterdeck_api.nearest import nearest

#: Every key with its meaning (2.0.10), and what older servers have: keys that were set, without meaning.
_EVERY = "SHOW ALL CONFIGURATION WITH DESC"
_SOME = "SHOW CONFIGURATION"

_NOT_UNDERSTOOD = 700


class Effect(Enum):
    """When a new value holds."""

    AT_ONCE = "hot_reload"
    AT_RESTART = "restart"
    NEVER = "first_start"
    UNKNOWN = "unknown"

    @property
    def told(self) -> str:
        """In words; empty where the server does not say it."""
        return _WHEN.get(self, "")


_WHEN = {
    Effect.AT_ONCE: "at once",
    Effect.AT_RESTART: "after a restart",
    Effect.NEVER: "from the first start on",
}


class ConfigurationEntry(Struct, frozen=True):
    """One key. `value` is what holds now, `default` what holds when nobody sets it; `data_type` is the server's word, empty when it has none."""

    key: str
    value: str
    default: str
    effect: Effect = Effect.UNKNOWN
    data_type: str = ""
    meaning: str = ""

    @property
    def changed(self) -> bool:
        """Whether it is not as it is when nobody sets it."""
        return self.value != self.default


class ConfigurationChange(Struct, frozen=True):
    """A change that may be sent, with what its user should know before."""

    entry: ConfigurationEntry
    new: str
    notices: tuple[str, ...]


#: Changes that break something elsewhere, though the server takes them.
_RISKS = {
    "cluster_name": "an AINode or another node that starts again is refused, because it knows the cluster by the name before",
    "trusted_uri_pattern": "it decides from where CREATE MODEL and CREATE FUNCTION may read code and files",
    "dn_rpc_port": "clients, this console included, have to be told the new port",
    "dn_rpc_address": "clients, this console included, may no longer reach the node",
    "enable_auto_create_schema": "without it, writing to a series that does not exist fails",
    "default_ttl_in_ms": "data older than that is deleted",
}
_TRUE = ("true", "false")


def read_entries(client: IotdbClient, node_id: int | None = None) -> tuple[ConfigurationEntry, ...]:
    """Every key of a node, or of the one that is connected; older servers show fewer, and less of each."""
    where = "" if node_id is None else f" ON {node_id}"
    try:
        found = client.rows(_EVERY.replace(" WITH", f"{where} WITH"), dialect=Dialect.TABLE)
    except IotdbError as error:
        if error.status != _NOT_UNDERSTOOD:
            raise
        found = client.rows(_SOME + where, dialect=Dialect.TABLE)
    return tuple(
        entry_of(row["name"], row["value"], row["default_value"], row.get("description", "")) for row in found.texts()
    )


def entry_of(key: str, value: str, default: str, description: str) -> ConfigurationEntry:
    """An entry of the server's list; its description ends with lines `effectiveMode: …` and `Datatype: …`."""
    effect = re.search(r"effectiveMode: *(\w+)", description)
    data_type = re.search(r"Datatype: *(.+)", description)
    meaning = description.split("\neffectiveMode:")[0].strip()
    return ConfigurationEntry(
        key,
        value or default,
        default,
        next((each for each in Effect if effect and each.value == effect[1]), Effect.UNKNOWN),
        data_type[1].strip() if data_type else "",
        " ".join(meaning.split()),
    )


def plan_change(entries: tuple[ConfigurationEntry, ...], key: str, value: str) -> ConfigurationChange:
    """What a change would do; raises UsageError or RefusedError for one that cannot work."""
    entry = next((each for each in entries if each.key == key), None)
    described = any(each.effect is not Effect.UNKNOWN for each in entries)
    if entry is None:
        if described:
            raise UsageError(f"the server has no key {key!r}", nearest(key, [each.key for each in entries]))
        entry = ConfigurationEntry(key, "", "")
    if entry.effect is Effect.NEVER:
        raise RefusedError(
            f"{key} holds from a node's first start on and cannot be changed; it is {entry.value}",
            "a new value needs new nodes: see IoTDB's manual on it",
        )
    if value == entry.value and entry.effect is Effect.AT_ONCE:
        raise UsageError(f"{key} is {value} already", "give another value")
    _check_type(entry, value)
    return ConfigurationChange(entry, value, tuple(_notices(entry, value)))


def _notices(entry: ConfigurationEntry, value: str) -> list[str]:
    notices: list[str] = []
    if entry.effect is Effect.AT_RESTART:
        notices.append("it is written now and holds once the nodes have been started again")
    elif entry.effect is Effect.UNKNOWN:
        notices.append("this server does not say when a new value holds, nor what the key takes")
    if entry.key in _RISKS:
        notices.append(f"careful: {_RISKS[entry.key]}")
    if "\\" in value:
        notices.append("the backslash is lost when a node starts again: its file of settings reads it as an escape")
    return notices


def _check_type(entry: ConfigurationEntry, value: str) -> None:
    """Refuses what the server would take and then ignore."""
    word = re.split(r"[ ,(]", entry.data_type.strip().lower())[0]
    wanted = ""
    if word in ("int", "integer", "long") and "duration" not in entry.data_type and not _is_whole(value):
        wanted = "a whole number"
    elif word in ("double", "float") and not _is_number(value):
        wanted = "a number"
    elif word in ("boolean", "bool") and value.lower() not in _TRUE:
        wanted = "true or false"
    elif word == "regex" and not _is_pattern(value):
        wanted = "a regular expression"
    if wanted:
        raise UsageError(
            f"{entry.key} takes {wanted}, and {value!r} is none", f"it is {entry.value} now, by default {entry.default}"
        )


def _is_whole(value: str) -> bool:
    return re.fullmatch(r"-?\d+", value, re.ASCII) is not None


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value, re.ASCII) is not None


def _is_pattern(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True
