"""How this Quarterdeck was installed, and so who may install plugins beside it: pip, uv, pipx, or the operating system."""

import os
import shlex
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import Struct

from quarterdeck_api.errors import RefusedError

_PIPX_FILE = "pipx_metadata.json"
_UV_RECEIPT = "uv-receipt.toml"
_MARKER = "EXTERNALLY-MANAGED"


class Manager(Enum):
    """Who looks after the environment."""

    PIP = "pip"
    UV = "uv"
    PIPX = "pipx"
    UV_TOOL = "uv tool"
    SYSTEM = "the operating system"


class Verb(Enum):
    """What is to be done with a distribution."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REMOVE = "remove"


class EnvironmentFacts(Struct, frozen=True):
    """What can be seen of an environment.

    `virtual`: it is a virtual environment. `marker`: its standard library says that it is externally managed (PEP 668). `uv_made`: its
    `pyvenv.cfg` names uv. `receipt` are the distributions that uv's receipt lists beside Quarterdeck. `pip`: pip can be imported there.
    """

    prefix: str
    virtual: bool
    marker: bool = False
    pipx: bool = False
    uv_tool: bool = False
    uv_made: bool = False
    receipt: tuple[str, ...] = ()
    pip: bool = True
    writable: bool = True


def manager(facts: EnvironmentFacts) -> Manager:
    """Decides who looks after the environment."""
    if facts.pipx:
        return Manager.PIPX
    if facts.uv_tool:
        return Manager.UV_TOOL
    if facts.marker and not facts.virtual:  # A virtual environment shares the marked standard library, and is free.
        return Manager.SYSTEM
    return Manager.UV if facts.uv_made else Manager.PIP


def keeps_to_itself(facts: EnvironmentFacts) -> str:
    """Why nothing may be installed into this environment but a plugin may have one of its own; empty when it may."""
    if manager(facts) is Manager.SYSTEM:
        return f"the Python at {facts.prefix} is managed by the operating system"
    if not facts.writable:
        return f"the environment at {facts.prefix} cannot be written"
    return ""


def refuse_foreign(facts: EnvironmentFacts, verb: Verb, names: Sequence[str]) -> None:
    """Raises RefusedError with the command to type when pipx or uv keeps a record of what is in the environment."""
    who = manager(facts)
    if who not in (Manager.PIPX, Manager.UV_TOOL):
        return
    command = foreign_command(facts, verb, names)
    own = "" if verb is not Verb.INSTALL else ", or give the plugin an environment of its own with --own-environment"
    raise RefusedError(
        f"this Quarterdeck was installed with {who.value}, which keeps a record of what is in its environment",
        f"type `{command}`{own}",
    )


def foreign_command(facts: EnvironmentFacts, verb: Verb, names: Sequence[str]) -> str:
    """The command of pipx or uv that does it; uv makes a tool's environment anew, so what was added before is named again."""
    if manager(facts) is Manager.PIPX:
        words = {
            Verb.INSTALL: ["pipx", "inject", "quarterdeck"],
            Verb.UPGRADE: ["pipx", "inject", "--force", "quarterdeck"],
            Verb.REMOVE: ["pipx", "uninject", "quarterdeck"],
        }[verb]
        return shlex.join([*words, *names])
    added = [each for each in facts.receipt if each not in names]
    wanted = added if verb is Verb.REMOVE else [*added, *names]
    upgrade = ["--upgrade"] if verb is Verb.UPGRADE else []
    return shlex.join(
        ["uv", "tool", "install", "quarterdeck", *upgrade, *(word for each in wanted for word in ("--with", each))]
    )


def pip_command(facts: EnvironmentFacts, verb: Verb, names: Sequence[str]) -> str:
    """What a user types to do by hand what Quarterdeck would do in an environment that pip or uv made."""
    python = str(Path(facts.prefix) / "bin" / "python")
    if verb is Verb.REMOVE:
        if manager(facts) is Manager.UV:
            return shlex.join(["uv", "pip", "uninstall", "--python", python, *names])
        return shlex.join([python, "-m", "pip", "uninstall", *names])
    upgrade = ["--upgrade"] if verb is Verb.UPGRADE else []
    if manager(facts) is Manager.UV:
        return shlex.join(["uv", "pip", "install", "--python", python, *upgrade, *names])
    return shlex.join([python, "-m", "pip", "install", *upgrade, *names])


def read_facts() -> EnvironmentFacts:
    """The facts of the environment that runs this."""
    prefix = Path(sys.prefix)
    packages = Path(sysconfig.get_path("purelib"))
    receipt = _read_toml(prefix / _UV_RECEIPT)
    return EnvironmentFacts(
        prefix=str(prefix),
        virtual=sys.prefix != sys.base_prefix,
        marker=(Path(sysconfig.get_path("stdlib")) / _MARKER).is_file(),
        pipx=(prefix / _PIPX_FILE).is_file(),
        uv_tool=(prefix / _UV_RECEIPT).is_file(),
        uv_made=_names_uv(prefix / "pyvenv.cfg"),
        receipt=_added(receipt),
        pip=find_spec("pip") is not None,
        writable=os.access(packages, os.W_OK),
    )


def _added(receipt: dict[str, Any]) -> tuple[str, ...]:
    """The distributions of a uv receipt (`tool.requirements`, a list of tables with `name`) but Quarterdeck itself."""
    requirements = receipt.get("tool", {}).get("requirements", [])
    names = [str(each.get("name", "")) for each in requirements if isinstance(each, dict)]
    return tuple(each for each in names if each and each != "quarterdeck")


def _read_toml(file: Path) -> dict[str, Any]:
    """What a file of another program says; one that is missing or damaged says nothing, and its presence counts by itself."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _names_uv(file: Path) -> bool:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return any(line.partition("=")[0].strip() == "uv" for line in lines)
