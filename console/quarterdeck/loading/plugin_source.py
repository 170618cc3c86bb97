"""Where a plugin comes from: a wheel, an archive, a folder with its project, or a name that a package index knows."""

import re
import zipfile
from pathlib import Path

from msgspec import Struct

from quarterdeck.loading.discovery import GROUP
from quarterdeck_api.errors import UsageError

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*([~=!<>].*|@.*)?")
_ARCHIVES = (".whl", ".tar.gz", ".zip")


class PluginSource(Struct, frozen=True):
    """`text` is what pip is given: an absolute path, or a requirement. `distribution` is its name where the text tells it."""

    text: str
    distribution: str = ""

    def check(self) -> None:
        """Raises UsageError for a wheel that is damaged or is no plugin, before anything is done with it."""
        if not self.text.endswith(".whl"):
            return
        try:
            with zipfile.ZipFile(self.text) as packed:
                names = [name for name in packed.namelist() if name.endswith(".dist-info/entry_points.txt")]
                text = packed.read(names[0]).decode() if names else ""
        except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise UsageError(
                f"{self.text} is no wheel that can be read: {error}", "build or download it again"
            ) from error
        if f"[{GROUP}]" not in text:
            raise UsageError(
                f"{Path(self.text).name} is no plugin: it has no entry point in {GROUP}",
                "name the wheel of a Quarterdeck plugin",
            )


def plugin_source(text: str, folder: Path) -> PluginSource:
    """What the user wrote, with paths made absolute from `folder`; raises UsageError when it is neither there nor a requirement."""
    if text.startswith("-"):
        raise UsageError(f"{text!r} is no plugin", "name a wheel, a folder or a distribution")
    path = (folder / Path(text).expanduser()).resolve()
    if path.is_file() and text.endswith(_ARCHIVES):
        return PluginSource(str(path), _wheel_distribution(path))
    if path.is_dir() and ("/" in text or (path / "pyproject.toml").is_file()):
        if not (path / "pyproject.toml").is_file():
            raise UsageError(f"{path} has no pyproject.toml", "name the folder of the plugin's project")
        return PluginSource(str(path))
    if text.endswith(_ARCHIVES) or text.startswith((".", "/", "~")):
        raise UsageError(f"there is no {path}", "name a wheel, a folder or a distribution")
    found = _REQUIREMENT.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no name of a distribution", "name a wheel, a folder or a distribution")
    return PluginSource(text.strip(), found.group(1))


def _wheel_distribution(path: Path) -> str:
    return path.name.split("-")[0].replace("_", "-") if path.suffix == ".whl" else ""
