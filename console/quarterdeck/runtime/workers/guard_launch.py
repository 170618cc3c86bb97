"""How a guard is started: its files, the worker's command line and the environment that both get."""

import logging
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from quarterdeck.config.log_files import open_log
from quarterdeck.config.paths import InstancePaths
from quarterdeck.runtime.workers import guard
from quarterdeck.runtime.workers.process_sessions import boot_id
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.worker_protocol import WORKER_FD_VARIABLE, ChildExited, GuardIdentity

T = TypeVar("T")

_log = logging.getLogger(__name__)

#: One thread each: several workers share the machine, and every library counts all of its cores for itself.
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "QUARTERDECK_HOME", "VIRTUAL_ENV")


class GuardFiles(Struct, frozen=True):
    """The files of one guard in the instance's `guards` folder; `name` is 16 hexadecimal digits."""

    folder: Path
    name: str

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.name}.sock"

    @property
    def identity(self) -> Path:
        """Who it and its worker are; a GuardIdentity."""
        return self.folder / f"{self.name}.json"

    @property
    def exit(self) -> Path:
        """How its worker ended; a ChildExited."""
        return self.folder / f"{self.name}.exit.json"

    @property
    def plan(self) -> Path:
        """What it is to do; gone once it has read it."""
        return self.folder / f"{self.name}.plan.json"

    def read_identity(self) -> GuardIdentity | None:
        """The identity, or None when the guard ended before it wrote one."""
        return self.read(self.identity, GuardIdentity)

    def read_exit(self) -> ChildExited | None:
        """How the worker ended, or None when the guard did not say."""
        return self.read(self.exit, ChildExited)

    def read(self, path: Path, kind: type[T]) -> T | None:
        """One of the files; None when it is not there, or damaged."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            _log.error("%s is damaged and is not used: %s", path, error)
            return None

    def remove(self) -> None:
        """Removes all of them."""
        for path in self.folder.glob(f"{self.name}.*"):
            path.unlink(missing_ok=True)


def existing_guards(folder: Path) -> list[GuardFiles]:
    """Every guard that has left a file in the folder, dead or alive."""
    return [GuardFiles(folder, name) for name in sorted({path.name.partition(".")[0] for path in folder.glob("*.*")})]


def new_guard_files(folder: Path) -> GuardFiles:
    """Files of a guard that does not exist yet."""
    return GuardFiles(folder, secrets.token_hex(8))


def worker_command(plugin: PluginStatus, preload: tuple[str, ...]) -> list[str]:
    """The command line of a worker for a plugin, in the plugin's interpreter."""
    command = [plugin.interpreter or sys.executable, "-P", "-m", "quarterdeck_api.worker", "--plugin", plugin.id]
    if preload:
        command += ["--preload", ",".join(preload)]
    return command + [argument for path in plugin.paths for argument in ("--path", path)]


def worker_environment(ours: dict[str, str]) -> dict[str, str]:
    """What guard and worker see of the runtime's environment: an allow-list, so that no secret of it reaches a plugin by accident."""
    passed = {name: value for name, value in ours.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**passed, **dict.fromkeys(_THREAD_LIMITS, "1")}


def launch_guard(
    paths: InstancePaths, files: GuardFiles, plugin: PluginStatus, preload: tuple[str, ...], linger: float
) -> "subprocess.Popen[Any]":
    """Starts a guard; its socket can be connected to at once. Raises OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(files.socket))
        files.socket.chmod(0o600)
        listener.listen(4)
        plan = guard.Plan(
            listener=listener.fileno(),
            socket_path=str(files.socket),
            identity_path=str(files.identity),
            exit_path=str(files.exit),
            log_path=str(paths.logs / f"worker-{files.name}.log"),
            command=worker_command(plugin, preload),
            descriptor_variable=WORKER_FD_VARIABLE,
            boot_id=boot_id(),
            linger=linger,
            plugin=plugin.id,
        )
        files.plan.touch(mode=0o600)
        files.plan.write_bytes(msgspec.json.encode(vars(plan)))
        with os.fdopen(open_log(paths.logs / "guards.log"), "ab") as complaints:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(files.plan)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd="/",
                env=worker_environment(dict(os.environ)),
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    finally:
        listener.close()
