"""Runs pip on an environment, with its resolver's answer as data; it need not be installed there."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct

from quarterdeck.loading.installation import EnvironmentFacts, Verb, pip_command
from quarterdeck_api.errors import QuarterdeckError, RefusedError

_SYSTEM_WHEELS = Path("/usr/share/python-wheels")  # Debian takes pip out of ensurepip and puts it here.
_TAIL_LINES = 6


class PipConflictError(QuarterdeckError):
    """The resolver says that the requirements cannot hold together."""

    code = "conflict"


class _Metadata(Struct, frozen=True):
    name: str
    version: str


class _ReportedItem(Struct, frozen=True):
    metadata: _Metadata
    requested: bool = False


class _Report(Struct, frozen=True):
    install: tuple[_ReportedItem, ...]


class ResolvedItem(Struct, frozen=True):
    """A distribution that would be installed; `requested` when the user named it."""

    name: str
    version: str
    requested: bool


class Pip(Struct, frozen=True):
    """A pip that can be run: the module of this interpreter, or with `wheel` one that is run out of its wheel."""

    wheel: str = ""

    def arguments(self, python: str) -> list[str]:
        """The command line that runs it on the environment of an interpreter."""
        if self.wheel:
            return [python, str(Path(self.wheel) / "pip")]
        aside = [] if python == sys.executable else ["--python", python]
        return [sys.executable, "-P", "-m", "pip", *aside]


def find_pip(facts: EnvironmentFacts) -> Pip:
    """This environment's pip, else the one that Python ships; raises RefusedError that says what to install."""
    if facts.pip:
        return Pip()
    bundled = find_spec("ensurepip")
    folders = [Path(bundled.origin).parent / "_bundled"] if bundled is not None and bundled.origin else []
    for folder in (*folders, _SYSTEM_WHEELS):
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            return Pip(str(wheel))
    raise RefusedError(
        "there is no pip with which plugins could be installed",
        f"type `{pip_command(facts, Verb.INSTALL, ['pip'])}` and try again; on Debian `apt install python3-pip` helps",
    )


def resolve(pip: Pip, python: str, words: Sequence[str], constraints: Iterable[str]) -> tuple[ResolvedItem, ...]:
    """What `pip install WORDS` would install into the interpreter's environment within the constraints; nothing is changed.

    Raises PipConflictError when the requirements contradict the constraints or one another, QuarterdeckError with pip's words otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as folder:
        report = Path(folder) / "report.json"
        _install(pip, python, ["--dry-run", "--report", str(report), *words], constraints, Path(folder))
        try:
            found = msgspec.json.decode(report.read_bytes(), type=_Report)
        except (OSError, msgspec.MsgspecError) as error:
            raise QuarterdeckError(
                f"pip's report cannot be read: {error}", "install pip 23 or later in this environment"
            ) from error
    return tuple(ResolvedItem(each.metadata.name, each.metadata.version, each.requested) for each in found.install)


def install(
    pip: Pip,
    python: str,
    words: Sequence[str],
    constraints: Iterable[str],
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Installs within the constraints; `tell` gets pip's output, line by line. Raises as `resolve` does."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as folder:
        _install(pip, python, words, constraints, Path(folder), tell)


def uninstall(pip: Pip, python: str, names: Sequence[str], tell: Callable[[str], None] = lambda _: None) -> None:
    """Removes distributions; raises QuarterdeckError with pip's words."""
    _run([*pip.arguments(python), "uninstall", "--yes", *names], tell)


def _install(
    pip: Pip,
    python: str,
    words: Sequence[str],
    constraints: Iterable[str],
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    file = folder / "constraints.txt"
    file.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
    _run([*pip.arguments(python), "install", "--constraint", str(file), *words], tell)


def _run(arguments: Sequence[str], tell: Callable[[str], None]) -> None:
    """Runs pip with this process's environment, which says which index and certificates it uses."""
    environment = {
        **os.environ,
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COLOR": "1",
        "PIP_PROGRESS_BAR": "off",
    }
    environment.pop("PYTHONPATH", None)
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=tempfile.gettempdir(),
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise QuarterdeckError(f"pip cannot be started: {error.strerror}", "see `quarterdeck doctor`") from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            tell(line.rstrip())
    if process.returncode:
        raise pip_error(lines)


def pip_error(lines: Sequence[str]) -> QuarterdeckError:
    """What pip's output says that went wrong, as an error."""
    said = [line for line in lines if line.strip()]
    if any("ResolutionImpossible" in line for line in said):
        causes = [
            line.strip() for line in said if "depends on" in line or "(constraint)" in line or "requested" in line
        ]
        return PipConflictError(
            f"its requirements do not fit: {'; '.join(dict.fromkeys(causes)) or 'pip finds no versions that fit'}",
            "install a release of the plugin that fits, or give it an environment of its own with --own-environment",
        )
    errors = [line.removeprefix("ERROR:").strip() for line in said if line.startswith("ERROR:")]
    words = "; ".join(dict.fromkeys(errors)) or " / ".join(said[-_TAIL_LINES:]) or "it says nothing"
    return QuarterdeckError(f"pip says: {words}", "check the name, and that the package index can be reached")
