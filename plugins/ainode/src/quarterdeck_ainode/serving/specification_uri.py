"""The URI of CREATE MODEL: `file:///ABSOLUTE/PATH`, on the machine of the AINode, and nothing else; pure."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from quarterdeck_api.errors import UsageError

_LONGEST_URI = 4096


def path_of(uri: str) -> Path:
    """The path that a URI names; raises UsageError with what is wrong. Which paths may be read is for others to say."""
    wrong = _wrong(uri)
    if wrong:
        raise UsageError(
            f"the URI {uri[:200]!r} cannot be used: {wrong}", "write it as file:///folder/specification.toml"
        )
    return Path(unquote(urlsplit(uri).path))


def _wrong(uri: str) -> str:
    if len(uri) > _LONGEST_URI:
        return f"it is longer than {_LONGEST_URI} characters"
    if not uri.isprintable() or "\0" in unquote(uri):
        return "it has characters that cannot be printed"
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        return str(error)
    if parts.scheme != "file":
        return "only files of the machine on which this AINode runs can be read"
    if parts.netloc not in ("", "localhost"):
        return f"it names the machine {parts.netloc!r}, and only files of this one can be read"
    if parts.query or parts.fragment or not unquote(parts.path).startswith("/"):
        return "it has to be an absolute path and nothing else"
    return ""
