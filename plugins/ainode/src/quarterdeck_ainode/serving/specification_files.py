"""From a `file://` URI of a statement to the bytes of a specification, from below trusted folders only.

Whoever may type CREATE MODEL chooses the URI, so the path is hostile: symbolic links are followed before it is compared, and only a plain file of
bounded size is read, once, through the descriptor that was checked.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from quarterdeck_ainode.serving.specification_uri import path_of
from quarterdeck_ainode.serving.specifications import LARGEST_SPECIFICATION
from quarterdeck_api.errors import RefusedError, UsageError

#: The file that is looked for when the URI names a folder.
FILE_NAME = "model.toml"


def read_specification_file(uri: str, trusted: Iterable[Path]) -> bytes:
    """The bytes of the file that a URI names.

    Raises UsageError for a wrong URI or a file that cannot be read, RefusedError for one outside of the trusted folders.
    """
    path = path_of(uri)
    folders = tuple(trusted)
    found = _resolved(path, uri, folders)
    if _is_folder(found):
        found = _resolved(found / FILE_NAME, uri, folders)
    return _read(found, uri)


def _resolved(path: Path, uri: str, trusted: tuple[Path, ...]) -> Path:
    """The path without symbolic links, if it lies in a trusted folder. Where it does not, nothing is said of whether it exists."""
    try:
        found = path.resolve()
        inside = any(found.is_relative_to(folder.resolve()) for folder in trusted)
    except (OSError, RuntimeError):
        inside = False  # A loop of links, or a name that the file system refuses.
        found = path
    if not inside:
        raise RefusedError(
            f"{uri} lies outside of the folders from which this AINode reads specifications: "
            f"{', '.join(str(folder) for folder in trusted)}",
            "copy the specification there, or have whoever starts the AINode trust its folder",
        )
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # A name that is too long, or a folder that may not be looked into: opening says so.


def _read(path: Path, uri: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(
            f"{uri} cannot be read: {error.strerror or error}",
            f"name a file, or a folder with a {FILE_NAME}, on the AINode's machine",
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{uri} is no plain file", f"name a file, or a folder with a {FILE_NAME}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST_SPECIFICATION + 1)
    except OSError as error:
        raise UsageError(f"{uri} cannot be read: {error.strerror or error}", "look at the AINode's machine") from error
    finally:
        os.close(descriptor)
