"""What our AINode serves: the built-in models, and users' models that it keeps in its data folder."""

import logging
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from quarterdeck_ainode.models.catalogue import MODELS, ModelInfo, model_named
from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError, ServedModel
from quarterdeck_ainode.serving.inference_task import sentence_of
from quarterdeck_ainode.serving.specification_files import read_specification_file
from quarterdeck_ainode.serving.specifications import ModelSpecification, parse_specification
from quarterdeck_ainode.serving.user_model_files import UserModelFiles
from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.nearest import nearest

_log = logging.getLogger(__name__)

#: As the official AINode takes them.
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{1,63}", re.ASCII)

#: More models of users than anybody has.
_MOST_USER_MODELS = 1000

BUILT_IN, USER_DEFINED = "builtin", "user_defined"


class UsableModel(Struct, frozen=True):
    """A model that can be used: its class, and the settings of a user's model that differ from the defaults."""

    info: ModelInfo
    own: Mapping[str, Any]
    built_in: bool


class ServedModels:
    """Built-in and users' models by id. Every method may be called from any thread and raises EngineError."""

    def __init__(self, data_folder: Path, trusted_folders: tuple[Path, ...]) -> None:
        """Reads the users' models of a data folder; raises OSError when it cannot be used."""
        own_folder = data_folder / "specifications"
        own_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._trusted = (own_folder, *trusted_folders)
        self._files = UserModelFiles(data_folder / "user_models")
        self._lock = threading.Lock()
        self._users: dict[str, ModelSpecification | str] = {
            name: kept for name, kept in self._files.load().items() if _ID.fullmatch(name)
        }
        for name, kept in self._users.items():
            if isinstance(kept, str):
                _log.error("the model %s cannot be used: %s", name, kept)

    def listed(self) -> tuple[ServedModel, ...]:
        """Every model, in the order of the ids."""
        built_in = [ServedModel(model.id, model.library, BUILT_IN, "active") for model in MODELS]
        with self._lock:
            users = [_listed(name, kept) for name, kept in self._users.items()]
        return tuple(sorted((*built_in, *users), key=lambda model: model.model_id))

    def usable(self, model_id: str) -> UsableModel:
        """The model of an id; MODEL_NOT_FOUND when there is none, or its file is of no use."""
        with self._lock:
            kept = self._users.get(model_id)
        if isinstance(kept, ModelSpecification):
            return UsableModel(model_named(kept.base), kept.parameters, built_in=False)
        if kept is not None:
            raise EngineError(AinodeStatus.MODEL_NOT_FOUND, f"the model {model_id} cannot be used: {kept}")
        if model_id in _BUILT_IN:
            return UsableModel(_BUILT_IN[model_id], {}, built_in=True)
        raise EngineError(
            AinodeStatus.MODEL_NOT_FOUND,
            f"there is no model {model_id[:80]!r} ({nearest(model_id[:80], self._names())}); SHOW MODELS lists them",
        )

    def register(self, model_id: str, uri: str) -> None:
        """Adds a user's model from the specification below a URI; MODEL_EXISTS, or CREATE_MODEL_FAILED with the reason."""
        if not _ID.fullmatch(model_id):
            raise EngineError(
                AinodeStatus.CREATE_MODEL_FAILED,
                f"{model_id[:80]!r} cannot be the id of a model; it has 2 to 64 letters, digits and underscores and begins with a letter",
            )
        self._check_free(model_id)
        try:
            specification = parse_specification(read_specification_file(uri, self._trusted))
            with self._lock:
                self._check_free_now(model_id)
                self._files.save(model_id, specification)
                self._users[model_id] = specification
        except QuarterdeckError as error:
            raise EngineError(
                AinodeStatus.CREATE_MODEL_FAILED, f"{model_id} was not created: {sentence_of(error)}"
            ) from error

    def delete(self, model_id: str) -> None:
        """Forgets a user's model; BUILT_IN_MODEL, MODEL_NOT_FOUND or DROP_MODEL_FAILED."""
        if model_id in _BUILT_IN:
            raise EngineError(
                AinodeStatus.BUILT_IN_MODEL, f"{model_id} is built in and cannot be dropped; only users' models can"
            )
        with self._lock:
            if model_id not in self._users:
                raise EngineError(
                    AinodeStatus.MODEL_NOT_FOUND,
                    f"there is no model {model_id[:80]!r}; {nearest(model_id[:80], self._users, 'no user has created one')}",
                )
            try:
                self._files.remove(model_id)
            except QuarterdeckError as error:
                raise EngineError(AinodeStatus.DROP_MODEL_FAILED, sentence_of(error)) from error
            del self._users[model_id]

    def _names(self) -> list[str]:
        with self._lock:
            return [*_BUILT_IN, *self._users]

    def _check_free(self, model_id: str) -> None:
        with self._lock:
            self._check_free_now(model_id)

    def _check_free_now(self, model_id: str) -> None:
        if model_id in _BUILT_IN:
            raise EngineError(AinodeStatus.MODEL_EXISTS, f"{model_id} is built in; choose another id")
        if model_id in self._users:
            raise EngineError(
                AinodeStatus.MODEL_EXISTS, f"there is a model {model_id} already; drop it first, or choose another id"
            )
        # Files of names that differ only in case are one file on some systems.
        folded = model_id.casefold()
        alike = next((name for name in (*_BUILT_IN, *self._users) if name.casefold() == folded), None)
        if alike is not None:
            raise EngineError(
                AinodeStatus.MODEL_EXISTS, f"{model_id} differs from the model {alike} only in case; choose another id"
            )
        if len(self._users) >= _MOST_USER_MODELS:
            raise EngineError(
                AinodeStatus.CREATE_MODEL_FAILED,
                f"there are {len(self._users)} models of users already; drop one that is not used",
            )


def _listed(name: str, kept: ModelSpecification | str) -> ServedModel:
    if isinstance(kept, str):
        return ServedModel(name, "", USER_DEFINED, "inactive")
    return ServedModel(name, model_named(kept.base).library, USER_DEFINED, "active")


_BUILT_IN = {model.id: model for model in MODELS}
