"""What is checked of a new model before anything is sent: its id, its URI, the server's pattern, and the files."""

from pathlib import Path

import pytest

from quarterdeck_ainode.iotdb.operations.model_rules import check_files, check_model_id, check_trusted, check_uri
from quarterdeck_api.errors import UsageError


@pytest.mark.parametrize("model", ["ab", "a" * 64, "Demand_2", "a_"])
def test_ids_that_the_server_takes(model: str) -> None:
    check_model_id(model)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("a", "1 characters"),
        ("a" * 65, "65 characters"),
        ("_a", "begins with '_'"),
        ("9a", "begins with '9'"),
        ("a-b", "holds '-'"),
        ("aé", "holds 'é'"),
        ("", "0 characters"),
    ],
)
def test_ids_that_the_server_refuses(model: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_model_id(model)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///srv/models/mine", "/srv/models/mine"),
        ("file:/srv/m", "/srv/m"),
        ("file://localhost/srv/m", "/srv/m"),
        ("file:///srv/my%20models/ä", "/srv/my models/ä"),
    ],
)
def test_uris_of_files(uri: str, path: str) -> None:
    assert check_uri(uri).path == path


@pytest.mark.parametrize(
    ("uri", "why", "remedy"),
    [
        ("/srv/models/mine", "is a path and no URI", "file:///srv/models/mine"),
        ("file:///a b", "a blank", "%20"),
        ("file:///a\\b", "holds", "%5C"),
        ("file:///a%2", "holds a %", "%25"),
        ("file://other/srv", "machine 'other'", "three slashes"),
        ("file:relative", "no absolute path", "file:///"),
        ("https://huggingface.co/x", "file:// URIs only", "copy the files"),
        ("repo://x", "file:// URIs only", "copy the files"),
        ("file://[/a", "is no URI", "absolute"),
    ],
)
def test_uris_that_cannot_work(uri: str, why: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=why.replace("(", r"\(")) as caught:
        check_uri(uri)
    assert remedy in caught.value.remedy


def test_the_servers_pattern_has_to_match_the_whole_uri() -> None:
    assert check_trusted("file:///srv/a", "file:.*") == ""
    with pytest.raises(UsageError, match="trusted_uri_pattern") as caught:
        check_trusted("file:///srv/a", "file:///srv")
    assert "node.set-configuration" in caught.value.remedy


def test_a_pattern_that_only_java_understands_is_a_notice() -> None:
    assert "cannot be told" in check_trusted("file:///srv/a", "file:(?<name>.*")


def test_files_of_our_models(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no model\.toml"):
        check_files(str(tmp_path), ours=True)
    (tmp_path / "model.toml").write_text('base = "arima"\n', "utf-8")
    check_files(str(tmp_path), ours=True)
    check_files(str(tmp_path / "model.toml"), ours=True)
    with pytest.raises(UsageError, match="does not exist"):
        check_files(str(tmp_path / "nothing"), ours=True)


def test_files_of_official_models(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match=r"lacks model\.safetensors"):
        check_files(str(tmp_path), ours=False)
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_files(str(tmp_path), ours=False)
    with pytest.raises(UsageError, match="is no folder"):
        check_files(str(tmp_path / "config.json"), ours=False)
