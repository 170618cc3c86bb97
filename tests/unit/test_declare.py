"""What a plugin may declare, what is refused, and what reaches the catalogue."""

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from quarterdeck_api.catalogue import PluginPhase
from quarterdeck_api.declare import run
from quarterdeck_api.declare_output import Declaration
from quarterdeck_api.declare_rules import RESERVED_PARAMETERS, compatibility_fault
from quarterdeck_api.declare_schema import plain_schema
from quarterdeck_api.errors import UsageError

_NUMBERS = itertools.count()

PREAMBLE = """
from typing import Annotated
from msgspec import Meta, Struct
from quarterdeck_api.catalogue import *
from quarterdeck_api.declarations import *
from quarterdeck_api.hooks import hookimpl

@hookimpl
def quarterdeck_plugin():
    return PluginInfo("trial", "Trial", "1.0", "1.0")
"""

Declare = Callable[..., Declaration]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Declares a plugin given by its source, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def declared(source: str, preamble: str = PREAMBLE) -> Declaration:
        name = f"trial_plugin_{next(_NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(preamble + source, encoding="utf-8")
        return run(name, [str(tmp_path)])

    yield declared
    for name in set(sys.modules) - modules:
        if name.startswith("trial_plugin_"):
            del sys.modules[name]


class Metric(Enum):
    MAE = "mae"
    MSE = "mse"


class Inner(Struct):
    """What is inside."""

    depth: int = 1


class Outer(Struct, forbid_unknown_fields=True):
    """A forecast."""

    horizon: Annotated[int, Meta(ge=1, description="Steps ahead.")]
    data: Annotated[str, Meta(extra_json_schema={"format": "dataset"})] = ""
    metric: Annotated[Metric, Meta(description="How it is scored.")] = Metric.MAE
    inner: Inner = msgspec.field(default_factory=Inner)
    several: tuple[Inner, ...] = ()
    order: tuple[int, int, int] = (1, 1, 1)
    mode: Literal["fast", "exact"] | None = None


class Endless(Struct):
    deeper: list["Endless"] = []


def test_schema_is_one_plain_object() -> None:
    schema = plain_schema(Outer)
    assert "$ref" not in msgspec.json.encode(schema).decode() and "$defs" not in schema
    assert schema["description"] == "A forecast." and schema["required"] == ["horizon"]
    properties = schema["properties"]
    assert properties["horizon"] == {"type": "integer", "minimum": 1, "description": "Steps ahead."}
    assert properties["data"] == {"type": "string", "default": "", "format": "dataset"}
    assert properties["metric"] == {"enum": ["mae", "mse"], "default": "mae", "description": "How it is scored."}
    assert properties["inner"]["properties"]["depth"] == {"type": "integer", "default": 1}
    assert properties["several"]["items"]["description"] == "What is inside."
    assert properties["order"]["default"] == [1, 1, 1]
    assert schema["additionalProperties"] is False


def test_schema_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="refers to itself"):
        plain_schema(Endless)


def test_a_good_plugin_is_ready(declare: Declare) -> None:
    declaration = declare("""
class Settings(Struct):
    "Where."
    url: Annotated[str, Meta(description="Address.")]

@hookimpl
def quarterdeck_backend_types():
    return [BackendType("trial.web", "Web", "trial.web:open_it", Settings)]

@hookimpl
def quarterdeck_kinds():
    return [Kind("model", columns=(Column("mae", "MAE", ColumnType.NUMBER),)), Kind("berth", "Berths")]

@hookimpl
def quarterdeck_actions():
    return [Action("berth.clear", "Clear", ("berth", "model"), job="trial.clear", danger=Danger.CONFIRM)]

@hookimpl
def quarterdeck_jobs():
    return [JobType("trial.clear", "Clear", "trial.jobs:clear", preload=("json",))]

@hookimpl
def quarterdeck_samples():
    return [Sample("years", "Years", "msgspec", "data/years.csv", "csv", "YS", "value")]
""")
    assert declaration.phase is PluginPhase.READY, declaration.error
    catalogue = declaration.catalogue
    assert catalogue is not None
    assert catalogue.columns("model") == ("mae",)
    assert catalogue.kind("model").title == "Models"  # type: ignore[union-attr] - a shared kind needs no title of its own
    assert catalogue.backend_types[0].settings["properties"]["url"]["description"] == "Address."
    path = Path(catalogue.samples[0].path)
    assert path == Path(msgspec.__file__).parent / "data/years.csv"


