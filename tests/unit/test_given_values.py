"""Parameters that mean more than their text: files, folders and secrets on the command line; durations; programs as lines."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from quarterdeck.cli.given_values import check_files, with_secrets
from quarterdeck.cli.metrics import condensed, seconds_of
from quarterdeck.cli.terminal_program import command_line
from quarterdeck_api.backend import RunInTerminal
from quarterdeck_api.errors import UsageError
from quarterdeck_api.fields import AnyAddress, DatasetName, File, Folder, Secret, address_of
from quarterdeck_api.parameter_values import parse_text, validate
from quarterdeck_api.parameters import fields


class Deploy(Struct):
    archive: File
    token: Annotated[Secret, Meta(min_length=4, pattern="^[a-z]+$")]
    folder: Annotated[Folder, Meta(description="Where it lies.")] = ""
    data: DatasetName = ""
    target: Annotated[str, address_of("node")] = ""
    other: AnyAddress | None = None
    later: Secret | None = None


SCHEMA = msgspec.json.schema(Deploy)
KNOWN = {field.name: field for field in fields(SCHEMA)}


def resolved(parameters: dict[str, object], *, references: bool = False, asks: bool = True) -> dict[str, object]:
    warned: list[str] = []
    ask = (lambda field: f"asked for {field.name}") if asks else None
    found = with_secrets(parameters, tuple(KNOWN.values()), references=references, ask=ask, warn=warned.append)
    return {**found, "warned": len(warned)} if warned else found


def test_named_types_are_known_to_forms() -> None:
    formats = {name: (field.format, field.kind) for name, field in KNOWN.items()}
    assert formats == {
        "archive": ("file", ""),
        "token": ("secret", ""),
        "folder": ("folder", ""),
        "data": ("dataset", ""),
        "target": ("address", "node"),
        "other": ("address", ""),
        "later": ("secret", ""),
    }
    assert KNOWN["folder"].help == "Where it lies." and KNOWN["later"].nullable and KNOWN["token"].shortest == 4


def test_files_and_folders_have_to_exist(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"")
    known = tuple(KNOWN.values())
    check_files({"archive": str(file), "folder": str(tmp_path)}, known)
    check_files({"archive": str(file), "folder": ""}, known)
    with pytest.raises(UsageError, match=r"--archive: there is no file .*b\.zip"):
        check_files({"archive": str(tmp_path / "b.zip")}, known)
    with pytest.raises(UsageError, match="--folder: there is no folder"):
        check_files({"folder": str(file)}, known)
    with pytest.raises(UsageError, match="--archive: there is no file"):
        check_files({"archive": str(tmp_path)}, known)


def test_secrets_are_looked_up_or_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hushhush")
    (tmp_path / "token").write_text("from a file\n")
    assert resolved({"token": "env:DEPLOY_TOKEN"}) == {"token": "hushhush"}
    assert resolved({"token": f"file:{tmp_path}/token", "later": "env:DEPLOY_TOKEN"}) == {
        "token": "from a file",
        "later": "hushhush",
    }
    assert resolved({}) == {"token": "asked for token"}, "only what is required is asked for"
    assert resolved({}, asks=False) == {}
    assert resolved({"token": "plain"}) == {"token": "plain", "warned": 1}
    with pytest.raises(UsageError, match="NOT_THERE is not set") as caught:
        resolved({"token": "env:NOT_THERE"})
    assert caught.value.remedy == "set NOT_THERE"


def test_secrets_of_jobs_stay_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hushhush")
    assert resolved({"token": "env:DEPLOY_TOKEN"}, references=True) == {"token": "env:DEPLOY_TOKEN"}
    assert resolved({}, references=True) == {}


@pytest.mark.parametrize("wrong", ["abc", "Open Sesame", 7])
def test_no_message_shows_a_secret(wrong: object) -> None:
    with pytest.raises(UsageError) as caught:
        validate(SCHEMA, {"archive": "/x", "token": wrong})
    assert str(wrong) not in caught.value.message + caught.value.remedy.replace("[a-z]", "")
    if isinstance(wrong, str):
        with pytest.raises(UsageError) as caught:
            parse_text(KNOWN["token"], wrong)
        assert wrong not in caught.value.message


def test_durations() -> None:
    assert [seconds_of(text) for text in ("90", "90s", "15m", "1.5h", "2D")] == [90, 90, 900, 5400, 172_800]
    for wrong in ("", "m", "-5m", "5 m", "5w", "0s"):
        with pytest.raises(UsageError):
            seconds_of(wrong)


def test_many_samples_are_condensed_to_means_with_gaps_kept() -> None:
    assert condensed((1.0, None), 5) == [1.0, None]
    assert condensed((1.0, 3.0, None, None, 5.0, None), 3) == [2.0, None, 5.0]
    assert len(condensed(tuple(map(float, range(1001))), 40)) == 40


def test_a_program_is_a_line_that_a_shell_understands() -> None:
    program = RunInTerminal(("ssh", "a host", "it's"), "/a b", {"NAME": "x y"})
    assert command_line(program) == "cd '/a b' && NAME='x y' ssh 'a host' 'it'\"'\"'s'"
    assert command_line(RunInTerminal(("top",))) == "top"
