"""What the server asks of a new model before it passes it on to the AINode: its id and its URI, checked here so that the reason is a sentence."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from quarterdeck_api.errors import UsageError

#: What a DataNode accepts (2.0.10): letters, digits and `_`, a letter first, 2 to 64 of them.
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,63}", re.ASCII)
#: Characters that java.net.URI refuses; others than ASCII are fine.
_NOT_IN_URIS = re.compile(r'[\s"<>\\^`{|}\x00-\x1f\x7f]')
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

#: Files of which an AINode makes a model: ours reads a specification, the official one weights with their configuration.
OUR_FILE = "model.toml"
OFFICIAL_FILES = ("config.json", "model.safetensors")


class UriPath(Struct, frozen=True):
    """The path that a `file://` URI names; empty for other kinds of URI."""

    path: str


def check_model_id(model: str) -> None:
    """Raises UsageError with what the server would refuse about the id of a new model."""
    if _ID.fullmatch(model):
        return
    if not 2 <= len(model) <= 64:
        why = f"it has {len(model)} characters"
    elif not re.match(r"[A-Za-z]", model):
        why = f"it begins with {model[0]!r}"
    else:
        wrong = next(each for each in model if not re.match(r"[A-Za-z0-9_]", each, re.ASCII))
        why = f"it holds {wrong!r}"
    raise UsageError(
        f"{model!r} cannot be a model's id: {why}",
        "use 2 to 64 letters, digits and `_`, a letter first, as in demand_arima",
    )


def check_uri(uri: str) -> UriPath:
    """Raises UsageError unless the server could read the URI and the AINode might; gives its path."""
    remedy = "write an absolute one, as file:///srv/models/mine"
    wrong = _NOT_IN_URIS.search(uri)
    if wrong:
        shown = "a blank" if wrong[0] == " " else repr(wrong[0])
        raise UsageError(f"{uri!r} holds {shown}, which no URI may", f"write it as %{ord(wrong[0]):02X}")
    if _BAD_ESCAPE.search(uri):
        raise UsageError(f"{uri!r} holds a % that is not followed by two hexadecimal digits", "write a plain % as %25")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise UsageError(f"{uri!r} is no URI", remedy) from None
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise UsageError(
                f"{uri!r} names the machine {parts.netloc!r}; an AINode reads files of its own machine only",
                "write file:/// with three slashes before the path",
            )
        path = unquote(parts.path)
        if not path.startswith("/") or "\0" in path:
            raise UsageError(f"{uri!r} names no absolute path", remedy)
        return UriPath(path)
    if not parts.scheme:
        hint = f"write file://{uri}" if uri.startswith("/") else remedy
        raise UsageError(f"{uri!r} is a path and no URI", hint)
    raise UsageError(
        f"AINodes of IoTDB 2.0.8 and later take file:// URIs only, and this is one of {parts.scheme}",
        "copy the files to the AINode's machine, and give their folder as file:///…",
    )


def check_trusted(uri: str, pattern: str) -> str:
    """Raises UsageError when the server's `trusted_uri_pattern` refuses a URI; gives a notice where that cannot be told here.

    The pattern is one of Java, and the whole URI has to match it.
    """
    try:
        trusted = re.fullmatch(pattern, uri)
    except re.error:
        return f"whether the server's trusted_uri_pattern {pattern} accepts the URI cannot be told here"
    if trusted:
        return ""
    raise UsageError(
        f"the server accepts only URIs that match {pattern} (trusted_uri_pattern), and {uri} does not",
        "give another URI, or widen the pattern with node.set-configuration on a DataNode",
    )


def check_files(path: str, ours: bool) -> None:
    """Raises UsageError when there is nothing at a path of this machine of which the AINode could make a model."""
    found = Path(path)
    try:
        if not found.exists():
            raise UsageError(f"{path} does not exist on this machine, where the AINode runs", "correct the URI")
        if ours:
            _check_ours(found)
        else:
            _check_official(found)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}", "give the AINode's user the right to read it"
        ) from error


def _check_ours(found: Path) -> None:
    if found.is_dir() and not (found / OUR_FILE).is_file():
        raise UsageError(f"{found} has no {OUR_FILE}", f"name a specification, or a folder with a {OUR_FILE}")


def _check_official(found: Path) -> None:
    if not found.is_dir():
        raise UsageError(f"{found} is no folder", f"name the folder with {' and '.join(OFFICIAL_FILES)}")
    missing = [name for name in OFFICIAL_FILES if not (found / name).is_file()]
    if missing:
        raise UsageError(
            f"{found} lacks {' and '.join(missing)}, of which the official AINode makes a model", "complete the folder"
        )
