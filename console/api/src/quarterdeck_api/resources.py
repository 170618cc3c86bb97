"""The shared abstraction: addresses, health, resources and their changes."""

from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from quarterdeck_api.errors import UsageError

#: What a typed cell may hold. Times are Unix seconds, durations seconds.
Cell = str | int | float | bool | None

#: The reserved backend name of what the core itself has.
CORE = "core"

_BACKEND_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class Address(NamedTuple):
    """`backend/kind/name`, split at the first two slashes only; the name is verbatim."""

    backend: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str, kind: str = "") -> "Address":
        """Reads an address; with `kind`, a bare name means `core/KIND/NAME`.

        Raises UsageError with what is wrong.
        """
        parts = text.split("/", 2)
        if kind and len(parts) < 3:
            return cls(CORE, kind, text)
        if len(parts) < 3 or not all(parts):
            raise UsageError(f"{text!r} is not an address", "write BACKEND/KIND/NAME, as in ainode/model/arima")
        if not set(parts[0]) <= _BACKEND_LETTERS:
            raise UsageError(
                f"{parts[0]!r} in {text!r} is not a backend's name", "use lower-case letters, digits and '-' only"
            )
        return cls(*parts)


class Health(Enum):
    """How a resource is; the backend's own word stays beside it as `state`."""

    OK = "ok"
    BUSY = "busy"
    DEGRADED = "degraded"
    FAILED = "failed"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Link(Struct, frozen=True, array_like=True):
    """A named relation to another resource, as `("dataset", "core/dataset/airline")`."""

    relation: str
    address: str


class Resource(Struct, frozen=True, array_like=True, gc=False):
    """One thing that a backend has.

    `cells` stand in the order of the columns that the plugin's catalogue declares for the kind. `since` is the Unix time at which `health`
    became what it is. `actions_off` gives the reason why an action cannot be done on this resource. On the wire a resource is an array in
    the order of these fields; `resource_document` gives the form with names.
    """

    address: str
    uid: str
    health: Health = Health.UNKNOWN
    state: str = ""
    reason: str = ""
    since: float = 0.0
    cells: tuple[Cell, ...] = ()
    parent: str = ""
    links: tuple[Link, ...] = ()
    actions_off: dict[str, str] = {}

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.address.split("/", 1)[0]

    @property
    def kind(self) -> str:
        """The kind's id."""
        return self.address.split("/", 2)[1]

    @property
    def name(self) -> str:
        """The verbatim name."""
        return self.address.split("/", 2)[2]


class Upsert(Struct, frozen=True, tag="upsert", array_like=True):
    """A mirrored resource appeared or changed."""

    resource: Resource


class Remove(Struct, frozen=True, tag="remove", array_like=True):
    """A mirrored resource is gone."""

    address: str


class Synced(Struct, frozen=True, tag="synced", array_like=True):
    """Everything the backend has of these kinds has been said; what the store still holds beyond it is gone."""

    kinds: tuple[str, ...]


class Unreachable(Struct, frozen=True, tag="unreachable", array_like=True):
    """The backend cannot be asked; its resources stay, marked as of this moment."""

    reason: str
    remedy: str = ""


Change = Upsert | Remove | Synced | Unreachable


def resource_document(resource: Resource, columns: tuple[str, ...]) -> dict[str, object]:
    """The documented JSON form of a resource: named fields, cells by column id."""
    return {
        "address": resource.address,
        "backend": resource.backend,
        "kind": resource.kind,
        "name": resource.name,
        "uid": resource.uid,
        "health": resource.health.value,
        "state": resource.state,
        "reason": resource.reason,
        "since": resource.since,
        "cells": dict(zip(columns, resource.cells, strict=False)),
        "parent": resource.parent,
        "links": [{"relation": link.relation, "address": link.address} for link in resource.links],
        "actions_off": resource.actions_off,
    }