def test_what_runs_by_itself_reaches_the_catalogue(declare: Declare) -> None:
    declaration = declare("""
class Stage(Struct):
    port: Annotated[int, Meta(ge=1, description="Where it listens.")] = 80

@hookimpl
def quarterdeck_backend_types():
    return [BackendType("trial", "Web", "trial.web:open_it")]

@hookimpl
def quarterdeck_processes():
    return [
        ProcessType("trial.stage", "Stage", Stage, "trial.stages:run", memory_limit=512),
        ProcessType("trial.server", "Server", Stage, command=("serve", "--port={port}"), cpu_limit=0.5),
    ]

@hookimpl
def quarterdeck_controllers():
    return [Controller("trial.retrain", "Retrain", "trial.loops:look", Stage, 5.0, ("trial",), enabled=True)]

@hookimpl
def quarterdeck_commands():
    return [Command("top", "trial.commands:top", Stage, "What is busy.")]

@hookimpl
def quarterdeck_job_finished(event):
    raise SystemExit("called while declaring")

@hookimpl
def quarterdeck_finding():
    raise SystemExit("called while declaring")

@hookimpl
def quarterdeck_authorize(request):
    raise SystemExit("called while declaring")
""")
    assert declaration.phase is PluginPhase.READY, declaration.error
    catalogue = declaration.catalogue
    assert catalogue is not None
    stage, server = catalogue.processes
    assert (stage.implementation, stage.memory_limit, stage.command) == ("trial.stages:run", 512, ())
    assert (server.command, server.cpu_limit) == (("serve", "--port={port}"), 0.5)
    assert stage.parameters["properties"]["port"]["minimum"] == 1
    controller = catalogue.controllers[0]
    assert (controller.interval, controller.backend_types, controller.enabled) == (5.0, ("trial",), True)
    assert catalogue.commands[0].handler == "trial.commands:top"
    assert catalogue.event_hooks == ("quarterdeck_finding", "quarterdeck_job_finished")
    assert catalogue.authorizes


def hook(name: str, *items: str) -> str:
    return f"\n@hookimpl\ndef quarterdeck_{name}():\n    return [{', '.join(items)}]\n"


BAD_PARAMETERS = "class P(Struct):\n    no_wait: bool = False\n"
BAD_SETTINGS = "class P(Struct):\n    read_only: bool = False\n"
UNTYPED = "from typing import Any\nclass P(Struct):\n    anything: Any = None\n"
CUSTOM = "class P(Struct):\n    odd: Meta | None = None\n"

