"""Edits of the configuration file: comments, order and everything not meant stay; what cannot be edited is left alone."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.config.settings import Settings
from quarterdeck.config.template import commented_configuration
from quarterdeck.config.writing import (
    backup_file,
    create_configuration,
    edit_configuration,
    put_backend,
    set_disabled,
    take_backend,
)
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError

TEXT = """\
# mine
[runtime]   # about the runtime
max_workers = 4   # four

[backends.yard]  # the yard
type = "plant.tcp"
nodes = [
    "10.0.0.5:6667",  # the first
]

[console]
theme = "light"

# the other one
[backends.field]
type = "plant.tcp"

[[guardrails]]
require = "deny"
"""


@pytest.fixture
def paths(home: Path) -> InstancePaths:
    return instance_paths()


def write(paths: InstancePaths, text: str) -> None:
    paths.config_folder.mkdir(parents=True)
    paths.config_file.write_bytes(text.encode())


def add(paths: InstancePaths, name: str, **body: Any) -> bool:
    return edit_configuration(paths, lambda tables: put_backend(tables, name, {"type": "plant.tcp", **body}))


def test_a_new_file_configures_nothing_and_is_private(paths: InstancePaths) -> None:
    file = create_configuration(paths, commented_configuration())
    loaded = load_settings(paths, environment={})
    assert (loaded.problems, loaded.settings) == ((), Settings())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in paths.config_folder.iterdir()] == ["config.toml"]


def test_each_line_of_a_new_file_is_right_once_it_loses_its_mark(paths: InstancePaths) -> None:
    lines = [line for line in commented_configuration().splitlines() if "PLUGIN.TYPE" not in line]
    settings = [line.removeprefix("# ") if " = " in line and line[-1:] not in ".;" else line for line in lines]
    text = "\n".join(line for line in settings if not line.startswith("#") and line[:8] not in ("password", "read_onl"))
    without_examples = text.replace('actions = ["model.drop"]\nbackends = "prod-*"\nrequire = "type-name"\n', "")
    write(paths, without_examples)
    loaded = load_settings(paths, environment={})
    assert loaded.problems == ()
    assert {"runtime.max_workers", "console.theme", "plugins.disabled"} <= set(loaded.sources)
    assert loaded.settings == Settings()


def test_a_file_that_is_there_is_not_overwritten(paths: InstancePaths) -> None:
    write(paths, TEXT)
    with pytest.raises(RefusedError, match="is there already"):
        create_configuration(paths, "")
    assert paths.config_file.read_text() == TEXT


def test_adding_and_removing_keep_comments_and_order(paths: InstancePaths) -> None:
    write(paths, TEXT)
    assert add(paths, "new", nodes=["a", "b"], password="env:P")
    after = paths.config_file.read_text()
    lines = iter(after.splitlines())
    assert all(line in lines for line in TEXT.splitlines()), "every line is there still, in its order"
    assert tomllib.loads(after)["backends"]["new"] == {
        "type": "plant.tcp",
        "nodes": ["a", "b"],
        "password": "env:P",
    }
    assert backup_file(paths).read_text() == TEXT
    assert edit_configuration(paths, lambda tables: take_backend(tables, "new"))
    assert tomllib.loads(paths.config_file.read_text()) == tomllib.loads(TEXT)
    assert backup_file(paths).read_text() == after


def test_the_first_backend_makes_the_file_and_the_last_one_goes(paths: InstancePaths) -> None:
    assert add(paths, "new")
    assert not backup_file(paths).exists()
    edit_configuration(paths, lambda tables: take_backend(tables, "new"))
    assert tomllib.loads(paths.config_file.read_text()) == {}


def test_a_name_that_is_taken_is_refused_and_nothing_is_written(paths: InstancePaths) -> None:
    write(paths, TEXT)
    with pytest.raises(RefusedError, match="yard"):
        add(paths, "yard")
    assert paths.config_file.read_text() == TEXT
    assert not backup_file(paths).exists()


def test_plugins_are_put_on_the_list_and_taken_off(paths: InstancePaths) -> None:
    write(paths, '[plugins]\ndisabled = [\n  "old",  # since May\n]\n')
    assert edit_configuration(paths, lambda tables: set_disabled(tables, "new", True))
    assert not edit_configuration(paths, lambda tables: set_disabled(tables, "new", True))
    text = paths.config_file.read_text()
    assert tomllib.loads(text) == {"plugins": {"disabled": ["old", "new"]}} and "# since May" in text
    assert edit_configuration(paths, lambda tables: set_disabled(tables, "old", False))
    assert tomllib.loads(paths.config_file.read_text()) == {"plugins": {"disabled": ["new"]}}


@pytest.mark.parametrize("text", ["[runtime\n", "backends = 3\n", "plugins = 3\n", "[plugins]\ndisabled = 3\n"])
def test_what_is_wrong_is_told_and_left_alone(paths: InstancePaths, text: str) -> None:
    write(paths, text)

    def change(tables: Any) -> None:
        set_disabled(tables, "x", True)
        put_backend(tables, "x", {"type": "t"})

    with pytest.raises(UsageError):
        edit_configuration(paths, change)
    assert paths.config_file.read_text() == text


@pytest.mark.parametrize("text", [TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, 'backends = { a = { type = "t" } }\n'])
def test_other_forms_of_a_file_stay_readable(paths: InstancePaths, text: str) -> None:
    write(paths, text)
    before = load_settings(paths, environment={})
    assert add(paths, "new")
    loaded = load_settings(paths, environment={})
    assert loaded.problems == before.problems == ()
    assert set(loaded.settings.backends) == {*before.settings.backends, "new"}


def test_a_link_stays_a_link_and_the_mode_stays(paths: InstancePaths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(TEXT)
    real.chmod(0o640)
    paths.config_folder.mkdir(parents=True)
    paths.config_file.symlink_to(real)
    add(paths, "new")
    assert paths.config_file.is_symlink()
    assert "backends.new" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_made_is_a_sentence(paths: InstancePaths) -> None:
    paths.config_folder.parent.mkdir(parents=True, exist_ok=True)
    paths.config_folder.write_text("a file")
    with pytest.raises(QuarterdeckError, match="cannot be written"):
        add(paths, "new")
