"""The codec of TsBlock: what IoTDB writes is read, what we write IoTDB's own client reads, and any other bytes are refused with a sentence."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iotdb.tsfile.utils.tsblock_serde import deserialize

from quarterdeck_ainode.serving.input_blocks import MOST_REPEATED, MOST_VALUES, NUMERIC, read_input_block
from quarterdeck_ainode.tsblock import MOST_ROWS, TsBlockError, encode_doubles
from quarterdeck_ainode.value_types import ValueType

_FORMATS = {ValueType.INT32: "i", ValueType.INT64: "q", ValueType.FLOAT: "f", ValueType.DOUBLE: "d"}
_ENCODINGS = {
    ValueType.BOOLEAN: 0,
    ValueType.INT32: 1,
    ValueType.FLOAT: 1,
    ValueType.INT64: 2,
    ValueType.DOUBLE: 2,
}
_VALUES = {
    ValueType.BOOLEAN: st.booleans(),
    ValueType.INT32: st.integers(-(2**31), 2**31 - 1),
    ValueType.INT64: st.integers(-(2**63), 2**63 - 1),
    ValueType.FLOAT: st.floats(width=32, allow_nan=False),
    ValueType.DOUBLE: st.floats(allow_nan=False),
}


def _bits(flags: list[bool]) -> bytes:
    return np.packbits(np.array(flags, np.bool_)).tobytes()


def _plain(kind: ValueType, values: list, *, flag: bool = False) -> bytes:
    """A column as the server writes it; None is a missing value, and `flag` marks missing ones even when there are none."""
    missing = [value is None for value in values]
    head = b"\1" + _bits(missing) if flag or any(missing) else b"\0"
    if kind is ValueType.BOOLEAN:
        return head + _bits([bool(value) for value in values])
    return head + b"".join(struct.pack(">" + _FORMATS[kind], value) for value in values if value is not None)


def _block(rows: int, columns: list[tuple[ValueType, int, bytes]], times: tuple[int, bytes]) -> bytes:
    return b"".join(
        (
            struct.pack(">i", len(columns)),
            bytes(kind for kind, _, _ in columns),
            struct.pack(">i", rows),
            bytes([times[0], *(encoding for _, encoding, _ in columns)]),
            times[1],
            *(data for _, _, data in columns),
        )
    )


@st.composite
def _blocks(draw: st.DrawFn) -> tuple[bytes, list[int], list[list]]:
    rows = draw(st.integers(0, 40))
    if draw(st.booleans()):
        times = draw(st.lists(st.integers(-(2**62), 2**62), min_size=rows, max_size=rows))
        time_column = (2, _plain(ValueType.INT64, times))
    else:
        value = draw(st.integers(-(2**62), 2**62))
        times = [value] * rows
        time_column = (4, b"\2" + _plain(ValueType.INT64, [value]))
    columns: list[tuple[ValueType, int, bytes]] = []
    expected: list[list] = []
    for kind in draw(st.lists(st.sampled_from(NUMERIC), min_size=0, max_size=4)):
        one = st.none() | _VALUES[kind]
        if draw(st.booleans()):
            value = draw(one)
            columns.append((kind, 4, bytes([_ENCODINGS[kind]]) + _plain(kind, [value])))
            expected.append([value] * rows)
        else:
            values = draw(st.lists(one, min_size=rows, max_size=rows))
            columns.append((kind, _ENCODINGS[kind], _plain(kind, values, flag=draw(st.booleans()))))
            expected.append(values)
    return _block(rows, columns, time_column), times, expected


@given(_blocks())
def test_every_type_encoding_and_missing_value_is_read(case: tuple[bytes, list[int], list[list]]) -> None:
    data, times, expected = case
    block = read_input_block(data)
    assert block.times.tolist() == times
    assert len(block.columns) == len(expected)
    for column, values in zip(block.columns, expected, strict=True):
        wanted = np.array([np.nan if value is None else float(value) for value in values], np.float64)
        np.testing.assert_array_equal(column, wanted)


@given(_blocks(), st.data())
def test_a_block_that_is_cut_short_is_refused(case: tuple[bytes, list[int], list[list]], data: st.DataObject) -> None:
    whole = case[0]
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(TsBlockError):
        read_input_block(whole[:cut])


@given(_blocks(), st.binary(min_size=1, max_size=5))
def test_bytes_behind_the_block_are_refused(case: tuple[bytes, list[int], list[list]], more: bytes) -> None:
    with pytest.raises(TsBlockError, match="follow the last column"):
        read_input_block(case[0] + more)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_input_block(data)
    except TsBlockError as error:
        assert str(error)


@given(_blocks(), st.data())
def test_a_block_with_a_wrong_byte_is_read_or_refused(
    case: tuple[bytes, list[int], list[list]], data: st.DataObject
) -> None:
    whole = bytearray(case[0])
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        block = read_input_block(bytes(whole))
    except TsBlockError:
        return
    assert all(len(column) == len(block.times) for column in block.columns)


@given(st.lists(st.floats(allow_nan=False), max_size=50))
def test_iotdbs_own_client_reads_what_we_write(values: list[float]) -> None:
    data = encode_doubles(np.array(values, np.float64))
    assert len(data) == 13 + 16 * len(values)
    times, columns, missing, rows = deserialize(memoryview(data))
    assert rows == len(values)
    assert len(times) == len(values)
    assert missing == [None]
    np.testing.assert_array_equal(columns[0], np.array(values))
    np.testing.assert_array_equal(read_input_block(data).columns[0], np.array(values))


def test_a_repeated_value_does_not_take_more_memory_than_is_allowed() -> None:
    value = b"\2" + _plain(ValueType.INT64, [1])
    with pytest.raises(TsBlockError, match=f"at most {MOST_ROWS}"):
        read_input_block(_block(2**31 - 1, [(ValueType.INT64, 4, value)], (4, value)))


def test_values_that_need_few_bytes_do_not_either() -> None:
    value = b"\2" + _plain(ValueType.INT64, [1])
    columns = [(ValueType.INT64, 4, value)] * 4
    with pytest.raises(TsBlockError, match=f"500005 values that are repeated; at most {MOST_REPEATED}"):
        read_input_block(_block(100_001, columns, (4, value)))
    assert len(read_input_block(_block(100_000, columns, (4, value))).columns) == 4
    rows, width = 80_000, 101
    flags = b"\0" + bytes(rows // 8)
    times = (2, b"\0" + bytes(8 * rows))
    with pytest.raises(TsBlockError, match=f"{rows} rows of {width} value columns; at most {MOST_VALUES} values"):
        read_input_block(_block(rows, [(ValueType.BOOLEAN, 0, flags)] * width, times))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (_block(1, [(5, 3, b"")], (2, _plain(ValueType.INT64, [1]))), "column 0 is TEXT"),
        (_block(1, [(8, 2, b"")], (2, _plain(ValueType.INT64, [1]))), "column 0 is TIMESTAMP"),
        (_block(1, [(77, 2, b"")], (2, _plain(ValueType.INT64, [1]))), "type 77"),
        (_block(1, [(4, 1, b"\0\0\0\0\0")], (2, _plain(ValueType.INT64, [1]))), "column 0 has encoding 1"),
        (_block(1, [(4, 4, b"\4\2\0")], (2, _plain(ValueType.INT64, [1]))), "repeated twice"),
        (_block(1, [], (2, _plain(ValueType.INT64, [None]))), "time column has missing"),
        (_block(-1, [], (2, b"\0")), "-1 rows"),
        (struct.pack(">i", -5), "-5 value columns"),
        (struct.pack(">i", 2**31 - 1), "2147483647 value columns"),
        (b"", "the block ends at byte 0"),
    ],
)
def test_what_cannot_be_computed_with_is_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(TsBlockError, match=sentence):
        read_input_block(data)