WRONG = {
    "two actions of one id": (
        hook("actions", 'Action("a.b", "T", ("node",))', 'Action("a.b", "T", ("node",))'),
        "twice",
    ),
    "two kinds of one id": (hook("kinds", 'Kind("dock", "D")', 'Kind("dock", "D")'), "twice"),
    "two columns of one id": (hook("kinds", 'Kind("dock", "D", (Column("a", "A"), Column("a", "A")))'), "twice"),
    "a kind with forbidden letters": (hook("kinds", 'Kind("Dock/1", "D")'), "no id of a kind"),
    "a kind without title": (hook("kinds", 'Kind("dock")'), "no title"),
    "a column like a common field": (hook("kinds", 'Kind("dock", "D", (Column("state", "S"),))'), "every resource has"),
    "a column that no filter can name": (hook("kinds", 'Kind("dock", "D", (Column("a b", "S"),))'), "filter"),
    "an unknown parent kind": (hook("kinds", 'Kind("dock", "D", parent_kind="harbour")'), "unknown parent kind"),
    "an unknown further parent": (
        hook("kinds", 'Kind("dock", "D", parent_kind="node", also_below=("harbour",))'),
        "unknown parent kind 'harbour'",
    ),
    "a kind of an unknown backend type": (
        hook("kinds", 'Kind("dock", "D", backend_types=("ship",))'),
        "unknown backend type",
    ),
    "an action for an unknown kind": (hook("actions", 'Action("a.b", "T", ("nod",))'), "unknown kind 'nod'"),
    "an action of an unknown backend type": (
        hook("actions", 'Action("a.b", "T", ("node",), backend_types=("ship",))'),
        "action 'a.b' is for the unknown backend type 'ship'",
    ),
    "an action that needs no resource, of a backend type": (
        hook("actions", 'Action("a.b", "T", ("node",), standalone=True, backend_types=("core",))'),
        "needs no resource",
    ),
    "an action for no kind": (hook("actions", 'Action("a.b", "T", ())'), "no kind"),
    "an action with an unknown job": (hook("actions", 'Action("a.b", "T", ("node",), job="x")'), "unknown job 'x'"),
    "a reserved parameter": (
        BAD_PARAMETERS + hook("actions", 'Action("a.b", "T", ("node",), P)'),
        "option of the command line",
    ),
    "a reserved setting": (
        BAD_SETTINGS + hook("backend_types", 'BackendType("trial", "T", "a:b", P)'),
        "every backend has",
    ),
    "a parameter of a foreign type": (CUSTOM + hook("actions", 'Action("a.b", "T", ("node",), P)'), "cannot describe"),
    "parameters that are no form": (UNTYPED + hook("actions", 'Action("a.b", "T", ("node",), P)'), "written as a form"),
    "parameters that are no struct": (hook("actions", 'Action("a.b", "T", ("node",), dict)'), "not by a struct"),
    "a malformed implementation": (hook("jobs", 'JobType("trial.x", "T", "trial.jobs.run")'), "no import string"),
    "a job that is never tried": (hook("jobs", 'JobType("trial.x", "T", "a:b", max_attempts=0)'), "out of range"),
    "a malformed module to preload": (hook("jobs", 'JobType("trial.x", "T", "a:b", preload=("os; x",))'), "no module"),
    "a process that nothing runs": (hook("processes", 'ProcessType("a.b", "T")'), "neither implementation nor command"),
    "a process that two things run": (
        hook("processes", 'ProcessType("a.b", "T", implementation="a:b", command=("c",))'),
        "both an implementation and a command",
    ),
    "a process with a malformed implementation": (
        hook("processes", 'ProcessType("a.b", "T", implementation="a.b")'),
        "no import string",
    ),
    "a process whose command names no program": (
        hook("processes", 'ProcessType("a.b", "T", command=("",))'),
        "program",
    ),
    "a process whose command has an unknown parameter": (
        hook("processes", 'ProcessType("a.b", "T", command=("c", "{port}"))'),
        "{port}, which is none of its parameters",
    ),
    "a process that is hung at once": (
        hook("processes", 'ProcessType("a.b", "T", implementation="a:b", heartbeat_timeout=0)'),
        "time-out that is out of range",
    ),
    "a process with a negative limit": (
        hook("processes", 'ProcessType("a.b", "T", implementation="a:b", memory_limit=-1)'),
        "limit that is out of range",
    ),
    "a controller that never rests": (hook("controllers", 'Controller("a.b", "T", "a:b", interval=0)'), "every 0 s"),
    "a controller of an unknown backend type": (
        hook("controllers", 'Controller("a.b", "T", "a:b", backend_types=("x",))'),
        "unknown backend type 'x'",
    ),
    "a command with a malformed name": (hook("commands", 'Command("Top!", "a:b")'), "no id of a command"),
    "a command with a malformed handler": (hook("commands", 'Command("top", "a")'), "no import string"),
    "a command with a reserved parameter": (
        "class P(Struct):\n    json: bool = False\n" + hook("commands", 'Command("top", "a:b", P)'),
        "option of the command line",
    ),
    "an event hook with another argument": (
        "\n@hookimpl\ndef quarterdeck_finding(finding):\n    pass\n",
        "does not fit",
    ),
    "a backend type of another plugin": (hook("backend_types", 'BackendType("other.x", "T", "a:b")'), "plugin's id"),
    "two embedded backend types": (
        hook(
            "backend_types",
            'BackendType("trial", "T", "a:b", embedded=True)',
            'BackendType("trial.x", "T", "a:b", embedded=True)',
        ),
        "more than one",
    ),
    "a sample of a missing package": (
        hook("samples", 'Sample("s", "T", "no_such_pkg", "f", "csv", "D", "v")'),
        "not installed",
    ),
    "a sample outside of its package": (
        hook("samples", 'Sample("s", "T", "msgspec", "../f", "csv", "D", "v")'),
        "leaves",
    ),
    "a field of the wrong type": (hook("actions", 'Action("a.b", 5, ("node",))'), "malformed"),
    "an item of the wrong type": (hook("kinds", '"node"'), "is str, not Kind"),
    "no list at all": ("\n@hookimpl\ndef quarterdeck_kinds():\n    return 5\n", "not a list"),
    "a hook that is not marked": ("\ndef quarterdeck_kinds():\n    return []\n", "not marked"),
    "a hook with an argument": ("\n@hookimpl\ndef quarterdeck_kinds(x):\n    return []\n", "does not fit"),
    "a misspelt hook": ("\n@hookimpl\ndef quarterdeck_kindz():\n    return []\n", "quarterdeck_kindz is not a hook"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_a_remedy(declare: Declare, case: str) -> None:
    source, said = WRONG[case]
    declaration = declare(source)
    assert declaration.phase is PluginPhase.VALIDATE and declaration.catalogue is None
    assert declaration.error is not None
    assert said in declaration.error.message and declaration.error.remedy


def test_several_faults_are_told_together(declare: Declare) -> None:
    declaration = declare(hook("actions", 'Action("A", "T", ("nod",), job="x")'))
    assert declaration.error is not None
    assert "2 more" in declaration.error.message and "unknown job" in declaration.error.message


def test_a_hook_that_raises_names_hook_error_and_line(declare: Declare) -> None:
    declaration = declare("\n@hookimpl\ndef quarterdeck_kinds():\n    raise SystemExit('no')\n")
    assert declaration.phase is PluginPhase.DECLARE and declaration.error is not None
    assert "quarterdeck_kinds raises SystemExit: no (trial_plugin_" in declaration.error.message


def test_a_missing_requirement_is_named_in_the_remedy(declare: Declare) -> None:
    declaration = declare("import no_such_requirement.part", preamble="")
    assert declaration.phase is PluginPhase.IMPORT and declaration.error is not None
    assert "no_such_requirement" in declaration.error.remedy


def test_values_that_raise_when_looked_at_are_a_fault(declare: Declare) -> None:
    source = "\nclass Trap(list):\n    def __iter__(self):\n        raise OSError('trap')\n"
    declaration = declare(source + "\n@hookimpl\ndef quarterdeck_kinds():\n    return Trap([1])\n")
    assert declaration.phase is PluginPhase.VALIDATE and declaration.error is not None
    assert "trap" in declaration.error.message


def test_the_reserved_id_is_refused(declare: Declare) -> None:
    declaration = declare("", PREAMBLE.replace('"trial"', '"core"'))
    assert declaration.error is not None and "reserved" in declaration.error.message


def test_a_plugin_without_identity_is_refused(declare: Declare) -> None:
    declaration = declare("x = 1", preamble="")
    assert declaration.error is not None and "no hook quarterdeck_plugin" in declaration.error.message


@pytest.mark.parametrize(
    ("wanted", "fits"), [("1.0", True), ("1.99", False), ("2.0", False), ("0.9", False), ("1", False), ("new", False)]
)
def test_compatibility(wanted: str, fits: bool) -> None:
    fault = compatibility_fault(wanted)
    assert (fault is None) is fits
    assert fault is None or fault.remedy


def test_reserved_names_are_written_as_options() -> None:
    assert all(name == name.lower() and "_" not in name for name in RESERVED_PARAMETERS)


def test_the_program_prints_one_document_whatever_the_plugin_prints(tmp_path: Path) -> None:
    source = PREAMBLE + "import os, sys, threading, time\nprint('noise')\nos.write(1, b'{}')\n"
    source += "threading.Thread(target=time.sleep, args=(600,)).start()\n"
    (tmp_path / "noisy.py").write_text(source, encoding="utf-8")
    arguments = [sys.executable, "-P", "-m", "quarterdeck_api.declare", "--module", "noisy", "--path", str(tmp_path)]
    ended = subprocess.run(arguments, capture_output=True, timeout=60, check=True)
    assert msgspec.json.decode(ended.stdout, type=Declaration).phase is PluginPhase.READY
    assert b"noise" in ended.stderr
