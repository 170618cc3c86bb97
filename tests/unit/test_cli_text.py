"""Kinds, cells, tables, sizes and plain forms of `get`: the pure parts of the command line."""

import io
import re
import tomllib
from pathlib import Path

import pytest

from quarterdeck import entry
from quarterdeck.cli.cells import cell_text, time_text
from quarterdeck.cli.complete import complete
from quarterdeck.cli.following import Advance, job_number
from quarterdeck.cli.kinds import SHARED_KINDS, plural, resolve_kind
from quarterdeck.cli.listing import Listing, listing_lines
from quarterdeck.cli.logs import log_address
from quarterdeck.cli.main import COMMANDS
from quarterdeck.cli.outcomes import job_code, job_document, outcome_code, outcome_document
from quarterdeck.cli.progress import ProgressLine
from quarterdeck.cli.quick import read_listing
from quarterdeck.cli.snapshot import read_size
from quarterdeck.cli.tables import cut, table_lines
from quarterdeck.drawing.quantities import format_bytes, format_duration
from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.documents import Document, Fact, FactsBlock, TextBlock
from quarterdeck_api.errors import ErrorReport, ExitCode, UsageError
from quarterdeck_api.jobs import ArtefactFile, JobState
from quarterdeck_api.protocol import JobRecord, JournalEntry, Outcome
from quarterdeck_api.resources import Health, Resource
from quarterdeck_api.runtime_requests import ClientStatus, HostStatus, RuntimeStatus, WorkerStatus

ROOT = Path(__file__).parents[2]


def test_the_version_is_the_distributions() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == entry.VERSION


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("model", "model"),
        ("Models", "model"),
        ("mod", "model"),
        ("processes", "process"),
        ("proc", "process"),
        ("data", "dataset"),
        ("jobs", "job"),
        ("series", "series"),
    ],
)
def test_kinds_in_the_singular_the_plural_and_by_their_beginning(text: str, kind: str) -> None:
    assert resolve_kind(text, (*SHARED_KINDS, "series")) == kind


def test_a_wrong_kind_names_the_nearest_and_an_ambiguous_one_all() -> None:
    with pytest.raises(UsageError) as wrong:
        resolve_kind("modles", SHARED_KINDS)
    assert "did you mean models?" in wrong.value.remedy
    with pytest.raises(UsageError, match="schedule or stream"):
        resolve_kind("s", SHARED_KINDS)
    with pytest.raises(UsageError):
        resolve_kind("", SHARED_KINDS)
    assert [plural(kind) for kind in ("process", "entry", "series")] == ["processes", "entries", "series"]


def test_cells_by_type() -> None:
    assert cell_text(None) == ""
    assert cell_text(True) == "yes"
    assert cell_text("a\x1b[31mb") == "a␛[31mb"
    assert cell_text(1536, ColumnType.BYTES) == "1.5KiB" == format_bytes(1536)
    assert cell_text(187, ColumnType.DURATION) == "3m07s" == format_duration(187)
    assert cell_text(0.256, ColumnType.FRACTION) == "26%"
    assert cell_text(1_700_000_000, ColumnType.TIMESTAMP) == "2023-11-14T22:13:20Z"
    assert cell_text(3, ColumnType.INTEGER) == "3"
    assert cell_text(1 / 3, ColumnType.NUMBER) == "0.333333"
    assert time_text(0) == "1970-01-01T00:00:00Z" and time_text(1e300) == "1e+300"


def test_tables_are_aligned_and_have_no_empty_cell() -> None:
    lines = table_lines(("name", "size"), [("a", "1"), ("", "100"), ("日本", "2")], frozenset({1}))
    assert lines == ["NAME  SIZE", "a        1", "-      100", "日本     2"]
    assert cut("abcdef", 4) == "abc…" and cut("abc", 4) == "abc"


def test_a_listing_has_the_columns_of_every_backend_whatever_the_rows_are() -> None:
    columns = {
        "ainode": (Column("mae", "MAE", ColumnType.NUMBER),),
        "plant": (Column("size", "Size", ColumnType.BYTES),),
    }
    row = Resource("plant/model/x\x1b", "u", Health.FAILED, "bad", "no\nroute", 0.0, (2048,))
    header, line = listing_lines([row], columns)
    assert header.split() == ["ADDRESS", "HEALTH", "STATE", "MAE", "SIZE", "SINCE", "REASON"]
    assert line.split() == ["plant/model/x␛", "failed", "bad", "-", "2.0KiB", "-", "no␊route"]
    assert listing_lines([row], columns, outdated=frozenset(["plant"]))[1].split()[1] == "failed?"
    assert listing_lines([], columns)[0].split() == header.split()
    assert "SIZE" not in listing_lines([], columns, "ainode")[0]


def test_plain_forms_of_get_are_read_without_click_and_others_are_left() -> None:
    assert read_listing(["models", "--json"]) == Listing("models", as_json=True)
    assert read_listing(["-b", "plant", "models", "--filter=mae<2", "-w"]) == Listing("models", "plant", "mae<2", True)
    assert read_listing(["models", "--filter", "--odd"]) == Listing("models", filter="--odd")
    for left in ([], ["models", "nodes"], ["models", "--help"], ["models", "-b"], ["--jsn", "models"]):
        assert read_listing(left) is None


