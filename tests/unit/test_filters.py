"""The filter language: what passes, what does not, and what a bad filter is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_api.catalogue import Column, ColumnType
from quarterdeck_api.errors import UsageError
from quarterdeck_api.filters import fuzzy_match, haystack, parse_filter
from quarterdeck_api.resources import Health, Resource

COLUMNS = (
    Column("mae", "MAE", ColumnType.NUMBER),
    Column("size", "Size", ColumnType.BYTES),
    Column("took", "Took", ColumnType.DURATION),
    Column("interval", "Interval", ColumnType.BOOLEAN),
    Column("class", "Class"),
)
ARIMA = Resource(
    "ainode/model/arima", "1", Health.FAILED, "inactive", "no route to host", 1000.0, (1.5, 2048, 90.0, True, "ARIMA")
)
NAIVE = Resource("ainode/model/naive", "2", Health.OK, "active", "", 1000.0, (3.0, 10, 5.0, False, None))


def passes(text: str, resource: Resource) -> bool:
    found = parse_filter(text)
    found.check(COLUMNS)
    return found.matches(resource, COLUMNS, now=4600.0)


@pytest.mark.parametrize(
    ("text", "arima", "naive"),
    [
        ("", True, True),
        ("ARIMA", True, False),
        ("model ok", False, True),
        ("!arima", False, True),
        ("mae<2", True, False),
        ("mae>=1.5 mae<=3", True, True),
        ("!mae<2", False, True),
        ("state=ACTIVE", False, True),
        ("health=failed", True, False),
        ("age>59m", True, True),
        ("age<1h", False, False),
        ("age<=1h", True, True),
        ("size>1KiB", True, False),
        ("took>=1.5m", True, False),
        ("interval=yes", True, False),
        ('reason="no route to host"', True, False),
        ("/ari.a/", True, False),
        ("!/no route/", False, True),
        ("~arm", True, False),
        ("class=arima", True, False),
        ("class!=arima", False, False),
    ],
)
def test_terms(text: str, arima: bool, naive: bool) -> None:
    assert (passes(text, ARIMA), passes(text, NAIVE)) == (arima, naive)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/ab", "does not end"),
        ("/(/", "not a regular expression"),
        ("!", "stands alone"),
        ("~", "stands alone"),
        ("mae<", "has no value"),
        ("mea<2", "no field 'mea'"),
        ("mae<two", "is a number"),
        ("interval=maybe", "yes or no"),
        ('reason="open', "does not end"),
    ],
)
def test_a_bad_filter_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        passes(text, ARIMA)
    assert caught.value.remedy


def test_the_nearest_field_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter("sizze>1").check(COLUMNS)
    assert "did you mean size" in caught.value.remedy


def test_plain_words_are_offered_for_the_fast_search() -> None:
    assert parse_filter("Foo bar").plain_words == ("foo", "bar")
    assert parse_filter("foo !bar").plain_words is None


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    try:
        passes(text, ARIMA)
    except UsageError as error:
        assert error.message


@given(st.text(alphabet="abc", min_size=1, max_size=4), st.text(alphabet="abc", max_size=8))
def test_words_and_fuzzy_agree_with_their_definition(word: str, name: str) -> None:
    resource = Resource(f"b/k/{name}x", "1")
    assert passes(word, resource) == (word in haystack(resource))
    if word in resource.name:
        assert fuzzy_match(word, resource.name)
