"""Reading the configuration: what is right is used, what is wrong is told with its line, and no protection is lost on the way."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from quarterdeck.config.files import load_settings, validate
from quarterdeck.config.loaded import LoadedSettings, Origin, Problem
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.positions import key_lines
from quarterdeck.config.schema import settings_schema
from quarterdeck.config.settings import Guardrail, Settings
from quarterdeck.config.showing import HIDDEN, show
from quarterdeck_api.catalogue import BackendTypeInfo, Catalogue, PluginInfo
from quarterdeck_api.declare_schema import plain_schema


class PlantSettings(Struct):
    """Where the plant is."""

    nodes: list[str]
    password: str = ""
    timeout: float = 1.0


CATALOGUE = Catalogue(
    PluginInfo("plant", "Plant", "1", "1.0"),
    backend_types=(BackendTypeInfo("plant.tcp", "Plant", plain_schema(PlantSettings), "plant:open"),),
)

GOOD = """\
[runtime]
idle_exit = 60
durable = "full"

[console]
theme = "light"
keys = { quit = "f10" }

[plugins]
disabled = ["old"]

[backends.yard]
type = "plant.tcp"
nodes = ["10.0.0.5:6667"]
password = "env:YARD_PASSWORD"

[[guardrails]]
actions = ["model.drop"]
backends = "prod-*"
require = "type-name"

