"""The command line on what backends have beside lists: pages, live documents, logs, metrics, texts, programs and secrets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_session import TerminalSession

PLUGINS = Path(__file__).parents[1] / "plugins"
PROGRAM = [sys.executable, "-m", "quarterdeck"]
SECRET = "open sesame"


def quarterdeck(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=90, check=False, **source)


def data(*arguments: str) -> Any:
    ran = quarterdeck(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def runtime(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance with the plugins of browsed rows and of texts."""
    monkeypatch.setenv("QUARTERDECK_IDLE_EXIT", "120")
    monkeypatch.setenv("QUARTERDECK_PLUGIN_PATH", f"{PLUGINS / 'million'}{os.pathsep}{PLUGINS / 'editable'}")
    assert quarterdeck("runtime", "start").returncode == 0
    yield home
    assert quarterdeck("runtime", "stop").returncode == 0


def test_a_browsed_kind_is_a_page_that_says_how_to_go_on(runtime: Path) -> None:
    first = quarterdeck("get", "series", "--limit", "3")
    assert first.returncode == 0 and len(first.stdout.splitlines()) == 4
    assert "1 to 3 of 1,000,000; go on with --cursor 3" in first.stderr
    page = data("get", "series", "--limit", "3", "--cursor", "3")
    assert [each["cells"]["number"] for each in page["resources"]] == [3, 4, 5]
    assert page["previous"] == "0" and page["total"] == 1_000_000 and page["unfiltered"] is False
    assert data("get", "series", "--last", "--limit", "1")["resources"][0]["name"] == "s0999999"
    samples = data("get", "samples", "--parent", "million/series/s0000007", "--limit", "2")
    assert [each["parent"] for each in samples["resources"]] == ["million/series/s0000007"] * 2
    some = quarterdeck("get", "series", "--filter", "99999", "--all", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in some] == [f"s{number * 100_000 + 99_999:07d}" for number in range(10)]
    described = data("describe", "million/series/s0000007")
    assert described["document"]["blocks"][0]["facts"] == [["number", 7]]


def test_what_cannot_be_browsed_is_a_mistake_of_usage(runtime: Path) -> None:
    for words, said in (
        (("get", "notes", "--all"), "not browsed"),
        (("get", "series", "--watch", "--all"), "cannot be watched"),
        (("get", "series", "--limit", "5000"), "5000"),
        (("get", "series", "--cursor", "x"), "not a cursor"),
        (("get", "samples", "--parent", "million/series/no"), "there is no"),
        (("get", "series", "-b", "editable", "--all"), "has no"),
    ):
        ran = quarterdeck(*words)
        assert ran.returncode == 2 and said in ran.stderr, ran


def test_logs_of_a_backend_by_source(runtime: Path) -> None:
    assert quarterdeck("do", "note.say", "editable/note/a", "--lines", "3", "--text", "\x1b[31mred").returncode == 0
    assert [each["name"] for each in data("logs", "editable/note/a", "--sources")] == ["stdout", "flood", "broken"]
    ran = quarterdeck("logs", "editable/note/a", "--tail", "2")
    assert ran.stdout.splitlines() == ["1 ␛[31mred", "2 ␛[31mred"]
    broken = quarterdeck("logs", "editable/note/a", "--source", "broken")
    assert broken.returncode == 3 and broken.stdout == "the last line before the fault\n"
    assert "the log's server is gone" in broken.stderr
    assert quarterdeck("logs", "editable/note/a", "--source", "none").returncode == 2