def test_jobs_and_logs_by_number_or_address() -> None:
    assert job_number("7") == job_number("core/job/7") == 7
    for wrong in ("x", "ainode/job/7", "core/model/7"):
        with pytest.raises(UsageError):
            job_number(wrong)
    assert log_address("7") == "core/job/7"
    assert log_address("runtime") == "core/runtime/runtime"
    assert log_address("core/host/ainode") == "core/host/ainode"


def test_sizes_of_a_frame() -> None:
    assert read_size("120x40") == (120, 40)
    for wrong in ("120", "x40", "39x40", "120x11", "-1x40"):
        with pytest.raises(UsageError):
            read_size(wrong)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome("a/b/c", "done"), ExitCode.DONE),
        (Outcome("a/b/c", "accepted", job="core/job/1"), ExitCode.DONE),
        (Outcome("a/b/c", "refused", error=ErrorReport("refused", "no")), ExitCode.REFUSED),
        (Outcome("a/b/c", "refused"), ExitCode.REFUSED),
        (Outcome("a/b/c", "unknown", error=ErrorReport("unknown-outcome", "lost")), ExitCode.UNKNOWN),
        (Outcome("a/b/c", "failed", error=ErrorReport("usage", "bad")), ExitCode.USAGE),
        (Outcome("a/b/c", "failed", error=ErrorReport("unreachable", "gone")), ExitCode.UNREACHABLE),
        (Outcome("a/b/c", "failed", error=ErrorReport("of-a-plugin", "broken")), ExitCode.FAILED),
    ],
)
def test_exit_codes_of_outcomes(outcome: Outcome, code: ExitCode) -> None:
    assert outcome_code(outcome) == code
    assert set(outcome_document(outcome)) == {
        "address",
        "status",
        "message",
        "job",
        "statement",
        "document",
        "run",
        "error",
    }


def record(state: JobState) -> JobRecord:
    return JobRecord(
        7,
        "core/job/7",
        "forecast",
        "ainode",
        "model.forecast",
        "ainode/model/x",
        state,
        1.0,
        result={"mae": 2.0},
        artefacts=(ArtefactFile("forecast.csv", "text/csv", "", 10),),
        artefact_paths=("/state/artefacts/7/forecast.csv",),
    )


def test_only_success_of_a_job_is_success() -> None:
    codes = {state: job_code(record(state)) for state in JobState if state.final}
    assert codes.pop(JobState.SUCCEEDED) == ExitCode.DONE
    assert set(codes.values()) == {ExitCode.FAILED}


def test_the_document_of_a_job_has_its_artefacts_with_paths() -> None:
    document = job_document(record(JobState.SUCCEEDED))
    assert document["result"] == {"mae": 2.0} and document["error"] is None and document["state"] == "succeeded"
    assert document["artefacts"] == [
        {"name": "forecast.csv", "path": "/state/artefacts/7/forecast.csv", "media_type": "text/csv"}
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no descriptor")


def test_progress_is_plain_lines_in_a_pipe_and_one_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    advances = [
        Advance(JobState.QUEUED, 0.0, ""),
        Advance(JobState.RUNNING, 0.5, "fit\x1b"),
        Advance(JobState.RUNNING, 0.5, "fit\x1b"),
        Advance(JobState.SUCCEEDED, 1.0, "done"),
    ]
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        line = ProgressLine("core/job/7", stream)
        for advance in advances:
            line(advance)
        line.clear()
    assert pipe.getvalue() == "core/job/7: queued\ncore/job/7: running 50% fit␛\n"
    drawn = terminal.getvalue()
    assert drawn.count("\n") == 0 and drawn.endswith("\r\x1b[2K") and "━" * 12 + "─" * 12 in drawn
    assert "\x1b[3" not in drawn  # NO_COLOR


def test_every_command_of_the_table_is_a_module_with_a_command() -> None:
    folder = ROOT / "console" / "quarterdeck" / "cli"
    for module, summary in COMMANDS.values():
        assert "command" in (folder / f"{module}.py").read_text() and summary.endswith(".")


def test_documents_name_everything_that_the_wire_leaves_out() -> None:
    found = complete(Document("t", (FactsBlock((Fact("a", 1),)), TextBlock("x"))))
    assert found == {
        "title": "t",
        "blocks": [
            {"type": "facts", "facts": [Fact("a", 1)], "title": ""},
            {"type": "text", "text": "x", "language": "", "title": ""},
        ],
    }
    shown = complete(JobRecord(7, "core/job/7", "f", "p", "a", "", JobState.QUEUED, 1.0))
    assert isinstance(shown, dict)
    assert shown["state"] == "queued" and shown["error"] is None and shown["steps"] == []


def test_every_documented_name_of_a_recorded_job_and_a_status_is_there() -> None:
    text = (ROOT / "docs" / "json.md").read_text()
    for kind in (JobRecord, RuntimeStatus, HostStatus, WorkerStatus, ClientStatus, JournalEntry):
        missing = [name for name in kind.__struct_fields__ if not re.search(rf"[`{{ ]{name}[`,}} ]", text)]
        assert not missing, kind
