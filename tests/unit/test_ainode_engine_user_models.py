"""Users' models: specifications as hostile text, paths as hostile names, files that survive a restart or say what is wrong with them."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.models.catalogue import MODELS
from quarterdeck_ainode.serving.engine import AinodeStatus, EngineError
from quarterdeck_ainode.serving.inference_task import sentence_of
from quarterdeck_ainode.serving.served_models import ServedModels
from quarterdeck_ainode.serving.specification_files import read_specification_file
from quarterdeck_ainode.serving.specifications import LARGEST_SPECIFICATION, ModelSpecification, parse_specification
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UsageError

ARIMA = 'class = "sktime.forecasting.arima.ARIMA"\n[parameters]\norder = [2, 1, 1]\ntrend = "ct"\n'


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    folder = tmp_path / "trusted"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def refusal(status: AinodeStatus, models: ServedModels, model_id: str, uri: str) -> str:
    with pytest.raises(EngineError) as caught:
        models.register(model_id, uri)
    assert caught.value.status is status
    return caught.value.sentence


def written(folder: Path, text: str, name: str = "model.toml") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder.as_uri()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('base = "arima"', ModelSpecification("arima")),
        (ARIMA, ModelSpecification("arima", {"order": [2, 1, 1], "trend": "ct"})),
        (
            'class = "statsforecast.models.MSTL"\nsummary = "weeks"\n[parameters]\nseason_length = [24, 168]',
            ModelSpecification("mstl", {"season_length": [24, 168]}, "weeks"),
        ),
        (
            'class = "sktime.forecasting.exp_smoothing.ExponentialSmoothing"',
            ModelSpecification("exponential_smoothing"),
        ),
        ('base = "stray"\n[parameters]\nk = 5', ModelSpecification("stray", {"k": 5})),
    ],
)
def test_a_specification_names_a_class_and_what_differs(text: str, found: ModelSpecification) -> None:
    parsed = parse_specification(text.encode())
    assert (parsed.base, parsed.summary) == (found.base, found.summary)
    assert {name: list(value) if isinstance(value, tuple) else value for name, value in parsed.parameters.items()} == (
        found.parameters
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names its model once"),
        ('base = "arima"\nclass = "sktime.forecasting.arima.ARIMA"', "names its model once"),
        ('base = "arma"', "there is no model 'arma'; did you mean arima?"),
        ("base = 3", "base is the id"),
        ('class = "os.system"', "class 'os.system' is not among those that may be used"),
        ('class = "sktime.forecasting.arima.AutoARIMA"', "did you mean sktime.forecasting.arima.ARIMA?"),
        ("class = [1]", "is not among those that may be used"),
        ('base = "arima"\nparameter = 3', "unknown key 'parameter'; did you mean parameters?"),
        ('base = "arima"\nparameters = 3', "parameters is a table"),
        ('base = "arima"\n[parameters]\nordre = [1, 1, 1]', "there is no parameter 'ordre'; did you mean order?"),
        ('base = "arima"\n[parameters]\norder = "2,1,1"', "order is a list"),
        ('base = "arima"\n[parameters]\norder = [2, 1]', "order takes 3 values, not 2"),
        ('base = "arima"\n[parameters]\nseasonal_order = [1, 0, 0, 0]', "seasonal terms and no season length"),
        ('base = "arima"\n[parameters]\nmaxiter = 1979-05-27', "maxiter is a whole number"),
        ('base = "arima"\nsummary = 7', "summary is a text"),
        ("base = ", "is no TOML (Invalid value"),
        ("x = " + "[" * 30_000, "is no TOML"),
        ("# " + "x" * LARGEST_SPECIFICATION, "is larger than 65536 bytes"),
    ],
)
def test_what_is_wrong_with_a_specification_is_said(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_specification(text.encode())
    assert sentence in sentence_of(caught.value)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: f'base = "arima"\n{text}'.encode())))
def test_any_bytes_are_a_specification_or_a_sentence(data: bytes) -> None:
    try:
        assert parse_specification(data).base in {model.id for model in MODELS}
    except UsageError as error:
        assert error.message and error.remedy


def test_a_folder_and_a_file_can_be_named(trusted: Path) -> None:
    uri = written(trusted / "mine", ARIMA)
    assert read_specification_file(uri, [trusted]).decode() == ARIMA
    assert read_specification_file(uri + "/model.toml", [trusted]).decode() == ARIMA
    spaced = written(trusted / "my model", ARIMA)
    assert "%20" in spaced and read_specification_file(spaced, [trusted]).decode() == ARIMA


def test_links_are_followed_before_the_path_is_compared(trusted: Path, tmp_path: Path) -> None:
    written(tmp_path / "outside", ARIMA)
    (trusted / "link").symlink_to(tmp_path / "outside")
    (trusted / "model.toml").symlink_to(tmp_path / "outside" / "model.toml")
    for uri in (
        (trusted / "link").as_uri(),
        (trusted / "link" / "model.toml").as_uri(),
        trusted.as_uri(),
        (tmp_path / "outside").as_uri(),
        f"{trusted.as_uri()}/../outside",
        f"{trusted.as_uri()}/%2e%2e/outside",
    ):
        with pytest.raises(RefusedError, match="lies outside of the folders"):
            read_specification_file(uri, [trusted])
    (tmp_path / "alias").symlink_to(trusted)  # A trusted folder may itself be named by a link.
    written(trusted / "inside", ARIMA)
    assert read_specification_file((tmp_path / "alias" / "inside").as_uri(), [tmp_path / "alias"]).decode() == ARIMA


def test_outside_nothing_is_said_of_what_exists(trusted: Path, tmp_path: Path) -> None:
    written(tmp_path / "present", ARIMA)
    said = []
    for name in ("present", "missing"):
        with pytest.raises(RefusedError) as caught:
            read_specification_file((tmp_path / name).as_uri(), [trusted])
        said.append(sentence_of(caught.value).replace(name, "it"))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "model.toml",
        "/srv/model.toml",
        "http://example.org/model.toml",
        "file://elsewhere/model.toml",
        "file:model.toml",
        "file:///model.toml?x=1",
        "file:///model.toml#x",
        "file:///model%00.toml",
        "file://[broken/model.toml",
        "file:///" + "x" * 5000,
    ],
)
def test_other_uris_are_refused(trusted: Path, uri: str) -> None:
    with pytest.raises(UsageError):
        read_specification_file(uri, [trusted])


def test_only_plain_files_of_bounded_size_are_read(trusted: Path) -> None:
    os.mkfifo(trusted / "pipe")
    (trusted / "empty").mkdir()
    (trusted / "loop").symlink_to(trusted / "loop")
    (trusted / "folder" / "model.toml").mkdir(parents=True)
    for name, sentence in (("pipe", "is no plain file"), ("empty", "cannot be read"), ("folder", "is no plain file")):
        with pytest.raises(UsageError, match=sentence):
            read_specification_file((trusted / name).as_uri(), [trusted])
    with pytest.raises(QuarterdeckError):
        read_specification_file((trusted / "loop").as_uri(), [trusted])
    (trusted / "large").write_bytes(b"#" * (LARGEST_SPECIFICATION + 100))
    assert len(read_specification_file((trusted / "large").as_uri(), [trusted])) == LARGEST_SPECIFICATION + 1


def test_a_name_that_the_file_system_refuses_is_told(data: Path, trusted: Path) -> None:
    models = ServedModels(data, (trusted,))
    told = refusal(AinodeStatus.CREATE_MODEL_FAILED, models, "mine", (trusted / ("x" * 300)).as_uri())
    assert "cannot be read: File name too long" in told


def test_a_folder_that_may_not_be_looked_into_is_told(
    trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the superuser, under whom tests may run, every folder may be."""
    uri = written(trusted / "secret", ARIMA)

    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", forbidden)
    with pytest.raises(UsageError, match="is no plain file"):
        read_specification_file(uri, [trusted])