[[guardrails]]
max_bulk = 3
"""

Read = Callable[..., LoadedSettings]


@pytest.fixture
def paths(tmp_path: Path) -> InstancePaths:
    return instance_paths({"QUARTERDECK_HOME": str(tmp_path)})


@pytest.fixture
def read(paths: InstancePaths) -> Read:
    """Reads a configuration given as text or bytes."""

    def loaded(text: str | bytes, *catalogues: Catalogue, **variables: str) -> LoadedSettings:
        paths.config_folder.mkdir(exist_ok=True)
        paths.config_file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(paths, catalogues, variables)

    return loaded


def only(loaded: LoadedSettings) -> Problem:
    assert len(loaded.problems) == 1, loaded.problems
    return loaded.problems[0]


def test_without_a_file_everything_is_a_default(paths: InstancePaths) -> None:
    loaded = load_settings(paths, environment={})
    assert loaded == LoadedSettings(Settings())
    assert all(value.source.origin is Origin.DEFAULT for value in show(loaded))


def test_a_good_file_is_read_with_its_sources(read: Read, paths: InstancePaths) -> None:
    loaded = read(GOOD, CATALOGUE)
    assert loaded.problems == ()
    settings = loaded.settings
    assert (settings.runtime.idle_exit, settings.runtime.durable, settings.console.theme) == (60.0, "full", "light")
    assert settings.console.keys == {"quit": "f10"} and settings.plugins.disabled == ("old",)
    assert settings.backends["yard"].settings == {"nodes": ["10.0.0.5:6667"], "password": "env:YARD_PASSWORD"}
    assert settings.guardrails == (
        Guardrail(actions=("model.drop",), backends="prod-*", require="type-name"),
        Guardrail(max_bulk=3),
    )
    places = {value.key: str(value.source) for value in show(loaded)}
    assert places["runtime.idle_exit"] == f"{paths.config_file}:2"
    assert places["backends.yard.password"] == f"{paths.config_file}:15"
    assert places["guardrails[1].max_bulk"] == f"{paths.config_file}:23"
    assert places["guardrails[1].require"] == places["runtime.max_workers"] == "default"


@pytest.mark.parametrize(
    ("text", "line", "key", "remedy"),
    [
        ("[runtime]\nidle_exti = 3", 2, "runtime.idle_exti", "did you mean idle_exit?"),
        ("\n[consle]\ntheme = 'x'", 2, "consle", "did you mean console?"),
        ("[runtime]\n\n\nmax_workers = 'two'", 4, "runtime.max_workers", "2 is used until it is corrected"),
        ("[runtime]\nmax_workers = 0", 2, "runtime.max_workers", "2 is used until it is corrected"),
        ("[runtime]\ndurable = 'ful'", 2, "runtime.durable", '"normal" is used until it is corrected'),
        ("runtime = 3", 1, "runtime", "write its keys below [runtime]"),
        ("[backends.yard]\nnodes = []", 1, "backends.yard", 'add type = "plant.tcp"'),
        ("[backends]\nyard = 1", 2, "backends.yard", "write [backends.yard]"),
        ("[backends.Yard]\ntype = 'plant.tcp'\nnodes=[]", 1, "backends.Yard", "choose a name of lower-case letters"),
        ("[backends.core]\ntype = 'plant.tcp'\nnodes=[]", 1, "backends.core", "choose a name of lower-case letters"),
        ("[backends.yard]\ntype = 'plant.tpc'", 2, "backends.yard.type", "did you mean plant.tcp?"),
        ("[backends.yard]\ntype = 'plant.tcp'\nnodes = []\nnods = 1", 4, "backends.yard.nods", "did you mean nodes?"),
        ("[backends.yard]\ntype = 'plant.tcp'\nnodes = 1", 3, "backends.yard.nodes", "it takes"),
        ("[backends.yard]\ntype = 'plant.tcp'", 1, "backends.yard", "add nodes"),
        (
            "[backends.yard]\ntype = 'plant.tcp'\nnodes = []\ntimeout = 'x'",
            4,
            "backends.yard.timeout",
            "it takes number",
        ),
        ("guardrails = 3", 1, "guardrails", "write [[guardrails]]"),
    ],
)
def test_problems_name_line_key_and_remedy(
    read: Read, paths: InstancePaths, text: str, line: int, key: str, remedy: str
) -> None:
    problem = only(read(text, CATALOGUE))
    assert (problem.file, problem.line, problem.key) == (str(paths.config_file), line, key)
    assert problem.remedy.startswith(remedy)
    assert str(problem).startswith(f"{paths.config_file}:{line}: {problem.sentence}")


def test_only_the_wrong_keys_are_replaced(read: Read) -> None:
    loaded = read(
        "[runtime]\nidle_exit = 'x'\nmax_workers = 7\n[backends.yard]\ntype='plant.tcp'\nnodes=['a']\nx=1", CATALOGUE
    )
    assert loaded.settings.runtime.idle_exit == 900.0 and loaded.settings.runtime.max_workers == 7
    assert loaded.settings.backends["yard"].settings == {"nodes": ["a"]}
    assert len(loaded.problems) == 2


def test_allowed_values_are_listed(read: Read) -> None:
    assert "full | normal" in only(read("[runtime]\ndurable = 'x'")).sentence


def test_without_catalogues_types_and_settings_of_backends_are_taken_as_they_are(read: Read) -> None:
    loaded = read("[backends.yard]\ntype = 'no.such'\nanything = 1")
    assert loaded.problems == () and loaded.settings.backends["yard"].settings == {"anything": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("require = 'denny'", Guardrail(require="deny")),
        ("require = 'type-name'\nactions = 'model.drop'", Guardrail(require="type-name", actions=("*",))),
        ("require = 'type-name'\nbackends = 3", Guardrail(require="type-name", backends="*")),
        ("max_bulk = 'few'", Guardrail(max_bulk=1)),
        ("max_bulk = 0", Guardrail(max_bulk=1)),
        ("actions = ['model.drop']", Guardrail(actions=("model.drop",), require="deny")),
        ("requires = 'type-name'\nactions = ['a']", Guardrail(actions=("a",), require="deny")),
    ],
)
def test_a_wrong_guardrail_protects_more_not_less(read: Read, body: str, expected: Guardrail) -> None:
    loaded = read(f"[[guardrails]]\n{body}")
    assert loaded.settings.guardrails == (expected,)
    assert loaded.problems and all(problem.remedy for problem in loaded.problems)


def test_a_wrong_read_only_is_read_only(read: Read) -> None:
    loaded = read("[runtime]\nread_only = 'no'\n[backends.a]\ntype = 'x'\nread_only = 0")
    assert loaded.settings.runtime.read_only and loaded.settings.backends["a"].read_only
    assert len(loaded.problems) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"[runtime]\nidle_exit = = 3\n", 2),
        (b"a = 1\n\nb = '\xff'\n", 3),
        (b"a = [1,\n2", 2),
        (b"[a]\nb = 1\n[a]\n", 3),
    ],
)
def test_an_unreadable_file_makes_the_instance_read_only(read: Read, text: bytes, line: int) -> None:
    loaded = read(text)
    problem = only(loaded)
    assert problem.line == line and "read-only" in problem.remedy
    assert loaded.settings.runtime.read_only


def test_a_folder_in_place_of_the_file_is_told(paths: InstancePaths) -> None:
    paths.config_file.mkdir(parents=True)
    loaded = load_settings(paths, environment={})
    assert "cannot be read" in only(loaded).sentence and loaded.settings.runtime.read_only


def test_windows_line_ends_and_byte_order_marks_are_read(read: Read) -> None:
    loaded = read(b"\xef\xbb\xbf[runtime]\r\nidle_exit = 3\r\nbad = 1\r\n")
    assert loaded.settings.runtime.idle_exit == 3.0 and only(loaded).line == 3


def test_the_environment_has_the_last_word(read: Read) -> None:
    variables = {"QUARTERDECK_IDLE_EXIT": "2.5", "QUARTERDECK_READ_ONLY": "no", "QUARTERDECK_THEME": "night"}
    loaded = read("[runtime]\nidle_exit = 1\nread_only = true", **variables)
    assert (loaded.settings.runtime.idle_exit, loaded.settings.runtime.read_only) == (2.5, False)
    assert loaded.settings.console.theme == "night"
    sources = {value.key: str(value.source) for value in show(loaded)}
    assert sources["runtime.idle_exit"] == "environment QUARTERDECK_IDLE_EXIT"
    assert sources["console.theme"] == "environment QUARTERDECK_THEME"


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_wrong_idle_exit_in_the_environment_is_told(read: Read, text: str) -> None:
    loaded = read("", QUARTERDECK_IDLE_EXIT=text)
    assert only(loaded).key == "QUARTERDECK_IDLE_EXIT" and loaded.settings.runtime.idle_exit == 900.0


def test_a_wrong_read_only_in_the_environment_is_read_only(read: Read) -> None:
    loaded = read("", QUARTERDECK_READ_ONLY="perhaps")
    assert loaded.settings.runtime.read_only and "perhaps" in only(loaded).sentence


@pytest.mark.parametrize("catalogues", [(), (CATALOGUE,)])
def test_secrets_as_plain_text_are_told_and_never_shown(read: Read, catalogues: tuple[Catalogue, ...]) -> None:
    loaded = read("[backends.yard]\ntype='plant.tcp'\nnodes=['a']\npassword = 'hunter2'", *catalogues)
    assert only(loaded).line == 4 and "env:YARD_PASSWORD" in only(loaded).remedy
    assert {value.key: value.value for value in show(loaded)}["backends.yard.password"] == HIDDEN
    assert "hunter2" not in repr((loaded.problems, show(loaded)))


def test_a_secret_of_the_wrong_type_is_not_quoted(read: Read) -> None:
    loaded = read("[backends.yard]\ntype='plant.tcp'\nnodes=['a']\npassword = 271828", CATALOGUE)
    assert loaded.problems and "271828" not in repr((loaded.problems, show(loaded)))


def test_secret_format_hides_whatever_the_key_is_called(read: Read) -> None:
    schema = {"type": "object", "properties": {"pin": {"type": "string", "format": "secret"}}, "required": []}
    info = BackendTypeInfo("plant.tcp", "Plant", schema, "plant:open")
    loaded = read(
        "[backends.y]\ntype='plant.tcp'\npin='0000'", msgspec.structs.replace(CATALOGUE, backend_types=(info,))
    )
    assert {value.key: value.value for value in show(loaded)}["backends.y.pin"] == HIDDEN


def test_references_are_shown_and_pass_every_type(read: Read) -> None:
    loaded = read("[backends.yard]\ntype='plant.tcp'\nnodes=['a']\ntimeout='env:LIMIT'\npassword='file:/x'", CATALOGUE)
    shown = {value.key: value.value for value in show(loaded)}
    assert loaded.problems == ()
    assert (shown["backends.yard.timeout"], shown["backends.yard.password"]) == ("env:LIMIT", "file:/x")


def test_validate_gives_the_problems(read: Read, paths: InstancePaths) -> None:
    read("[backends.yard]\ntype = 'plant.tpc'")
    assert [problem.key for problem in validate(paths, (CATALOGUE,))] == ["backends.yard.type"]


def test_schema_describes_exactly_the_model() -> None:
    schema = settings_schema((CATALOGUE,))
    assert set(schema["properties"]) == set(Settings.__struct_fields__)
    assert set(schema["properties"]["runtime"]["properties"]) == set(type(Settings().runtime).__struct_fields__)
    backend = schema["properties"]["backends"]["additionalProperties"]["anyOf"][0]
    assert backend["properties"]["type"] == {"const": "plant.tcp"} and backend["required"] == ["type", "nodes"]
    assert "$ref" not in msgspec.json.encode(schema).decode()
    assert settings_schema()["properties"]["backends"]["additionalProperties"]["required"] == ["type"]


def test_lines_of_keys() -> None:
    text = """\
