"""The documents say what is there: links, images, commands, options, keys and configuration are compared with the program."""

import re
from pathlib import Path

import click
import pytest

from quarterdeck.cli.main import root as program
from quarterdeck.config.files import load_settings
from quarterdeck.config.paths import instance_paths
from quarterdeck.tui.keys import SHELL_BINDINGS
from quarterdeck.tui.panes import PANES

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IMAGES = sorted((ROOT / "docs" / "images").glob("*.svg"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", [*DOCUMENTS, *IMAGES], ids=name_of)
def test_nothing_of_the_machine_that_made_it_is_in_it(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:root|work|tmp)/\w+|/home/\w+/|localhost:\d+|://[^/\s]*:\d+@?", text)


@pytest.mark.parametrize("image", IMAGES, ids=name_of)
def test_images_are_used_and_ask_nobody_for_anything(image: Path) -> None:
    assert any(image.name in document.read_text(encoding="utf-8") for document in DOCUMENTS)
    text = image.read_text(encoding="utf-8")
    assert 'url("http' not in text and "<script" not in text


def documented_commands() -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = "".join(re.findall(r"^```(?:sh|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        for line in re.findall(r"^(?:\$ )?quarterdeck (.*)$", blocks, re.MULTILINE):
            found.append((document.name, line.split("#")[0].split("|")[0].split("2>")[0].split()))
    return found


@pytest.mark.parametrize(("document", "words"), documented_commands())
def test_documented_commands_and_options_exist(document: str, words: list[str]) -> None:
    command: click.Command = program
    context = click.Context(program)
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        if found is None:
            break
        command, rest = found, rest[1:]
    assert command is not program or not words, f"{document}: quarterdeck {' '.join(words)}"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h"}
    if not command.context_settings.get("ignore_unknown_options"):  # Else options come from the action, too.
        for word in rest:
            assert not word.startswith("-") or word.split("=")[0] in known, f"{document}: {word} of {words}"


def test_documented_keys_of_panes_are_those_of_the_console() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\d)` (\w+) \|", guide, re.MULTILINE)
    assert rows == [(pane.key, pane.name) for pane in PANES]
    shown = " ".join(re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE))
    for binding in SHELL_BINDINGS:
        if not (binding.id or "").startswith("pane."):
            key = binding.key_display or {"escape": "esc"}.get(binding.key, binding.key)
            assert f"`{key}`" in shown, f"the guide does not tell of {key} ({binding.description})"


def test_the_configuration_of_the_guide_is_right(home: Path) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    paths = instance_paths()
    paths.config_file.parent.mkdir(parents=True)
    for text in (*others, first):
        paths.config_file.write_text(text, encoding="utf-8")
        loaded = load_settings(paths)
        assert loaded.problems == (), text
    assert loaded.settings.console.theme == "light" and loaded.settings.runtime.read_only
