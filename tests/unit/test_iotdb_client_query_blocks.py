"""Blocks of the server become columns of the right types, whatever is missing in them; broken ones become a sentence."""

import struct
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iotdb.tsfile.utils.tsblock_serde import deserialize

from quarterdeck_ainode.iotdb.client.query_blocks import Column, read_block
from quarterdeck_ainode.iotdb.client.result import _cells, _joined, _labels
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import ProtocolError

T = ValueType
_CODES = {
    T.BOOLEAN: 0,
    T.INT32: 1,
    T.DATE: 1,
    T.FLOAT: 1,
    T.INT64: 2,
    T.TIMESTAMP: 2,
    T.DOUBLE: 2,
    T.TEXT: 3,
    T.STRING: 3,
    T.BLOB: 3,
}
_FORMATS = {T.INT32: "i", T.DATE: "i", T.FLOAT: "f", T.INT64: "q", T.TIMESTAMP: "q", T.DOUBLE: "d"}


def bits(flags: list[bool]) -> bytes:
    return np.packbits(np.array(flags, bool)).tobytes()


def column(kind: ValueType, values: list) -> bytes:
    """A column as the server writes it; None is missing."""
    gone = [each is None for each in values]
    head = b"\1" + bits(gone) if any(gone) else b"\0"
    present = [each for each in values if each is not None]
    if kind is T.BOOLEAN:
        return head + bits([bool(each) for each in values])
    if kind in (T.TEXT, T.STRING, T.BLOB):
        return head + b"".join(struct.pack(">i", len(each)) + each for each in present)
    return head + b"".join(struct.pack(f">{_FORMATS[kind]}", each) for each in present)


def block(columns: list[tuple[ValueType, list]], times: list[int] | None = None) -> bytes:
    rows = len(columns[0][1])
    kinds = bytes(5 if _CODES[kind] == 3 else int(kind) for kind, _ in columns)
    head = struct.pack(">i", len(columns)) + kinds + struct.pack(">i", rows)
    encodings = bytes([2, *(_CODES[kind] for kind, _ in columns)])
    return head + encodings + column(T.INT64, times or [0] * rows) + b"".join(column(*each) for each in columns)


def cells(kind: ValueType, values: list) -> list:
    [found] = read_block(block([(kind, values)]), [0], [kind])
    return _cells(found, kind)


@pytest.mark.parametrize(
    ("kind", "stored", "seen"),
    [
        (T.BOOLEAN, [True, False, True], [True, False, True]),
        (T.INT32, [1, -(2**31), 2**31 - 1], [1, -(2**31), 2**31 - 1]),
        (T.INT64, [2**53 + 1, -(2**63), 2**63 - 1], [2**53 + 1, -(2**63), 2**63 - 1]),
        (T.TIMESTAMP, [1700000000123, 0, -1], [1700000000123, 0, -1]),
        (T.FLOAT, [0.5, 0.1, float("nan")], [0.5, 0.1, None]),
        (T.DOUBLE, [0.1, 1e300, float("nan")], [0.1, 1e300, None]),
        (T.DATE, [20240229, 19700101, 99991231], ["2024-02-29", "1970-01-01", "9999-12-31"]),
        (T.TEXT, ["grün\0".encode(), b"", b"\xff\xfeodd"], ["grün\0", "", "��odd"]),
        (T.STRING, [b"a", b"b", b"c"], ["a", "b", "c"]),
        (T.BLOB, [b"\0\xff", b"", b"x"], ["0x00ff", "0x", "0x78"]),
    ],
)
def test_every_type_with_and_without_missing_values(kind: ValueType, stored: list, seen: list) -> None:
    assert cells(kind, stored) == seen
    assert cells(kind, [None, *stored]) == [None, *seen]
    assert cells(kind, [stored[0], None, stored[1]]) == [seen[0], None, seen[1]]
    assert cells(kind, [None, None]) == [None, None]
    assert cells(kind, []) == []


