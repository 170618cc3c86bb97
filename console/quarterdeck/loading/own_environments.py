"""Environments that plugins have of their own: one folder for each distribution, in it one for each generation, and which one is in use.

An upgrade makes a new generation beside the one in use and then switches over, so that what still runs keeps its files until it ends.
"""

import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from quarterdeck.loading.atomic_file import read_cached, write_cached
from quarterdeck.loading.names import canonical
from quarterdeck_api import __version__
from quarterdeck_api.errors import QuarterdeckError, RefusedError

_LOCK = "lock"
_CURRENT = "current.json"
_GENERATION_PREFIX = "env-"


class OwnEnvironment(Struct, frozen=True):
    """The generation in use of a distribution's environment. `source` is what was installed; `api` the version of quarterdeck-api in it."""

    distribution: str
    version: str
    generation: str
    source: str
    api: str


class OwnEnvironments:
    """The folder with the environments of an instance; nothing is created by naming it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Held while plugins are installed, upgraded or removed; raises RefusedError while somebody else holds it."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise QuarterdeckError(f"{self.folder} cannot be used: {error.strerror}", "check its rights") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RefusedError("plugins are being changed by another command", "try again when it has ended") from None
        try:
            yield
        finally:
            os.close(descriptor)

    def all(self) -> tuple[OwnEnvironment, ...]:
        """Every environment in use, by distribution."""
        found = (read_cached(file, OwnEnvironment) for file in sorted(self.folder.glob(f"*/{_CURRENT}")))
        return tuple(each for each in found if each is not None)

    def get(self, distribution: str) -> OwnEnvironment | None:
        """The environment in use of a distribution."""
        return read_cached(self._home(distribution) / _CURRENT, OwnEnvironment)

    def marks(self) -> tuple[Path, ...]:
        """The files that change whenever an environment comes, changes or goes."""
        return (self.folder, *sorted(self.folder.glob(f"*/{_CURRENT}")))

    def generation_folder(self, environment: OwnEnvironment) -> Path:
        """Where the files of the environment are."""
        return self._home(environment.distribution) / environment.generation

    def python(self, environment: OwnEnvironment) -> Path:
        """The environment's interpreter."""
        return _python(self.generation_folder(environment))

    def site_packages(self, environment: OwnEnvironment) -> Path:
        """Where its distributions are."""
        return site_packages(self.generation_folder(environment))

    def create(self, distribution: str) -> tuple[str, Path]:
        """Makes an empty virtual environment for a distribution, not in use yet: its generation and its interpreter.

        Raises QuarterdeckError when it cannot be made.
        """
        import subprocess  # Imported here, as below: whoever only looks for plugins needs neither.

        home = self._home(distribution)
        numbers = [_number(each) for each in home.glob(f"{_GENERATION_PREFIX}*")]
        generation = f"{_GENERATION_PREFIX}{max(numbers, default=0) + 1}"
        folder = home / generation
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir()
            made = subprocess.run(
                [sys.executable, "-P", "-m", "venv", "--without-pip", str(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise QuarterdeckError(
                f"no environment can be made in {folder}: {error.strerror}", "check the rights and the space there"
            ) from error
        if made.returncode:
            words = (made.stderr or made.stdout).strip().splitlines()[-1:] or ["it says nothing"]
            remedy = "install Python's venv module; on Debian `apt install python3-venv`"
            raise QuarterdeckError(f"no environment can be made in {folder}: {words[0]}", remedy)
        return generation, _python(folder)

    def use(self, distribution: str, version: str, generation: str, source: str) -> OwnEnvironment:
        """Switches over to a generation; raises QuarterdeckError when that cannot be written down."""
        environment = OwnEnvironment(distribution, version, generation, source, __version__)
        if not write_cached(self._home(distribution) / _CURRENT, environment):
            raise QuarterdeckError(
                f"{self._home(distribution)} cannot be written", "check the rights and the space there"
            )
        return environment

    def forget(self, distribution: str) -> None:
        """The distribution is no longer in use; its files are `abandoned` once nothing runs in them."""
        (self._home(distribution) / _CURRENT).unlink(missing_ok=True)

    def unused(self) -> tuple[Path, ...]:
        """The folders of generations that are not in use."""
        used = {self.generation_folder(each) for each in self.all()}
        return tuple(each for each in sorted(self.folder.glob(f"*/{_GENERATION_PREFIX}*")) if each not in used)

    def abandoned(self) -> tuple[Path, ...]:
        """The folders of generations that are not in use and in which no process runs; none while plugins are being changed."""
        try:
            with self.changing():
                candidates = self.unused()
                running = _running_programs() if candidates else set[str]()
        except RefusedError:
            return ()
        return tuple(
            each for each in candidates if not any(program.startswith(f"{each}{os.sep}") for program in running)
        )

    def remove(self, generations: Iterable[Path]) -> None:
        """Removes generations, and a distribution's folder with the last one; what cannot be removed is tried again later."""
        import shutil

        for each in generations:
            shutil.rmtree(each, ignore_errors=True)
            if each.parent.is_dir() and not any(each.parent.iterdir()):
                each.parent.rmdir()

    def _home(self, distribution: str) -> Path:
        return self.folder / canonical(distribution)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def site_packages(folder: Path) -> Path:
    """Where the distributions of a virtual environment of this Python are."""
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _number(folder: Path) -> int:
    text = folder.name.removeprefix(_GENERATION_PREFIX)
    return int(text) if text.isdecimal() else 0


def _running_programs() -> set[str]:
    """The programs that this user's processes were started as; an environment's interpreter is a link, so its name is what tells."""
    import psutil  # Imported here: only who removes environments needs it.

    found: set[str] = set()
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"]
        if arguments:
            found.add(str(arguments[0]))
    return found