def test_a_users_model_is_listed_and_kept_by_copy_until_it_is_dropped(data: Path, trusted: Path) -> None:
    models = ServedModels(data, (trusted,))
    uri = written(trusted / "mine", ARIMA)
    models.register("my_arima", uri)
    (trusted / "mine" / "model.toml").unlink()
    again = ServedModels(data, ())
    for each in (models, again):
        [listed] = [model for model in each.listed() if model.category == "user_defined"]
        assert (listed.model_id, listed.model_type, listed.state) == ("my_arima", "sktime", "active")
        usable = each.usable("my_arima")
        assert usable.info.id == "arima" and not usable.built_in
        assert list(usable.own["order"]) == [2, 1, 1]
    again.delete("my_arima")
    with pytest.raises(EngineError, match="there is no model 'my_arima'"):
        again.usable("my_arima")
    assert len(ServedModels(data, ()).listed()) == len(MODELS)


def test_the_folder_for_specifications_is_there_and_trusted(data: Path) -> None:
    models = ServedModels(data, ())
    written(data / "specifications", 'base = "stray"', "stray5.toml")
    models.register("stray5", (data / "specifications" / "stray5.toml").as_uri())
    assert models.usable("stray5").info.id == "stray"


def test_ids_are_checked_and_stay_unique(data: Path) -> None:
    models = ServedModels(data, ())
    uri = written(data / "specifications", 'base = "stray"')
    for wrong in ("", "x", "1abc", "_abc", "a-b", "../../etc", "a/b", "a" * 65, "ä" * 5, "ab\n", "ab\0"):
        assert "cannot be the id of a model" in refusal(AinodeStatus.CREATE_MODEL_FAILED, models, wrong, uri)
    models.register("mine", uri)
    assert "there is a model mine already" in refusal(AinodeStatus.MODEL_EXISTS, models, "mine", uri)
    assert "only in case" in refusal(AinodeStatus.MODEL_EXISTS, models, "Mine", uri)
    assert "arima is built in" in refusal(AinodeStatus.MODEL_EXISTS, models, "arima", uri)
    assert "only in case" in refusal(AinodeStatus.MODEL_EXISTS, models, "ARIMA", uri)