def test_a_live_document_goes_on_until_it_is_interrupted(runtime: Path) -> None:
    words = [*PROGRAM, "describe", "editable/note/b", "--live", "--json"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    shown = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(2)
    process.communicate(timeout=60)
    assert process.returncode == 130
    states = [each["document"]["blocks"][-1]["facts"][0][1] for each in shown]
    assert states == sorted(states) and shown[0]["resource"]["address"] == "editable/note/b"
    with TerminalSession([*PROGRAM, "describe", "editable/note/b", "--live"], os.environ, 80, 30) as session:
        session.wait_for(r"shown  \d+")
        session.wait_for("foreground")
        assert session.text().count("editable/note/b") == 1, "it is drawn in place"
        session.type("\x03")
        assert session.wait_exit() == 130


def test_metrics_are_a_table_or_numbers(runtime: Path) -> None:
    table = quarterdeck("metrics", "editable/note/a", "versions")
    assert table.returncode == 0 and table.stdout.split()[:6] == ["METRIC", "NOW", "LEAST", "GREATEST", "MEAN", "TREND"]
    [versions] = data("metrics", "editable/note/a", "versions", "--since", "1h")
    assert versions["times"][-1] - versions["times"][0] == pytest.approx(3600) and versions["values"][1] is None
    nothing = quarterdeck("metrics", "core/plugin/editable")
    assert nothing.returncode == 0 and "has no metrics since 15m" in nothing.stderr
    assert quarterdeck("metrics", "editable/note/a", "--since", "soon").returncode == 2


def test_a_text_is_put_from_a_file_only_when_it_is_confirmed(runtime: Path, tmp_path: Path) -> None:
    before = data("edit", "editable/note/a", "--show")
    dry = quarterdeck("edit", "editable/note/a", "--file", "-", "--dry-run", text="other\n")
    assert dry.returncode == 0 and "+other" in dry.stdout and data("edit", "editable/note/a", "--show") == before
    asked = quarterdeck("edit", "editable/note/a", "--file", "-", text="other\n")
    assert asked.returncode == 4 and "--yes" in asked.stderr
    (tmp_path / "text").write_text("other\n")
    done = data("edit", "editable/note/a", "--file", str(tmp_path / "text"), "--yes")
    assert done["status"] == "done" and done["version"] == "2"
    late = quarterdeck("edit", "editable/note/a", "--file", "-", "--version", "1", "--yes", text="late\n")
    assert late.returncode == 4 and "was changed meanwhile" in late.stderr
    wrong = quarterdeck("edit", "editable/note/a", "--file", "-", "--yes", text="not !! so\n")
    assert wrong.returncode == 2 and "line 1" in wrong.stderr
    assert quarterdeck("edit", "editable/note/a").returncode == 2, "without a terminal no editor opens"
    assert quarterdeck("edit", "editable/note/a", "--file", str(tmp_path / "no")).returncode == 2


def test_an_editor_shows_the_difference_asks_and_keeps_what_was_not_put(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "an editor"
    editor.write_text('#!/bin/sh\nprintf "added\\n" >> "$2"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", f"'{editor}' -x")
    words = [*PROGRAM, "edit", "editable/note/b"]
    with TerminalSession(words, os.environ, 100, 30) as session:
        session.wait_for(r"\+added")
        session.wait_for(r"\[y/N\]")
        session.type("n\r")
        session.wait_for("your text is kept in")
        assert session.wait_exit() == 1
    [kept] = (runtime / "state" / "kept-texts").iterdir()
    assert kept.read_text() == "note 1\nadded\n" and kept.stat().st_mode & 0o077 == 0
    assert data("edit", "editable/note/b", "--show")["text"] == "note 1\n"
    with TerminalSession(words, os.environ, 100, 30) as session:
        session.wait_for(r"\[y/N\]")
        session.type("y\r")
        session.wait_for("done version 2")
        assert session.wait_exit() == 0
    monkeypatch.setenv("VISUAL", "false")
    with TerminalSession(words, os.environ, 100, 30) as session:
        session.wait_for("the editor ended with 1")
        assert session.wait_exit() == 1


def test_a_program_of_an_action_runs_on_a_terminal_and_is_printed_elsewhere(runtime: Path) -> None:
    printed = quarterdeck("do", "note.shell", "editable/note/a")
    assert printed.returncode == 0 and printed.stdout.startswith("cd / && NOTE=a ")
    assert data("do", "note.shell", "editable/note/a")["run"]["environment"] == {"NOTE": "a"}
    with TerminalSession(
        [*PROGRAM, "do", "note.shell", "editable/note/a", "--status", "4"], os.environ, 100, 30
    ) as session:
        session.wait_for("shell of a /")
        session.wait_for("ended with 4")
        assert session.wait_exit() == 1


def test_files_have_to_exist_and_secrets_are_seen_nowhere(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = quarterdeck("do", "note.upload", "editable/note/a", "--file", str(tmp_path / "no"))
    assert missing.returncode == 2 and "there is no file" in missing.stderr
    (tmp_path / "yes").write_text("uploaded\n")
    assert quarterdeck("do", "note.upload", "editable/note/a", "--file", str(tmp_path / "yes")).returncode == 0
    monkeypatch.setenv("NOTE_PASSWORD", SECRET)
    assert quarterdeck("do", "note.unlock", "editable/note/a", "--password", "env:NOTE_PASSWORD").returncode == 0
    with TerminalSession([*PROGRAM, "do", "note.unlock", "editable/note/a"], os.environ, 100, 30) as session:
        session.wait_for("Password:")
        session.type(f"{SECRET}\r")
        session.wait_for("done unlocked")
        assert SECRET not in session.text()
        assert session.wait_exit() == 0
    assert SECRET not in quarterdeck("journal", "--json").stdout
    runtime_files = [path for path in runtime.rglob("*") if path.is_file()]
    assert [path for path in runtime_files if SECRET.encode() in path.read_bytes()] == []
