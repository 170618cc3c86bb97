"""Quarterdeck as a user has it: installed from the committed tree into an environment of its own, with compiled bytecode."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
DISTRIBUTIONS = ("console/api", ".", "plugins/ainode")

#: Peers, each in an environment of its own that is kept between runs; posting needs an older tree-sitter than it asks for.
PEERS = {"posting": ("posting==2.11.1", "tree-sitter<0.26"), "harlequin": ("harlequin==2.17.0",)}


def cache_folder() -> Path:
    """Where environments are kept between runs; a link to one that exists already saves its installation."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "quarterdeck-benchmarks"


def committed_tree() -> str:
    """The hash of what is committed: the same hash, the same program."""
    return _git("rev-parse", "HEAD^{tree}").strip()


def installed_quarterdeck() -> Path:
    """The program `quarterdeck` of the committed tree; its environment is made once, the distributions anew for each tree."""
    folder = cache_folder() / f"quarterdeck-{sys.version_info.major}.{sys.version_info.minor}"
    mark, tree = folder / "tree", committed_tree()
    program = folder / "bin" / "quarterdeck"
    if mark.is_file() and mark.read_text() == tree:
        return program
    if not (folder / "bin" / "pip").exists():
        venv.create(folder, with_pip=True)
    print(f"installing the tree {tree[:12]} …", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="qdb-") as exported:
        archive = Path(exported) / "tree.tar"
        _git("archive", "--output", str(archive), tree)
        with tarfile.open(archive) as packed:
            packed.extractall(exported, filter="data")
        sources = [str((Path(exported) / each).resolve()) for each in DISTRIBUTIONS]
        _pip(folder, "install", "-c", str(Path(exported) / "constraints.txt"), *sources)
        _pip(folder, "install", "--no-deps", "--force-reinstall", *sources)
    mark.write_text(tree)
    return program


def peer_program(name: str) -> Path:
    """The program of a peer, installed into an environment of its own when it is not there yet."""
    folder = cache_folder() / name
    program = folder / "bin" / name
    if not program.exists():
        print(f"installing {name} for comparison …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _pip(folder, "install", *PEERS[name])
    return program


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True).stdout


def _pip(folder: Path, *arguments: str) -> None:
    """Runs pip with bytecode compiled, whatever this shell says about writing it."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    }
    pip = [str(folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *arguments, "--compile"], check=True, env=environment, cwd=folder)
