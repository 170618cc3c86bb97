"""Edits of the configuration file that keep its comments and its order: locked, checked, atomic, with a backup of what was there."""

import copy
import fcntl
import os
import stat
import tomllib
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast

from quarterdeck.config.paths import InstancePaths, make_private
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError

Table = MutableMapping[str, Any]

#: Appended to the file's name for the copy of what it held before the last edit.
BACKUP_SUFFIX = ".bak"

_BYTE_ORDER_MARK = "\ufeff"


def backup_file(paths: InstancePaths) -> Path:
    """Where the last edit kept what the configuration file held before."""
    return paths.config_file.with_name(paths.config_file.name + BACKUP_SUFFIX)


def create_configuration(paths: InstancePaths, text: str) -> Path:
    """Writes a configuration file where there is none; raises RefusedError when there is one already."""
    _make_folder(paths)
    try:
        with _locked(paths.config_folder):
            if os.path.lexists(paths.config_file):
                raise RefusedError(
                    f"{paths.config_file} is there already, and is not overwritten", "edit it, or move it away first"
                )
            _replace(paths.config_file, text, 0o600)
    except OSError as error:
        raise _unwritable(paths.config_file, error) from error
    return paths.config_file


def edit_configuration(paths: InstancePaths, change: Callable[[Table], None]) -> bool:
    """Applies a change to the configuration file, which is made when it is not there; False when nothing had to be changed.

    `change` gets the file's tables as mappings and may be called twice. What it raises leaves the file as it is. Raises UsageError when
    the file is not TOML, or is written in a form in which the change cannot be made.
    """
    _make_folder(paths)
    try:
        with _locked(paths.config_folder):
            return _edit(paths, change)
    except OSError as error:
        raise _unwritable(paths.config_file, error) from error


def put_backend(tables: Table, name: str, body: dict[str, Any]) -> None:
    """Adds a backend; raises RefusedError when the file has one of that name."""
    backends = tables.get("backends")
    if backends is None:
        tables["backends"] = {name: body}
        return
    if name in _as_table(backends, "backends"):
        raise RefusedError(
            f"the configuration has a backend {name!r} already",
            f"choose another name, or run `quarterdeck backend remove {name}` first",
        )
    backends[name] = body


def take_backend(tables: Table, name: str) -> None:
    """Removes a backend that the file has."""
    backends = _as_table(tables["backends"], "backends")
    del backends[name]
    if not backends:
        del tables["backends"]


def set_disabled(tables: Table, plugin: str, disabled: bool) -> None:
    """Puts a plugin on the list of disabled ones, or takes it off; what is there stays in its order."""
    section = _as_table(tables.get("plugins", {}), "plugins")
    listed = section.get("disabled", [])
    if not isinstance(listed, list):
        raise UsageError("plugins.disabled is not a list", 'write disabled = ["PLUGIN"] below [plugins]')
    names = cast("list[Any]", listed)
    if (plugin in names) == disabled:
        return
    if "plugins" not in tables:
        tables["plugins"] = {"disabled": [plugin]}
    elif "disabled" not in section:
        section["disabled"] = [plugin]
    elif disabled:
        names.append(plugin)
    else:
        while plugin in names:
            names.remove(plugin)


def _edit(paths: InstancePaths, change: Callable[[Table], None]) -> bool:
    import tomlkit  # Imported here: it costs start-up time that only an edit needs.
    from tomlkit.exceptions import TOMLKitError

    file = paths.config_file.resolve()  # A link, as dotfile managers make them, stays a link.
    before = _read(file)
    text = before.removeprefix(_BYTE_ORDER_MARK)
    expected = _parsed(text, paths.config_file)
    plain = copy.deepcopy(expected)
    change(plain)
    if plain == expected:
        return False
    after, made = "", None
    try:
        document = tomlkit.parse(text)
        change(document)
        after = before[: len(before) - len(text)] + tomlkit.dumps(document)
        made = tomllib.loads(after.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n"))
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, ValueError):
        pass  # What was not made is not equal to what is wanted.
    if made != plain:  # Better no edit than one that changes what the user has not asked for.
        raise UsageError(
            f"{paths.config_file} is written in a form in which this cannot be changed safely", "edit the file by hand"
        )
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
    if before:
        _replace(backup_file(paths), before, mode)
    _replace(file, after, mode)
    return True


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text", "correct it first, see `quarterdeck config validate`") from None


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{file} is not TOML: {error}", "correct it first, see `quarterdeck config validate`"
        ) from None


def _as_table(value: Any, name: str) -> Table:
    if not isinstance(value, MutableMapping):
        raise UsageError(f"{name} is not a table in the configuration", "see `quarterdeck config validate`")
    return cast(Table, value)


def _make_folder(paths: InstancePaths) -> None:
    try:
        if not paths.config_folder.is_dir():
            make_private(paths.config_folder)
    except OSError as error:
        raise _unwritable(paths.config_file, error) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one edit at a time happen; the lock is on the folder, since the file itself is replaced."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(file: Path, text: str, mode: int) -> None:
    """Writes the file aside, syncs it, and puts it in place in one step."""
    with NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name}.", delete=False) as stream:
        aside = Path(stream.name)
        try:
            stream.write(text.encode())
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
            aside.replace(file)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def _unwritable(file: Path, error: OSError) -> QuarterdeckError:
    return QuarterdeckError(
        f"{file} cannot be written: {error.strerror}", "check the rights of the file and of its folder"
    )