def test_what_stands_where_a_value_is_missing() -> None:
    data = block(
        [(T.INT64, [7, None]), (T.DOUBLE, [None, 1.0]), (T.DATE, [20240229, None]), (T.TEXT, [None, b"x"])], [5, 6]
    )
    whole, fraction, day, text = read_block(data, [0, 1, 2, 3], [T.INT64, T.DOUBLE, T.DATE, T.TEXT])
    assert whole.values.tolist() == [7, 0] and whole.missing is not None and whole.missing.tolist() == [False, True]
    assert np.isnan(fraction.values[0]) and fraction.values[1] == 1.0
    assert day.values[0] == np.datetime64("2024-02-29") and np.isnat(day.values[1])
    assert text.values.tolist() == [None, "x"]
    assert [each.values.dtype.isnative for each in (whole, fraction)] == [True, True]
    [times] = read_block(data, [-1], [T.TIMESTAMP])
    assert times.values.tolist() == [5, 6] and times.missing is None


def test_a_repeated_value_and_a_repeated_nothing() -> None:
    head = struct.pack(">i", 2) + bytes([4, 5]) + struct.pack(">i", 3) + bytes([2, 4, 4]) + column(T.INT64, [1, 2, 3])
    data = head + b"\2" + column(T.DOUBLE, [2.5]) + b"\3" + column(T.TEXT, [None])
    number, text = read_block(data, [0, 1], [T.DOUBLE, T.TEXT])
    assert number.values.tolist() == [2.5] * 3 and number.missing is None
    assert text.values.tolist() == [None] * 3 and text.missing is not None and text.missing.all()


def test_a_column_may_be_asked_for_twice_and_one_not_at_all() -> None:
    data = block([(T.INT32, [1]), (T.TEXT, [b"x"]), (T.DOUBLE, [2.0])])
    found = read_block(data, [2, 0, 2], [T.DOUBLE, T.INT32, T.DOUBLE])
    assert [each.values.tolist() for each in found] == [[2.0], [1], [2.0]]


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), st.one_of(st.none(), st.floats())),
        max_size=40,
    ),
)
def test_the_wheels_reader_agrees(rows: list[tuple[int | None, float | None]]) -> None:
    whole = [each for each, _ in rows]
    fraction = [each for _, each in rows]
    data = block([(T.INT64, whole), (T.DOUBLE, fraction)], list(range(len(rows))))
    ours = read_block(data, [-1, 0, 1], [T.TIMESTAMP, T.INT64, T.DOUBLE])
    times, columns, missing, _ = deserialize(memoryview(data))
    assert ours[0].values.tolist() == times.tolist()
    for mine, theirs, gone in zip(ours[1:], columns, missing, strict=True):
        present = mine.values if mine.missing is None else mine.values[~mine.missing]
        np.testing.assert_array_equal(present, theirs.astype(present.dtype))
        assert (mine.missing is None) == (gone is None or not gone.any())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_a_sentence(data: bytes) -> None:
    try:
        found = read_block(data, [-1, 0], [T.TIMESTAMP, T.TEXT])
    except ProtocolError as error:
        assert "cannot be read" in error.message and error.remedy
    else:
        assert len(found) == 2


@given(st.data())
def test_a_wrong_byte_is_read_or_a_sentence(data: st.DataObject) -> None:
    good = bytearray(block([(T.BOOLEAN, [True, None]), (T.TEXT, [b"abc", b"d"]), (T.DATE, [20240101, None])]))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    for each in (bytes(good), bytes(good[:cut])):
        try:
            read_block(each, [0, 1, 2], [T.BOOLEAN, T.TEXT, T.DATE])
        except ProtocolError as error:
            assert "cannot be read" in error.message


def test_a_block_that_announces_billions_of_rows_takes_no_memory() -> None:
    head = struct.pack(">i", 1) + b"\4" + struct.pack(">i", 2_000_000_000) + b"\4\4" + b"\2\0" + bytes(8)
    with pytest.raises(ProtocolError, match="2000000000 rows"):
        read_block(head, [0], [T.DOUBLE])


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_every_day_is_read(day: date) -> None:
    assert cells(T.DATE, [day.year * 10000 + day.month * 100 + day.day]) == [day.isoformat()]


def test_names_that_occur_again_differ() -> None:
    assert _labels(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]


def test_blocks_are_joined_with_their_gaps() -> None:
    one = [Column(np.array([1, 2]), None)]
    two = [Column(np.array([3, 0]), np.array([False, True]))]
    batch = _joined([one, two], ["a"], {"a": T.INT64})
    assert batch.rows == 4 and batch.columns["a"].tolist() == [1, 2, 3, 0]
    assert batch.missing["a"].tolist() == [False, False, False, True]