def test_what_cannot_be_created_leaves_nothing_behind(data: Path, trusted: Path) -> None:
    models = ServedModels(data, (trusted,))
    broken = written(trusted / "broken", "base = ")
    assert "was not created: the specification is no TOML" in refusal(
        AinodeStatus.CREATE_MODEL_FAILED, models, "mine", broken
    )
    assert "lies outside" in refusal(AinodeStatus.CREATE_MODEL_FAILED, models, "mine", "file:///etc/passwd")
    assert list((data / "user_models").iterdir()) == []
    models.register("mine", written(trusted / "good", ARIMA))  # The id is free.


def test_what_is_built_in_cannot_be_dropped(data: Path) -> None:
    models = ServedModels(data, ())
    for model_id, status in (("arima", AinodeStatus.BUILT_IN_MODEL), ("nosuch", AinodeStatus.MODEL_NOT_FOUND)):
        with pytest.raises(EngineError) as caught:
            models.delete(model_id)
        assert caught.value.status is status


def test_a_file_that_is_of_no_use_is_an_inactive_model_that_says_why(data: Path) -> None:
    folder = data / "user_models"
    folder.mkdir(parents=True)
    (folder / "broken.json").write_text('{"base": "arima", "parame')
    (folder / "gone.json").write_text('{"base": "lstm", "parameters": {}}')
    (folder / "wrong.json").write_text('{"base": "arima", "parameters": {"order": [1]}}')
    (folder / "-rf.json").write_text('{"base": "arima"}')
    (folder / "half.new").write_text("{")
    models = ServedModels(data, ())
    inactive = [model.model_id for model in models.listed() if model.state == "inactive"]
    assert inactive == ["broken", "gone", "wrong"]
    for model_id in inactive:
        with pytest.raises(EngineError, match="drop the model and create it again"):
            models.usable(model_id)
        models.delete(model_id)
    assert sorted(path.name for path in folder.iterdir()) == ["-rf.json"]


def test_a_disk_that_refuses_leaves_the_model_as_it_was(data: Path, trusted: Path) -> None:
    models = ServedModels(data, (trusted,))
    (data / "user_models" / "mine.new").mkdir()  # Nothing can be written there.
    uri = written(trusted / "mine", ARIMA)
    assert "cannot be kept" in refusal(AinodeStatus.CREATE_MODEL_FAILED, models, "mine", uri)
    assert all(model.model_id != "mine" for model in models.listed())


def test_of_many_who_create_the_same_model_one_succeeds(data: Path, trusted: Path) -> None:
    models = ServedModels(data, (trusted,))
    uri = written(trusted / "mine", ARIMA)
    outcomes: list[str] = []

    def create() -> None:
        try:
            models.register("mine", uri)
            outcomes.append("created")
        except EngineError as error:
            outcomes.append(error.status.name)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["MODEL_EXISTS"] * 7 + ["created"]
