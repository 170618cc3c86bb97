"""Statements of operations: whatever a name holds, it stays one name of one statement."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.operations import statements
from quarterdeck_api.errors import UsageError

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30)

#: One statement of LOAD, as the grammar of the tree dialect reads it.
LOAD = re.compile(r"LOAD MODEL ([A-Za-z][A-Za-z0-9_]*|`(?:[^`]|``)*`) TO DEVICES '((?:[^']|'')*)'")


@given(NAMES, st.lists(NAMES, min_size=1, max_size=3))
def test_names_and_devices_stay_one_name_and_one_text(model: str, devices: list[str]) -> None:
    found = LOAD.fullmatch(statements.load_model(model, devices))
    assert found is not None
    name = found[1]
    assert (name[1:-1].replace("``", "`") if name.startswith("`") else name) == model
    assert found[2].replace("''", "'") == ",".join(devices)


@given(NAMES, NAMES)
def test_values_stay_one_text(uri: str, value: str) -> None:
    assert re.fullmatch(r"CREATE MODEL mine USING URI '(?:[^']|'')*'", statements.create_model("mine", uri))
    assert re.fullmatch(
        r'SET CONFIGURATION "a_b"=\'(?:[^\']|\'\')*\' ON 1', statements.set_configuration("a_b", value, 1)
    )
    assert re.fullmatch(r"KILL QUERY '(?:[^']|'')*'", statements.kill_query(value))


def test_plain_names_stay_readable_and_the_grammars_own_words_are_quoted() -> None:
    assert statements.load_model("naive_forecaster", ["cpu", "0"]) == "LOAD MODEL naive_forecaster TO DEVICES 'cpu,0'"
    assert statements.unload_model("sundial", ["cpu"]) == "UNLOAD MODEL sundial FROM DEVICES 'cpu'"
    assert statements.drop_model("time") == "DROP MODEL `time`"
    assert statements.drop_model("a-b") == "DROP MODEL `a-b`"
    assert (
        statements.set_configuration("slow_query_threshold", "10") == "SET CONFIGURATION \"slow_query_threshold\"='10'"
    )


@pytest.mark.parametrize("value", ["file:.*\ndn_rpc_port=1", "a\x00", "\x7f"])
def test_a_value_cannot_begin_another_line_of_the_servers_file(value: str) -> None:
    with pytest.raises(UsageError, match="control character"):
        statements.set_configuration("trusted_uri_pattern", value)


@pytest.mark.parametrize("key", ['a"b', "a b", "", "ä", "a\n"])
def test_a_key_is_a_word(key: str) -> None:
    with pytest.raises(UsageError, match="no key"):
        statements.set_configuration(key, "1")


def test_a_name_must_not_be_empty() -> None:
    with pytest.raises(UsageError, match="empty"):
        statements.drop_model("")