# [not.a.table]
top = "a # b [c]"

[one] # comment
"quoted key" = 1
a.b = '''
x = 1
[no]
'''
[[list]]
items = [
  "x", # ]
  "[y",
]
[[list]]
inline = { p = 1, q = "}" }
[list.deep]
z = 1
"""
    tomllib.loads(text)
    assert {".".join(map(str, path)): line for path, line in key_lines(text).items()} == {
        "top": 2,
        "one": 4,
        "one.quoted key": 5,
        "one.a": 6,
        "one.a.b": 6,
        "list": 10,
        "list.0": 10,
        "list.0.items": 11,
        "list.1": 15,
        "list.1.inline": 16,
        "list.1.inline.p": 16,
        "list.1.inline.q": 16,
        "list.1.deep": 17,
        "list.1.deep.z": 18,
    }


_KEYS = st.text(st.sampled_from('ab-_1 ."é'), min_size=1, max_size=4)
_LEAVES = st.one_of(st.integers(-5, 5), st.text(st.sampled_from("a\"'#[]{}=\n\\ é"), max_size=8), st.booleans())
_TABLES = st.dictionaries(
    _KEYS, st.one_of(_LEAVES, st.lists(_LEAVES, max_size=3), st.dictionaries(_KEYS, _LEAVES, max_size=3))
)


@given(_TABLES)
def test_every_key_of_any_file_has_the_line_it_stands_on(table: dict[str, object]) -> None:
    text = tomlkit.dumps(table)
    if tomllib.loads(text) != table:
        return  # What tomlkit writes wrongly is not our concern.
    lines = key_lines(text)
    written = text.split("\n")
    for key, value in table.items():
        line = lines[(key,)]
        assert key not in tomllib.loads("\n".join(written[: line - 1]))
        assert written[line - 1].lstrip("[").startswith(('"', "'", key[0]))
        if isinstance(value, dict):
            assert all(line < lines[(key, inner)] <= len(written) for inner in value)
