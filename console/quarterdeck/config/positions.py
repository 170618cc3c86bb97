"""On which line of a TOML text each key stands; tomllib does not tell.

The text must be one that tomllib accepts: the scanner follows structure and does not check it again. Keys inside of an inline table or an
array count as standing where the value begins.
"""

import re
import tomllib

Path = tuple[str | int, ...]

_KEY_PART = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+)\s*')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|\n', re.DOTALL
)


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table and key by its path; elements of an array of tables have their index in the path."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    position = 0
    while position < len(text):
        end = _statement_end(text, position)
        statement = text[position:end].strip()
        line = text.count("\n", 0, position + len(text[position:end]) - len(text[position:end].lstrip())) + 1
        if statement.startswith("[["):
            inner = _indexed(_parts(statement[2:])[0], counts)
            counts[inner] = counts.get(inner, -1) + 1
            table = (*inner, counts[inner])
            lines.setdefault(table, line)
            lines.setdefault(inner, line)
        elif statement.startswith("["):
            table = _indexed(_parts(statement[1:])[0], counts)
            lines.setdefault(table, line)
        elif statement and not statement.startswith("#"):
            parts, rest = _parts(statement)
            for depth in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:depth]), line)
            _inline_keys(rest.removeprefix("=").strip(), (*table, *parts), line, lines)
        position = end + 1
    return lines


def _statement_end(text: str, start: int) -> int:
    """Where the statement that begins at `start` ends: the first line break outside of strings and brackets."""
    depth = 0
    for match in _STRING.finditer(text, start):
        token = match.group()
        if token in ("[", "{"):
            depth += 1
        elif token in ("]", "}"):
            depth -= 1
        elif token == "\n" and depth <= 0:
            return match.start()
    return len(text)


def _parts(text: str) -> tuple[tuple[str, ...], str]:
    """The parts of a dotted key and the text after it."""
    parts: list[str] = []
    position = 0
    while match := _KEY_PART.match(text, position):
        parts.append(_key(match.group(1)))
        position = match.end()
        if text[position : position + 1] != ".":
            break
        position += 1
    return tuple(parts), text[position:]


def _key(text: str) -> str:
    """A part of a key as it is meant; escapes in quoted ones are left to tomllib."""
    return next(iter(tomllib.loads(f"{text} = 0"))) if text[0] in "\"'" else text


def _indexed(parts: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A table's path in which arrays of tables on the way stand with the index of their latest element."""
    path: Path = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if index < len(parts) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def _inline_keys(value: str, path: Path, line: int, lines: dict[Path, int]) -> None:
    """Keys of an inline table get the line of the statement."""
    if not value.startswith("{"):
        return
    for match in re.finditer(r"[{,]\s*([A-Za-z0-9_-]+)\s*=", value):
        lines.setdefault((*path, match.group(1)), line)
