"""A saved log gets a file of its own."""

from pathlib import Path

import pytest

from quarterdeck.tui.log_saving import save_lines
from quarterdeck_api.errors import QuarterdeckError


def test_files_are_never_written_over(tmp_path: Path) -> None:
    first, second = (save_lines(tmp_path, "core/job/7", [text]) for text in ("one", "two"))
    assert (first.name, second.name) == ("core-job-7.log", "core-job-7-2.log")
    assert first.read_text() == "one\n"


def test_an_address_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert save_lines(tmp_path, "plant/node/../../x", []).parent == tmp_path


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(QuarterdeckError, match="not saved"):
        save_lines(tmp_path / "nowhere", "core/job/7", ["x"])
