"""Documents as lines: every block, hostile text, narrow widths."""

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.drawing.document import column_widths, document_lines, document_text, value_text
from quarterdeck_api.documents import Document, Fact, FactsBlock, TableBlock, TextBlock


def test_blocks_have_titles_and_are_parted() -> None:
    document = Document(
        "job 4",
        (
            FactsBlock((Fact("Model", "arima"), Fact("Horizon", 12)), "Asked for"),
            TableBlock(("Time", "Value"), (("1961-01", 450.5), ("1961-02", None)), "Forecast"),
            TextBlock("one\ntwo"),
        ),
    )
    assert document_text(document, 60).splitlines() == [
        "Asked for",
        "Model    arima",
        "Horizon  12",
        "",
        "Forecast",
        "Time     Value",
        "1961-01  450.5",
        "1961-02",
        "",
        "one",
        "two",
    ]


def test_numbers_stand_at_the_right() -> None:
    lines = document_text(Document("d", (TableBlock(("n",), ((1,), (1000,))),)), 40).splitlines()
    assert lines[1:] == ["   1", "1000"]


def test_text_of_a_backend_is_shown_and_not_obeyed() -> None:
    shown = document_text(Document("d", (FactsBlock((Fact("a", "x\x1b[2Jy"),)), TextBlock("\x07bell"))), 60)
    assert "\x1b" not in shown and "\x07" not in shown
    assert "x" in shown and "bell" in shown


def test_a_long_value_is_wrapped_under_itself() -> None:
    lines = document_lines(Document("d", (FactsBlock((Fact("Reason", "word " * 30),)),)), 40)
    assert len(lines) > 3
    assert all(sum(len(span.text) for span in line) <= 40 for line in lines)


def test_a_table_that_is_too_wide_gives_way_where_it_is_widest_and_loses_nothing() -> None:
    path = "/var/lib/" + "folder/" * 10 + "forecast.csv"
    table = TableBlock(("Artefact", "Bytes", "Path"), (("forecast.csv", 1000, path),), "Artefacts")
    lines = document_text(Document("d", (table,)), 60).splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert lines[2].startswith("forecast.csv   1000  /var/lib/")
    assert "".join(line.split()[-1] for line in lines[2:]) == path


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=8), st.integers(1, 300))
def test_columns_fit_unless_each_is_at_its_narrowest(columns: list[tuple[int, int]], width: int) -> None:
    wanted, least = [max(pair) for pair in columns], [min(pair) for pair in columns]
    widths = column_widths(wanted, least, width)
    gaps = 2 * (len(widths) - 1)
    assert all(size <= want for size, want in zip(widths, wanted, strict=True))
    assert sum(widths) + gaps <= width or all(size <= 6 for size in widths)
    assert widths == wanted or sum(wanted) + gaps > width
    whole = all(size >= low for size, low in zip(widths, least, strict=True))
    assert whole or sum(least) + gaps > width, "no word is broken as long as there is room for all of them"


def test_sentences_are_wrapped_between_words() -> None:
    text = "the fit did not converge: raise maxiter, choose another method, or simplify the model"
    lines = document_text(Document("d", (TextBlock(text),)), 40).splitlines()
    assert " ".join(lines) == text and all(len(line) <= 40 for line in lines)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_has_a_text(value: float) -> None:
    assert value_text(value)
