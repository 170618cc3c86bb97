"""Writes a new plugin from the template beside this module: a project that installs and passes its tests as it is."""

import re
from importlib.resources import files
from pathlib import Path, PurePosixPath

from msgspec import Struct

from quarterdeck_api import API_VERSION, __version__
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError
from quarterdeck_api.resources import CORE

_ID = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]|[a-z]")

#: Template file to its place in the project; `@MODULE@` there is the package's name.
_PLACES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
    "package.py.txt": "src/@MODULE@/__init__.py",
    "plugin.py.txt": "src/@MODULE@/plugin.py",
    "parameters.py.txt": "src/@MODULE@/parameters.py",
    "readings.py.txt": "src/@MODULE@/readings.py",
    "backend.py.txt": "src/@MODULE@/backend.py",
    "jobs.py.txt": "src/@MODULE@/jobs.py",
    "watcher.py.txt": "src/@MODULE@/watcher.py",
    "test_declaring.py.txt": "tests/test_declaring.py",
    "test_contract.py.txt": "tests/test_contract.py",
    "test_readings.py.txt": "tests/test_readings.py",
}


class NewPlugin(Struct, frozen=True):
    """The names of a new plugin."""

    id: str

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return f"quarterdeck-{self.id}"

    @property
    def module(self) -> str:
        """Its package."""
        return self.distribution.replace("-", "_")

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.id.replace("-", " ").capitalize()


def new_plugin(name: str) -> NewPlugin:
    """The names that a plugin gets; raises UsageError for a name that no plugin can have."""
    if not _ID.fullmatch(name) or "--" in name:
        raise UsageError(f"{name!r} is no plugin id", "use lower-case letters, digits and '-', a letter first")
    if name in (CORE, "api"):
        raise UsageError(f"the name {name!r} is reserved for Quarterdeck itself", "choose another one")
    return NewPlugin(name)


def rendered(plugin: NewPlugin) -> dict[PurePosixPath, str]:
    """Every file of the project with its text, by its path in it."""
    major, minor = (int(part) for part in __version__.split(".")[:2])
    words = {
        "@ID@": plugin.id,
        "@DISTRIBUTION@": plugin.distribution,
        "@MODULE@": plugin.module,
        "@TITLE@": plugin.title,
        "@API@": API_VERSION,
        "@API_LOW@": f"{major}.{minor}",
        "@API_HIGH@": f"{major}.{minor + 1}",
    }
    template = files("quarterdeck.loading").joinpath("template")
    return {
        PurePosixPath(_filled(place, words)): _filled(template.joinpath(name).read_text(encoding="utf-8"), words)
        for name, place in _PLACES.items()
    }


def write_plugin(plugin: NewPlugin, folder: Path) -> list[Path]:
    """Writes the project into a folder that is empty or not there; raises RefusedError or QuarterdeckError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError(f"{folder} is there already, and not empty", "name another folder with --folder")
    written: list[Path] = []
    try:
        for place, text in rendered(plugin).items():
            file = folder / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            written.append(file)
    except OSError as error:
        raise QuarterdeckError(f"{folder} cannot be written: {error.strerror}", "check its rights") from error
    return written


def _filled(text: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text
