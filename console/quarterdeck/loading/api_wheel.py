"""A wheel of quarterdeck-api made out of its installed files: environments of plugins get exactly the running one, whatever an index has."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import quarterdeck_api
from quarterdeck_api import __version__

_WHEEL_TEXT = "Wheel-Version: 1.0\nGenerator: quarterdeck\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

#: The time of every file in the wheel, so that the same files make the same wheel; the earliest that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_api_wheel(folder: Path) -> Path:
    """Writes the wheel into a folder; installed as an editable or from a wheel, the package's own files are what counts."""
    information = f"quarterdeck_api-{__version__}.dist-info"
    files = [*_package_files(), (f"{information}/METADATA", _metadata().encode())]
    files.append((f"{information}/WHEEL", _WHEEL_TEXT.encode()))
    record = "".join(f"{name},{_digest(content)},{len(content)}\n" for name, content in files)
    files.append((f"{information}/RECORD", f"{record}{information}/RECORD,,\n".encode()))
    wheel = folder / f"quarterdeck_api-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files:
            packed.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    return wheel


def _package_files() -> Iterator[tuple[str, bytes]]:
    package = Path(quarterdeck_api.__path__[0])
    for file in sorted(package.rglob("*")):
        inside = file.relative_to(package.parent)
        if file.is_file() and "__pycache__" not in inside.parts:
            yield inside.as_posix(), file.read_bytes()


def _metadata() -> str:
    """Name, version and requirements as installed; a version that an editable install has outlived is written anew."""
    found = distribution("quarterdeck-api").metadata
    lines = ["Metadata-Version: 2.1", "Name: quarterdeck-api", f"Version: {__version__}"]
    lines += [f"{key}: {value}" for key in ("Requires-Python", "Requires-Dist") for value in found.get_all(key) or ()]
    return "\n".join(lines) + "\n"


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
