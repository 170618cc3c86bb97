"""The chosen theme goes into the configuration file, whose other lines stay."""

from pathlib import Path

import pytest

from quarterdeck.tui.theme_keeping import keep_theme, with_theme
from quarterdeck_api.errors import QuarterdeckError


def test_comments_and_other_settings_stay() -> None:
    text = '# mine\n[console]\ntheme = "dark"  # not for long\nkeys = { "a.b" = "x" }\n\n[runtime]\nread_only = true\n'
    assert with_theme(text, "light") == text.replace('"dark"', '"light"')


def test_a_configuration_without_console_gets_one(tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.toml"
    keep_theme(file, "light")
    assert file.read_text() == '[console]\ntheme = "light"\n'
    assert [each.name for each in file.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("text", ["console = [", "console = 3"])
def test_a_broken_configuration_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(QuarterdeckError, match="not kept"):
        keep_theme(file, "light")
    assert file.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "mine.toml"
    real.write_text("")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    keep_theme(link, "light")
    assert link.is_symlink()
    assert "light" in real.read_text()
