"""Where users' models are kept: one small JSON file each below the data folder, written whole or not at all."""

import contextlib
import os
from pathlib import Path

import msgspec

from quarterdeck_ainode.models import model_named
from quarterdeck_ainode.serving.specifications import LARGEST_SPECIFICATION, ModelSpecification, checked_settings
from quarterdeck_api.errors import QuarterdeckError, UsageError


class UserModelFiles:
    """The files of one data folder. Ids are checked by whoever calls: they are names of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.new"):
            left.unlink()  # Of a write that something cut short.

    def load(self) -> dict[str, ModelSpecification | str]:
        """Every model by its id; a sentence in the place of one whose file is of no use."""
        return {path.stem: self._load(path) for path in sorted(self._folder.glob("*.json"))}

    def save(self, model_id: str, specification: ModelSpecification) -> None:
        """Keeps a model; raises QuarterdeckError when the file cannot be written."""
        path, new = self._path(model_id), self._folder / f"{model_id}.new"
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(specification)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            self._sync()
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise QuarterdeckError(
                f"the model {model_id} cannot be kept in {path}: {error.strerror or error}",
                "see to the disk of the AINode's machine",
            ) from error

    def remove(self, model_id: str) -> None:
        """Forgets a model; raises QuarterdeckError when the file cannot be removed."""
        path = self._path(model_id)
        try:
            path.unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise QuarterdeckError(
                f"{path} cannot be removed: {error.strerror or error}", "see to the disk of the AINode's machine"
            ) from error

    def _path(self, model_id: str) -> Path:
        return self._folder / f"{model_id}.json"

    def _load(self, path: Path) -> ModelSpecification | str:
        try:
            with path.open("rb") as file:
                kept = msgspec.json.decode(file.read(4 * LARGEST_SPECIFICATION), type=ModelSpecification)
            return msgspec.structs.replace(kept, parameters=checked_settings(model_named(kept.base), kept.parameters))
        except (OSError, msgspec.DecodeError, UsageError) as error:
            return f"its file {path} is of no use: {error}; drop the model and create it again"

    def _sync(self) -> None:
        """Has the folder's entries written to the disk, so that a loss of power forgets nothing that was acknowledged."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
