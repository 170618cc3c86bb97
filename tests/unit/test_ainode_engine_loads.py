"""LOAD, UNLOAD and DROP that meet: what is kept for the next start is what is loaded now."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError
from quarterdeck_ainode.serving.engine_settings import EngineSettings
from quarterdeck_ainode.serving.inference_task import InferenceTask
from quarterdeck_ainode.serving.inference_workers import WorkerFunctions
from quarterdeck_ainode.serving.kept_loads import KeptLoads
from quarterdeck_ainode.serving.local_engine import LocalEngine
from quarterdeck_ainode.serving.served_models import ServedModels

SAMPLE = Path(__file__).parent.parent / "plugins" / "inference_sample"


@pytest.fixture
def engine(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalEngine]:
    """With a user's model `mine`, and workers that can load nothing."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    import inference_sample

    functions = WorkerFunctions(inference_sample.prepare, inference_sample.answer)
    models = ServedModels(tmp_path, ())
    (tmp_path / "specifications" / "model.toml").write_text('base = "naive_forecaster"')
    found = LocalEngine(EngineSettings(tmp_path, workers=1), models, KeptLoads(tmp_path / "loaded.json"), functions)
    found.register("mine", (tmp_path / "specifications").as_uri())
    yield found
    found.close()


def kept(folder: Path) -> list[str]:
    file = folder / "loaded.json"
    return msgspec.json.decode(file.read_bytes(), type=list[str]) if file.exists() else []


def test_a_model_that_cannot_be_loaded_is_not_loaded_at_the_next_start(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="mine could not be loaded"):
        engine.load("mine", ("cpu",))
    assert kept(tmp_path) == []
    assert engine.loaded() == {"cpu": {}}


@pytest.mark.parametrize("moment", ["before it is wished", "after"])
def test_what_is_dropped_while_it_is_loaded_is_not_loaded(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    wished = engine.workers.keep_warm

    def keep_warm(name: str, task: InferenceTask, seconds: float) -> None:
        if moment == "before it is wished":
            engine.delete(name)
        wished(name, task, 0.0)
        if moment == "after":
            engine.delete(name)

    monkeypatch.setattr(engine.workers, "keep_warm", keep_warm)
    with pytest.raises(EngineError) as caught:
        engine.load("mine", ("cpu",))
    assert caught.value.status is AinodeStatus.MODEL_NOT_FOUND
    assert kept(tmp_path) == []
    assert engine.loaded() == {"cpu": {}}


def test_what_is_unloaded_while_it_is_loaded_is_not_loaded_at_the_next_start(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished = engine.workers.keep_warm

    def keep_warm(name: str, task: InferenceTask, seconds: float) -> None:
        wished(name, task, 0.0)
        engine.unload(name, ("cpu",))

    monkeypatch.setattr(engine.workers, "keep_warm", keep_warm)
    engine.load("mine", ("cpu",))
    assert kept(tmp_path) == []
    assert engine.loaded() == {"cpu": {}}
