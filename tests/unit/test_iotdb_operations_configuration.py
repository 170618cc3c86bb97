"""Changes of the configuration: what the server would take and then ignore is refused, and when a change holds is said."""

import pytest

from quarterdeck_ainode.iotdb.operations.configuration_entries import ConfigurationEntry, Effect, entry_of, plan_change
from quarterdeck_api.errors import RefusedError, UsageError

#: As a 2.0.10 lists them.
ENTRIES = (
    entry_of(
        "trusted_uri_pattern",
        "file:.*",
        "file:.*",
        "A regex pattern representing trusted uri\neffectiveMode: hot_reload\nDatatype: regex",
    ),
    entry_of("query_timeout_threshold", "", "60000", "The max time.\neffectiveMode: restart\nDatatype: int"),
    entry_of("timestamp_precision", "ms", "ms", "Once set\neffectiveMode: first_start\nDatatype: String"),
    entry_of("enable_seq", "", "true", "Whether\n  it is\neffectiveMode: hot_reload\nDatatype: boolean"),
    entry_of("ratio", "0.5", "0.5", "A share\neffectiveMode: hot_reload\nDatatype: double(percentage)"),
    entry_of("memory", "1024", "1024", "Bytes\neffectiveMode: hot_reload\nDatatype: long, Unit: byte"),
    entry_of("cluster_name", "old", "defaultCluster", "Name\neffectiveMode: hot_reload\nDatatype: string"),
)


def test_what_the_server_says_of_a_key() -> None:
    assert ENTRIES[1] == ConfigurationEntry(
        "query_timeout_threshold", "60000", "60000", Effect.AT_RESTART, "int", "The max time."
    )
    assert ENTRIES[3].meaning == "Whether it is"
    assert entry_of("a", "1", "2", "") == ConfigurationEntry("a", "1", "2")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("query_timeout_threshold", "abc", "a whole number"),
        ("query_timeout_threshold", "1.5", "a whole number"),
        ("enable_seq", "yes", "true or false"),
        ("ratio", "half", "a number"),
        ("memory", "1GB", "a whole number"),
        ("trusted_uri_pattern", "file:(", "a regular expression"),
        ("trusted_uri_pattern", "file:.*", "already"),
    ],
)
def test_values_that_would_be_ignored(key: str, value: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        plan_change(ENTRIES, key, value)


def test_a_key_that_is_no_key_gives_the_nearest() -> None:
    with pytest.raises(UsageError, match="no key") as caught:
        plan_change(ENTRIES, "trusted_url_pattern", "x")
    assert "trusted_uri_pattern" in caught.value.remedy


def test_what_holds_from_the_first_start_is_refused() -> None:
    with pytest.raises(RefusedError, match="first start"):
        plan_change(ENTRIES, "timestamp_precision", "us")


def test_when_a_change_holds_and_what_it_breaks_is_said() -> None:
    assert (
        "once the nodes have been started again" in plan_change(ENTRIES, "query_timeout_threshold", "70000").notices[0]
    )
    assert plan_change(ENTRIES, "enable_seq", "FALSE").notices == ()
    assert "refused" in plan_change(ENTRIES, "cluster_name", "new").notices[0]
    assert "backslash" in plan_change(ENTRIES, "trusted_uri_pattern", r"file:///srv/.*\.toml").notices[-1]


def test_a_server_that_describes_nothing_is_believed() -> None:
    change = plan_change((entry_of("a_key", "1", "1", ""),), "other_key", "x")
    assert change.entry.key == "other_key"
    assert "does not say" in change.notices[0]
