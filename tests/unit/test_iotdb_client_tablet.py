"""Tablets become the bytes that IoTDB's own client would send, from arrays, in the order of their times."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from iotdb.utils.BitMap import BitMap
from iotdb.utils.IoTDBConstants import TSDataType
from iotdb.utils.NumpyTablet import NumpyTablet
from iotdb.utils.Tablet import ColumnType

from quarterdeck_ainode.iotdb.client.tablet import ColumnCategory, Tablet, TabletColumn
from quarterdeck_ainode.iotdb.client.tablet_wire import MOST_ROWS, tablet_bytes
from quarterdeck_ainode.value_types import ValueType
from quarterdeck_api.errors import UsageError

T = ValueType
Column = tuple[ValueType, np.ndarray, np.ndarray | None]


def wheel(times: np.ndarray, columns: Sequence[Column]) -> tuple[bytes, bytes]:
    """What the installed client sends for the same rows."""
    bitmaps: list[Any] = []
    for _, _, missing in columns:
        marks = BitMap(len(times))
        for place in np.flatnonzero(missing) if missing is not None else ():
            marks.mark(int(place))
        bitmaps.append(marks if missing is not None and missing.any() else None)
    tablet = NumpyTablet(
        "root.a",
        [f"c{place}" for place in range(len(columns))],
        [TSDataType(kind) for kind, _, _ in columns],
        [values for _, values, _ in columns],
        times,
        **({"bitmaps": bitmaps} if any(bitmaps) else {}),
    )
    return tablet.get_binary_timestamps(), tablet.get_binary_values()


def ours(times: np.ndarray, columns: Sequence[Column]) -> tuple[bytes, bytes]:
    made = tuple(TabletColumn(f"c{place}", *each) for place, each in enumerate(columns))
    packed = tablet_bytes(Tablet("root.a", times, made))
    return packed.times, packed.values


@given(st.integers(1, 40), st.data())
def test_numbers_as_the_wheel_sends_them(rows: int, data: st.DataObject) -> None:
    times = np.arange(rows, dtype=np.int64)
    columns: list[Column] = []
    for kind, dtype in (
        (T.BOOLEAN, "?"),
        (T.INT32, "i4"),
        (T.INT64, "i8"),
        (T.FLOAT, "f4"),
        (T.DOUBLE, "f8"),
        (T.TIMESTAMP, "i8"),
    ):
        missing = data.draw(st.one_of(st.none(), arrays(np.bool_, rows)))
        values = data.draw(arrays(np.dtype(dtype), rows))
        if missing is not None:
            values = np.where(missing, np.zeros(1, values.dtype), values)
        columns.append((kind, values, missing))
    assert ours(times, columns) == wheel(times, columns)


def kept(value: Any) -> bool:
    """Whether the wheel sends it as it is: it cuts zeros off the end of texts and bytes."""
    return not value or value[-1] not in ("\0", 0)


@given(
    st.lists(
        st.tuples(st.text().filter(kept), st.binary().filter(kept), st.dates(date(1000, 1, 1)), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
def test_texts_bytes_and_dates_as_the_wheel_sends_them(rows: list[tuple[str, bytes, date, bool]]) -> None:
    times = np.arange(len(rows), dtype=np.int64)
    text, blob, day = (np.empty(len(rows), object) for _ in range(3))
    for place, (a, b, c, _) in enumerate(rows):
        text[place], blob[place], day[place] = a, b, c
    missing = np.array([gone for *_, gone in rows])
    mine = [(T.TEXT, text, None), (T.STRING, text, None), (T.BLOB, blob, None), (T.DATE, day.astype("M8[D]"), None)]
    theirs = [*mine[:3], (T.DATE, day, None)]
    assert ours(times, mine) == wheel(times, theirs)
    empty = np.where(missing, "", text).astype(object)
    assert ours(times, [(T.TEXT, text, missing)]) == wheel(times, [(T.TEXT, empty, missing)])


def test_zeros_at_the_end_of_bytes_are_kept() -> None:
    blobs = np.empty(1, object)
    blobs[0] = b"x\0\0"
    assert ours(np.arange(1), [(T.BLOB, blobs, None)])[1] == b"\0\0\0\3x\0\0"
    assert wheel(np.arange(1), [(T.BLOB, blobs, None)])[1] == b"\0\0\0\1x"


def test_rows_are_put_in_the_order_of_their_times() -> None:
    times = np.array([3, 1, 2, 1])
    packed = tablet_bytes(
        Tablet(
            "root.a",
            times,
            (TabletColumn("s", T.INT32, np.array([30, 10, 20, 11]), np.array([True, False, False, False])),),
        )
    )
    assert np.frombuffer(packed.times, ">i8").tolist() == [1, 1, 2, 3]
    assert np.frombuffer(packed.values[:16], ">i4").tolist() == [10, 11, 20, 0]
    assert packed.values[16:] == b"\1" + bytes([0b1000])


def test_a_whole_byte_of_rows_has_one_more_byte_of_marks() -> None:
    missing = np.zeros(8, bool)
    missing[7] = True
    packed = tablet_bytes(Tablet("root.a", np.arange(8), (TabletColumn("s", T.BOOLEAN, np.zeros(8, bool), missing),)))
    assert packed.values[8:] == b"\1\x80\0"


def test_numbers_of_the_wheel_and_ours() -> None:
    """The numbers are part of the wire, and ours must be the wheel's."""
    assert {each.name: int(each) for each in ValueType} == {each.name: int(each) for each in TSDataType}
    assert {each.name: int(each) for each in ColumnCategory} == {each.name: int(each) for each in ColumnType}


