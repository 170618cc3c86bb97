"""Where an instance keeps its files: `QUARTERDECK_HOME` selects a complete, separate instance, else the platform's folders."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from quarterdeck_api.errors import QuarterdeckError

HOME_VARIABLE = "QUARTERDECK_HOME"

#: `sockaddr_un.sun_path` holds 104 bytes on macOS and 108 on Linux; guards' sockets need a longer name than the runtime's.
_SOCKET_PATH_LIMIT = 100
_LONGEST_SOCKET_NAME = len("/guards/0123456789abcdef.sock")


class InstancePaths(NamedTuple):
    """Every file and folder of an instance; nothing is created by naming it."""

    home: str
    config_folder: Path
    state_folder: Path
    cache_folder: Path
    socket_folder: Path

    @property
    def config_file(self) -> Path:
        """The one configuration file."""
        return self.config_folder / "config.toml"

    @property
    def lock(self) -> Path:
        """Held as a file lock by the runtime for life."""
        return self.state_folder / "runtime.lock"

    @property
    def database(self) -> Path:
        """Jobs, journal, timeline, datasets."""
        return self.state_folder / "state.db"

    @property
    def datasets(self) -> Path:
        """Parquet files of datasets."""
        return self.state_folder / "datasets"

    @property
    def artefacts(self) -> Path:
        """One folder for each job with artefacts."""
        return self.state_folder / "artefacts"

    @property
    def spool(self) -> Path:
        """One folder for each attempt, until its result is committed."""
        return self.state_folder / "spool"

    @property
    def environments(self) -> Path:
        """Virtual environments of plugins that have one of their own."""
        return self.state_folder / "environments"

    @property
    def leases(self) -> Path:
        """One locked file for each running attempt."""
        return self.state_folder / "leases"

    @property
    def logs(self) -> Path:
        """Logs of the runtime, hosts, workers and jobs."""
        return self.state_folder / "logs"

    @property
    def catalogues(self) -> Path:
        """What plugins declared, cached."""
        return self.cache_folder / "catalogues"

    @property
    def socket(self) -> Path:
        """Where the runtime listens."""
        return self.socket_folder / "runtime.sock"

    @property
    def guards(self) -> Path:
        """Sockets and identities of guards of workers."""
        return self.socket_folder / "guards"

    @property
    def process_guards(self) -> Path:
        """Sockets and identities of guards of managed processes."""
        return self.socket_folder / "procs"

    @property
    def host_sockets(self) -> Path:
        """Where hosts listen for their managed processes."""
        return self.socket_folder / "hosts"


def instance_paths(environment: dict[str, str] | None = None) -> InstancePaths:
    """The paths of the instance that the environment selects.

    Raises QuarterdeckError when the folder for the socket belongs to somebody else.
    """
    variables = dict(os.environ) if environment is None else environment
    home = variables.get(HOME_VARIABLE, "")
    if home:
        root = Path(home).expanduser().absolute()
        return InstancePaths(
            str(root), root / "config", root / "state", root / "cache", _socket_folder(root / "run", str(root))
        )
    from platformdirs import PlatformDirs  # Imported here: it costs start-up time that a selected home does not need.

    folders = PlatformDirs("quarterdeck", appauthor=False)
    runtime = variables.get("XDG_RUNTIME_DIR", "")
    wanted = Path(runtime) / "quarterdeck" if runtime and Path(runtime).is_dir() else None
    return InstancePaths(
        "",
        Path(folders.user_config_dir),
        Path(folders.user_state_dir),
        Path(folders.user_cache_dir),
        _socket_folder(wanted, folders.user_state_dir),
    )


def make_private(folder: Path) -> Path:
    """Makes a folder that only its owner can enter; raises QuarterdeckError when it belongs to somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise QuarterdeckError(
            f"{folder} does not belong to you, so sockets in it could be somebody else's",
            "remove it, or set QUARTERDECK_HOME to a folder of your own",
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _socket_folder(wanted: Path | None, instance: str) -> Path:
    if wanted is not None and len(os.fsencode(wanted)) + _LONGEST_SOCKET_NAME <= _SOCKET_PATH_LIMIT:
        return wanted
    import hashlib  # Imported here: they cost start-up time that a short path does not need.
    import tempfile

    digest = hashlib.sha256(instance.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"quarterdeck-{os.getuid()}" / digest
