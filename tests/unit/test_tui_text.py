"""Cells, columns and lines as text."""

import pytest
from rich.cells import cell_len
from rich.style import Style

from quarterdeck.tui.cell_text import fit, format_cell
from quarterdeck.tui.columns import ColumnWidths, Source, table_columns
from quarterdeck.tui.panes import PANES
from quarterdeck.tui.status_bar import Status, hint_parts, status_parts, tab_parts
from quarterdeck.tui.style import make_palette, monochrome_palette
from quarterdeck.tui.theme_files import DEFAULT_THEME
from quarterdeck_api.catalogue import Catalogue, Column, ColumnType, KindInfo, PluginInfo
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Cell
from quarterdeck_api.visible import visible

NOW = 1_750_000_000.0
PALETTE = make_palette(DEFAULT_THEME)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, ColumnType.NUMBER, ""),
        (True, ColumnType.BOOLEAN, "yes"),
        (1234567, ColumnType.INTEGER, "1,234,567"),
        (0.123456789, ColumnType.NUMBER, "0.12346"),
        (123456.789, ColumnType.NUMBER, "123,456.8"),
        (float("nan"), ColumnType.NUMBER, "nan"),
        (float("nan"), ColumnType.INTEGER, "nan"),
        (float("inf"), ColumnType.BYTES, "inf"),
        (float("nan"), ColumnType.DURATION, "nan"),
        (float("nan"), ColumnType.FRACTION, "nan"),
        (1023, ColumnType.BYTES, "1023B"),
        (1536, ColumnType.BYTES, "1.5KiB"),
        (0.25, ColumnType.DURATION, "250ms"),
        (59.94, ColumnType.DURATION, "59.9s"),
        (59.99, ColumnType.DURATION, "1m00s"),
        (3725, ColumnType.DURATION, "1h02m"),
        (90061, ColumnType.DURATION, "1d01h"),
        (0.5, ColumnType.FRACTION, "50%"),
        (0.031, ColumnType.FRACTION, "3.1%"),
        ("two\nlines", ColumnType.TEXT, "two␊lines"),
        ("not a number", ColumnType.NUMBER, "not a number"),
        (1e300, ColumnType.TIMESTAMP, "1e+300"),
    ],
)
def test_cells(value: Cell, kind: ColumnType, text: str) -> None:
    assert format_cell(value, kind, NOW) == text


def test_times_are_shorter_the_nearer_they_are() -> None:
    texts = [format_cell(NOW - age, ColumnType.TIMESTAMP, NOW) for age in (0, 86400 * 5, 86400 * 500)]
    assert [len(text) for text in texts] == [8, 11, 10]


@pytest.mark.parametrize("text", ["", "plain", "プラム", "aプ", "x" * 50, "é" * 50, "プ" * 30])
@pytest.mark.parametrize("width", [1, 2, 5, 20])
@pytest.mark.parametrize("right", [True, False])
def test_fitted_text_has_exactly_the_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right)) == width


@pytest.mark.parametrize(
    "code", [0, 7, 0x1B, 0x7F, 0x85, 0x9B, 0x200E, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xE0041, 0xD800]
)
def test_what_steers_a_terminal_is_replaced(code: int) -> None:
    shown = visible(f"a{chr(code)}b")
    assert chr(code) not in shown
    assert (shown[0], shown[-1], len(shown)) == ("a", "b", 3)


@pytest.mark.parametrize("text", ["plain", "Prävision", "プラム ● 🚀", "a/b c"])
def test_safe_text_stays(text: str) -> None:
    assert visible(text) == text


def test_columns_are_the_union_over_plugins() -> None:
    def catalogue(*columns: str) -> Catalogue:
        kind = KindInfo("model", "Models", tuple(Column(name, name) for name in columns))
        return Catalogue(PluginInfo("p", "p", "1", "1.0"), kinds=(kind,))

    views = table_columns("model", (catalogue("a", "b"), catalogue("b", "c")), backend=True)
    assert [view.column.id for view in views] == ["name", "backend", "state", "a", "b", "c", "reason"]
    assert views[-1].source is Source.REASON


def test_widths_only_grow() -> None:
    widths = ColumnWidths(table_columns("model", (), backend=False))
    assert widths.see((10, 3, 0)) is True
    before = widths.place(80)
    assert widths.see((2, 1, 0)) is False
    assert widths.place(80) == before
    assert [placed.width for placed in before] == [10, 5, 6]


@pytest.mark.parametrize("width", range(1, 120))
def test_placed_columns_never_leave_the_line(width: int) -> None:
    widths = ColumnWidths(table_columns("model", (), backend=True))
    widths.see((30, 8, 10, 40))
    placed = widths.place(width)
    assert placed
    assert all(column.x + column.width <= width for column in placed)


def plain(parts: tuple[tuple[str, Style], ...]) -> str:
    return "".join(text for text, _ in parts)


def test_status_says_counts_filter_and_what_is_wrong() -> None:
    broken = BackendState("plant", "t", "p", "P", "unreachable", "no route")
    fine = BackendState("ainode", "t", "p", "P", "ready")
    status = Status("models", 100_000, 12, "arima", "exported", backends=(broken, fine))
    assert plain(status_parts(status, PALETTE)) == (
        " models 12/100,000  /arima  ✖ plant unreachable: no route  exported"
    )


def test_current_tab_is_told_without_colour() -> None:
    assert plain(tab_parts([("1", "deck"), ("3", "models")], "models", monochrome_palette(DEFAULT_THEME))) == (
        " 1 deck [3 models]"
    )


@pytest.mark.parametrize(("width", "others"), [(40, "7"), (80, "7 data"), (100, "7 datasets"), (300, "7 datasets")])
def test_all_tabs_fit_and_keep_their_keys(width: int, others: str) -> None:
    tabs = [(pane.key, pane.name) for pane in PANES]
    for pane in PANES:
        line = plain(tab_parts(tabs, pane.name, PALETTE, width))
        assert len(line) <= width
        assert f"[{pane.key} {pane.name}]" in line
        assert all(f" {key}" in line.replace("[", " ") for key, _ in tabs)
        assert pane.name == "datasets" or others in line


def test_the_way_to_a_pane_is_shown_from_its_end() -> None:
    tabs = [(pane.key, pane.name) for pane in PANES]
    way = ("models", "arima", "versions")
    line = plain(tab_parts(tabs, "versions", PALETTE, 80, way))
    assert line.endswith("[models › arima › versions]")
    line = plain(tab_parts(tabs, "versions", PALETTE, 40, way))
    assert (len(line) <= 40, line[-10:]) == (True, " versions]")


def test_hints_are_whole_or_absent() -> None:
    hints = [("d", "describe"), ("l", "logs")]
    assert plain(hint_parts(hints, 14, PALETTE)) == " d describe "
    assert plain(hint_parts(hints, 80, PALETTE)) == " d describe  l logs "
