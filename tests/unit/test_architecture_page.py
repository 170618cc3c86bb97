"""The architecture page names files that are there: paths, programs, and the modules of its layout, each in the folder that it is told to be in."""

import re
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAYOUT = PAGE.split("## Where things are", 1)[1].split("```")[1]
FILES = [
    path.relative_to(ROOT)
    for top in ("console", "plugins", "tests", ".ci")
    for path in (ROOT / top).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
] + [path.relative_to(ROOT) for path in ROOT.iterdir()]

_ENTRY = re.compile(r"^(?P<indent> *)(?P<name>[\w./]+|\(\w+\))(?:  +(?P<text>.*))?$")


class Entry(Struct):
    """A line of the layout that names a folder, a file, or in brackets a group of its parent's modules; with all that is said of it."""

    path: Path
    indent: int
    text: str


def entries() -> list[Entry]:
    found: list[Entry] = []
    above: list[Entry] = []
    for line in LAYOUT.strip("\n").splitlines():
        named = _ENTRY.match(line)
        if named is None or len(named["indent"]) > 8:
            found[-1].text += " " + line.strip()
            continue
        indent = len(named["indent"])
        above = [each for each in above if each.indent < indent]
        parent = above[-1].path if above else Path()
        path = parent if named["name"].startswith("(") else parent / named["name"]
        above.append(Entry(path, indent, named["text"] or ""))
        found.append(above[-1])
    return found


def there(path: str) -> bool:
    """Whether a file or folder ends so: `jobs/queue.py` is one below the runtime's package."""
    wanted = Path(path).parts
    return any(
        parts[start : start + len(wanted)] == wanted
        for parts in (file.parts for file in FILES)
        for start in range(len(parts) - len(wanted) + 1)
    )


def named_files() -> set[str]:
    words = {word for text in re.findall(r"`([^`\n]+)`", PAGE) for word in text.split()}
    return {word for word in words if re.fullmatch(r"[\w./]+\.(py|sh|thrift|toml)", word)}


def named_programs() -> set[str]:
    return set(re.findall(r"`python (?:-I -S )?-m ([\w.]+)`", PAGE))


@pytest.mark.parametrize("path", sorted(named_files()))
def test_files_that_the_text_names_are_there(path: str) -> None:
    assert there(path)


@pytest.mark.parametrize("module", sorted(named_programs()))
def test_programs_that_the_text_names_are_there(module: str) -> None:
    path = module.replace(".", "/")
    assert there(f"{path}.py") or there(f"{path}/__main__.py")


@pytest.mark.parametrize("entry", entries(), ids=lambda each: f"{each.path} {each.text[:24]}")
def test_the_layout_names_what_its_folders_have(entry: Entry) -> None:
    path = ROOT / entry.path
    assert path.exists()
    if path.is_dir():
        names = {name for each in path.iterdir() for name in (each.stem, each.name)}
        words = set(re.findall(r"\b(?:[a-z0-9]+_[a-z0-9_]+|\w+\.(?:py|thrift))(?![\w/])", entry.text))
        assert words <= names