def tablet(**changed: Any) -> Tablet:
    given = {
        "target": "root.a",
        "times": np.arange(3),
        "columns": (TabletColumn("s", T.DOUBLE, np.zeros(3)),),
    } | changed
    return Tablet(**given)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"times": np.arange(0), "columns": (TabletColumn("s", T.DOUBLE, np.zeros(0)),)}, "has 0 rows"),
        ({"columns": ()}, "has no columns"),
        ({"columns": (TabletColumn("s", T.DOUBLE, np.zeros(2)),)}, "has 2 values and no marks for 3 rows"),
        ({"columns": (TabletColumn("s", T.DOUBLE, np.zeros(3), np.zeros(1, bool)),)}, "and 1 marks for 3 rows"),
        (
            {"columns": (TabletColumn("s", T.TEXT, np.array(["a"] * 3), None, ColumnCategory.TAG),)},
            "is a TAG, but root.a is a device",
        ),
        ({"columns": (TabletColumn("s", T.INT32, np.array([0.5, 1, 2])),)}, "it holds values that INT32 cannot hold"),
        ({"columns": (TabletColumn("s", T.INT32, np.array([2**31, 1, 2])),)}, "it holds values that INT32 cannot hold"),
        ({"columns": (TabletColumn("s", T.INT64, np.array([np.nan, 1, 2])),)}, "it holds NaN"),
        ({"columns": (TabletColumn("s", T.DOUBLE, np.array(["a", "b", "c"])),)}, "cannot be written as DOUBLE"),
        ({"columns": (TabletColumn("s", T.TEXT, np.zeros(3)),)}, "cannot be written as TEXT"),
        ({"columns": (TabletColumn("s", T.DATE, np.array(["NaT"] * 3, "M8[D]")),)}, "mark them as missing"),
        ({"columns": (TabletColumn("s", T.DATE, np.array(["0999-01-01"] * 3, "M8[D]")),)}, "from the year 1000"),
    ],
)
def test_what_cannot_be_written_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        tablet_bytes(tablet(**changed))


def test_too_many_rows_are_refused() -> None:
    rows = MOST_ROWS + 1
    with pytest.raises(UsageError, match=f"has {rows} rows"):
        tablet_bytes(tablet(times=np.arange(rows), columns=(TabletColumn("s", T.DOUBLE, np.zeros(rows)),)))


def test_points_are_fields_without_what_is_missing() -> None:
    made = tablet(
        database="db",
        target="t",
        columns=(
            TabletColumn("tag", T.STRING, np.array(["a"] * 3), None, ColumnCategory.TAG),
            TabletColumn("a", T.DOUBLE, np.zeros(3)),
            TabletColumn("b", T.DOUBLE, np.zeros(3), np.array([True, False, False])),
        ),
    )
    assert made.points == 5


class Counted(np.ndarray):
    """An array that counts how often one of its elements is asked for."""

    asked = 0

    def __getitem__(self, key: Any) -> Any:
        Counted.asked += isinstance(key, int)
        return super().__getitem__(key)


def test_no_row_is_looked_at_by_itself() -> None:
    """Finding 12: the wheel's constructor walks through the times one by one; ours does not."""
    rows = 1000
    times, values = np.arange(rows).view(Counted), np.zeros(rows)
    Counted.asked = 0
    ours(times, [(T.DOUBLE, values, None)])
    assert Counted.asked == 0
    wheel(times, [(T.DOUBLE, values, None)])
    assert Counted.asked >= rows
