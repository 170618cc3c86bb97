"""Secrets among the parameters of jobs: references are kept, values appear in what an attempt is told only."""

from pathlib import Path
from typing import Any

import pytest

from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.jobs.secret_fields import require_references, secret_paths, with_secrets
from quarterdeck_api.errors import UnreachableError, UsageError

SECRET: dict[str, Any] = {"type": "string", "format": "secret"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "token": {"anyOf": [SECRET, {"type": "null"}]},
        "plain": {"type": "string"},
        "registry": {"type": "object", "properties": {"user": {"type": "string"}, "password": SECRET}},
        "keys": {"type": "array", "items": SECRET},
    },
}


def _request(**parameters: Any) -> JobRequest:
    paths = tuple(("parameters", *path) for path in secret_paths(parameters, SCHEMA))
    return JobRequest("sample.train", "sample", "model.train", "sample/model/x", parameters, {}, secrets=paths)


def test_secrets_are_found_wherever_they_lie() -> None:
    given = {"token": "a", "plain": "b", "registry": {"user": "c", "password": "d"}, "keys": ["e", ""]}
    assert list(secret_paths(given, SCHEMA)) == [("token",), ("registry", "password"), ("keys", 0)]
    assert list(secret_paths({"token": None, "keys": []}, SCHEMA)) == []


@pytest.mark.parametrize("given", [{"token": "hush"}, {"registry": {"password": "hush"}}, {"keys": ["env:A", "hush"]}])
def test_a_plain_secret_is_refused_without_being_repeated(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is kept until it has ended") as caught:
        require_references(_request(**given))
    assert "hush" not in f"{caught.value.message} {caught.value.remedy}"
    assert "env:NAME" in caught.value.remedy


def test_references_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    request = _request(
        token="env:TOKEN", plain="env:TOKEN", registry={"user": "u", "password": f"file:{tmp_path / 'password'}"}
    )
    require_references(request)
    parameters, settings = with_secrets(request.parameters, {}, request.secrets, {"TOKEN": "from outside"}.get)
    assert parameters == {
        "token": "from outside",
        "plain": "env:TOKEN",
        "registry": {"user": "u", "password": "from a file"},
    }
    assert settings == {}
    assert request.parameters["token"] == "env:TOKEN"


def test_a_reference_to_nothing_names_what_is_missing(tmp_path: Path) -> None:
    request = _request(token="env:NOBODY")
    with pytest.raises(UnreachableError, match="no environment variable NOBODY"):
        with_secrets(request.parameters, {}, request.secrets, {}.get)
