"""References to secrets: found, resolved, and named when they are missing, without ever saying a value."""

from pathlib import Path

import pytest

from quarterdeck.config.secrets import is_reference, resolve_references, wanted_environment
from quarterdeck.config.settings import BackendSettings, Settings
from quarterdeck_api.errors import UnreachableError


@pytest.mark.parametrize("text", ["env:A", "env:_b1", "file:/x", "file:~/x", "keyring:service/name"])
def test_references(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text", ["", "env:", "env:1A", "env:A B", "file:", "file:///data/x", "keyring:x", "s3:bucket", " env:A"]
)
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_values_take_the_place_of_references_at_any_depth(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("two words \n", encoding="utf-8")
    settings = {
        "a": "env:A",
        "deep": {"list": ["env:B", 3, True, None]},
        "c": f"file:{secret}",
        "url": "file:///x",
        "n": 1.5,
    }
    assert resolve_references(settings, {"A": "1", "B": ""}.get) == {
        "a": "1",
        "deep": {"list": ["", 3, True, None]},
        "c": "two words ",
        "url": "file:///x",
        "n": 1.5,
    }
    assert settings["a"] == "env:A"


def test_a_value_is_not_resolved_again() -> None:
    assert resolve_references({"a": "env:A"}, {"A": "env:B", "B": "x"}.get) == {"a": "env:B"}


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(UnreachableError, match="PLANT_PASSWORD") as caught:
        resolve_references({"p": "env:PLANT_PASSWORD"}, {}.get)
    assert "set PLANT_PASSWORD" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"\xff\xfesecret", "not UTF-8"), (b"secret" * 20_000, "longer than")],
)
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnreachableError, match=said) as caught:
        resolve_references({"t": f"file:{file}"}, {}.get)
    assert str(file) in caught.value.message and caught.value.remedy and "secretsecret" not in caught.value.message


def test_a_relative_secret_file_is_refused() -> None:
    with pytest.raises(UnreachableError, match="not an absolute path"):
        resolve_references({"t": "file:token"}, {}.get)


def test_keyrings_are_refused_with_what_works() -> None:
    with pytest.raises(UnreachableError, match="keyring") as caught:
        resolve_references({"t": "keyring:quarterdeck/plant"}, {}.get)
    assert "env:NAME" in caught.value.remedy


def test_wanted_names_are_those_of_all_backends() -> None:
    backends = {
        "a": BackendSettings(type="x", settings={"p": "env:B", "q": {"r": ["env:A", "env:B"]}, "s": "plain"}),
        "b": BackendSettings(type="x", settings={"p": "env:C", "f": "file:/x"}),
    }
    assert wanted_environment(Settings(backends=backends)) == ("A", "B", "C")
