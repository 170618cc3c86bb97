"""Where users' models are kept: one small JSON file each below the data folder, written whole or not at all."""

from pathlib import Path

import msgspec

from quarterdeck_ainode.models.catalogue import model_named
from quarterdeck_ainode.serving.specifications import LARGEST_SPECIFICATION, ModelSpecification, checked_settings
from quarterdeck_ainode.serving.whole_files import UNFINISHED, remove_whole, write_whole
from quarterdeck_api.errors import QuarterdeckError, UsageError


class UserModelFiles:
    """The files of one data folder. Ids are checked by whoever calls: they are names of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob(f"*{UNFINISHED}"):
            left.unlink()

    def load(self) -> dict[str, ModelSpecification | str]:
        """Every model by its id; a sentence in the place of one whose file is of no use."""
        return {path.stem: self._load(path) for path in sorted(self._folder.glob("*.json"))}

    def save(self, model_id: str, specification: ModelSpecification) -> None:
        """Keeps a model; raises QuarterdeckError when the file cannot be written."""
        path = self._path(model_id)
        try:
            write_whole(path, msgspec.json.format(msgspec.json.encode(specification)) + b"\n")
        except OSError as error:
            raise QuarterdeckError(
                f"the model {model_id} cannot be kept in {path}: {error.strerror or error}",
                "see to the disk of the AINode's machine",
            ) from error

    def remove(self, model_id: str) -> None:
        """Forgets a model; raises QuarterdeckError when the file cannot be removed."""
        path = self._path(model_id)
        try:
            remove_whole(path)
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
