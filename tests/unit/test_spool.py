"""The spool: a result is there whole, or not there."""

from pathlib import Path

import pytest

from quarterdeck_api.errors import QuarterdeckError
from quarterdeck_api.jobs import ArtefactFile, JobResult, JobSpec, JobState, JobValue
from quarterdeck_api.spool import RESULT_FILE, read_result, write_result


def spec(folder: Path) -> JobSpec:
    return JobSpec(1, 7, 1, "t", "m:f", "b", "", {}, "b/model/x", {}, {}, {}, "", "", str(folder))


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "1.7"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a", encoding="utf-8")
    artefacts = (ArtefactFile("a.txt", "text/plain", "A", 1),)
    result = JobResult(1, 7, JobState.SUCCEEDED, JobValue({"mae": 1.5}), artefacts=artefacts)
    write_result(spec(folder), result)
    assert read_result(folder, 7) == result
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", RESULT_FILE]


def test_no_result_is_none_even_without_the_folder(tmp_path: Path) -> None:
    assert read_result(tmp_path, 7) is None
    assert read_result(tmp_path / "nowhere", 7) is None


@pytest.mark.parametrize("content", [b"", b'{"job": 1', b'{"job": 1, "token": "x"}', b"\xff\xfe", b"[]"])
def test_a_damaged_result_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RESULT_FILE).write_bytes(content)
    with pytest.raises(QuarterdeckError, match=str(tmp_path)):
        read_result(tmp_path, 7)


def test_the_result_of_another_attempt_is_not_taken(tmp_path: Path) -> None:
    write_result(spec(tmp_path), JobResult(1, 7, JobState.CANCELLED))
    with pytest.raises(QuarterdeckError, match="attempt 7, not to 8"):
        read_result(tmp_path, 8)


def test_a_half_written_file_is_not_a_result(tmp_path: Path) -> None:
    (tmp_path / f"{RESULT_FILE}.new").write_text('{"job":', encoding="utf-8")
    assert read_result(tmp_path, 7) is None
    write_result(spec(tmp_path), JobResult(1, 7, JobState.SUCCEEDED, JobValue({})))
    assert read_result(tmp_path, 7) is not None


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(QuarterdeckError, match="the result of job 1 cannot be stored"):
        write_result(spec(tmp_path / "file" / "1.7"), JobResult(1, 7, JobState.SUCCEEDED))
