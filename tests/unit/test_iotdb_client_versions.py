"""What differs between versions, and what a cluster's answers mean for its user."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck_ainode.iotdb.capabilities import (
    ACTION_FEATURES,
    Answers,
    Feature,
    Privileges,
    Reply,
    capabilities_of,
)
from quarterdeck_ainode.iotdb.client.error_codes import (
    AINODE_CODES,
    AINODE_CODES_BEFORE_2_0_8,
    SERVER_CODES,
    Numbering,
    meaning_of,
)
from quarterdeck_ainode.iotdb.client.faults import coded, refusal, refused
from quarterdeck_ainode.iotdb.versions import VERSIONS, Edition, category_of, recognise, state_of

ROOT = Privileges(
    frozenset(
        (
            ("", "SYSTEM"),
            ("", "SECURITY"),
            *(("root.**", f"{each}_DATA") for each in ("READ", "WRITE")),
            ("root.**", "READ_SCHEMA"),
        )
    ),
    frozenset((("", "SYSTEM"), ("*.*", "SELECT"), ("*.*", "INSERT"))),
)
READER = Privileges(frozenset((("root.plant.**", "READ_DATA"),)), frozenset())


def answers(**changed: Any) -> Answers:
    """What a whole 2.0.10 tells to root."""
    whole = Answers(
        version="2.0.10",
        build="abc",
        user="root",
        replies={},
        privileges=ROOT,
        tree_functions=frozenset(("FORECAST", "CAST")),
        table_functions=frozenset(("FORECAST", "CLASSIFY", "HOP")),
        ainode=True,
    )
    return msgspec.structs.replace(whole, **changed)


def test_only_what_was_verified_says_so() -> None:
    assert [each.version for each in VERSIONS if each.verified] == ["2.0.10"]
    for facts in VERSIONS:
        build = "timecho" if facts.edition is Edition.TIMECHO else ""
        found = recognise(facts.version, build)
        assert found.facts == facts
        assert ("not verified" in found.notice) == (not facts.verified)


@pytest.mark.parametrize(
    ("version", "build", "like", "edition"),
    [
        ("2.0.12", "", "2.0.11", Edition.APACHE),
        ("3.1.0", "", "2.0.11", Edition.APACHE),
        ("2.0.9", "", "2.0.8", Edition.APACHE),
        ("1.3.4", "", "2.0.3", Edition.APACHE),
        ("2.0.10-SNAPSHOT", "", "2.0.10", Edition.APACHE),
        ("2.0.10.3", "", "2.0.10.1", Edition.TIMECHO),
        ("2.0.9.2", "", "2.0.9.1", Edition.TIMECHO),
        ("2.0.11", "timecho-5f", "2.0.10.1", Edition.TIMECHO),
        ("", "", "2.0.3", Edition.APACHE),
    ],
)
def test_an_unknown_version_is_taken_for_the_nearest_older_one(
    version: str, build: str, like: str, edition: Edition
) -> None:
    found = recognise(version, build)
    assert found.facts.edition is edition
    assert not found.facts.verified
    assert f"is treated as {like}" in found.notice
    twin = next(each for each in VERSIONS if (each.version, each.edition) == (like, edition))
    assert msgspec.structs.replace(found.facts, version="", verified=False) == msgspec.structs.replace(
        twin, version="", verified=False
    )


@given(st.text(), st.text())
def test_whatever_a_server_calls_itself_is_recognised(version: str, build: str) -> None:
    assert recognise(version, build).facts.title


@pytest.mark.parametrize(
    ("version", "forecast", "classify", "horizon", "privilege"),
    [
        ("2.0.4", "", "", "predict_length", "USE_MODEL"),
        ("2.0.7", "input", "", "predict_length", "USE_MODEL"),
        ("2.0.8", "targets", "", "outputLength", "USE_MODEL"),
        ("2.0.9.4", "targets", "inputs", "outputLength", "USE_MODEL"),
        ("2.0.10", "targets", "input", "outputLength", "SYSTEM"),
    ],
)
def test_names_of_a_version(version: str, forecast: str, classify: str, horizon: str, privilege: str) -> None:
    facts = recognise(version).facts
    assert (facts.forecast_input, facts.classify_input) == (forecast, classify)
    assert (facts.horizon_key, facts.privilege) == (horizon, privilege)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("ACTIVE", "active"),
        ("LOADING", "activating"),
        ("activating", "activating"),
        ("DROPPING", "dropping"),
        ("novel", "novel"),
    ],
)
def test_states_in_the_words_of_today(word: str, said: str) -> None:
    assert state_of(word) == said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("BUILT-IN", "builtin"),
        ("builtin", "builtin"),
        ("BUILT_IN_FORECAST", "builtin"),
        ("USER-DEFINED", "user_defined"),
        ("FINE-TUNED", "fine_tuned"),
    ],
)
def test_categories_in_the_words_of_today(word: str, said: str) -> None:
    assert category_of(word) == said


def test_every_code_has_a_name_and_a_remedy_and_one_meaning() -> None:
    for numbering, own in ((Numbering.CURRENT, AINODE_CODES), (Numbering.BEFORE_2_0_8, AINODE_CODES_BEFORE_2_0_8)):
        codes = [each.status for each in (*SERVER_CODES, *own)]
        assert len(codes) == len(set(codes))
        for status in codes:
            found = meaning_of(status, numbering)
            assert found is not None and found.name and found.remedy
    assert meaning_of(999) is None


def test_older_ainodes_number_their_errors_in_another_way() -> None:
    assert refusal(1505, "x").message == "1505 model not created: x"
    assert refusal(1505, "x", numbering=Numbering.BEFORE_2_0_8).message == "1505 no such model: x"
    assert recognise("2.0.7").facts.numbering is Numbering.BEFORE_2_0_8
    assert recognise("2.0.8").facts.numbering is Numbering.CURRENT


def test_texts_with_and_without_a_code() -> None:
    assert coded(" 1504: no such\nmodel") == (1504, "no such\nmodel")
    assert coded("no code: here") == (0, "no code: here")
    assert refused("1504: gone").status == 1504
    assert refused("gone").message == "gone"
    assert refusal(9999, "odd").message == "9999: odd"
    assert refusal(701, "").message == "701 not accepted: the server says no more"


def test_a_whole_server_lacks_only_what_its_edition_lacks() -> None:
    found = capabilities_of(answers())
    assert set(found.lacking) == {Feature.FINE_TUNING, Feature.COVARIATES}
    assert "never reaches an AINode" in found.reason(Feature.FINE_TUNING)
    assert found.notices == ()
    assert [action for action in ACTION_FEATURES if found.off(action)] == ["model.fine-tune"]


def test_timecho_has_what_apache_lacks() -> None:
    found = capabilities_of(answers(version="2.0.10.1"))
    assert found.lacking == {} and "not verified" in found.notices[0]


def test_a_user_with_few_privileges_is_told_which_and_why() -> None:
    denied = Reply(803, "No permissions for this operation, please add privilege SYSTEM")
    found = capabilities_of(
        answers(
            user="eve",
            privileges=READER,
            replies={Feature.NODES: denied, Feature.MODELS: denied, Feature.QUERIES: Reply()},
        )
    )
    for action in ("model.drop", "model.load", "model.create", "node.remove-ainode", "node.set-configuration"):
        assert "user eve lacks the privilege SYSTEM" in found.off(action)
    assert "WRITE_DATA or INSERT" in found.off("forecast.write")
    assert "lacks the privilege SELECT" in found.off("series.classify")
    assert found.off("series.save") == "" and found.off("series.forecast") == "" and found.off("query.kill") == ""
    assert found.reason(Feature.NODES) and not found.reason(Feature.QUERIES)
    assert any("may not see nodes, models" in each for each in found.notices)


@pytest.mark.parametrize(
    ("privilege", "sees"),
    [("READ_DATA", False), ("READ_SCHEMA", True), ("WRITE_SCHEMA", True), ("READ", True), ("ALL", True)],
)
def test_a_user_who_sees_no_series_is_told_why(privilege: str, sees: bool) -> None:
    rights = Privileges(frozenset((("root.plant.**", privilege),)), None)
    found = capabilities_of(answers(user="eve", privileges=rights))
    assert any("eve sees no devices and series" in each for each in found.notices) is not sees


def test_a_user_without_any_privilege_cannot_forecast() -> None:
    found = capabilities_of(answers(user="eve", privileges=Privileges(frozenset(), frozenset())))
    assert "READ_DATA" in found.off("series.forecast") and "READ_DATA" in found.off("series.save")


def test_privileges_that_the_server_does_not_tell_are_tried() -> None:
    found = capabilities_of(answers(privileges=Privileges()))
    assert set(found.lacking) == {Feature.FINE_TUNING, Feature.COVARIATES}


def test_an_older_user_needs_the_privilege_of_that_version() -> None:
    rights = Privileges(frozenset((("", "USE_MODEL"), ("root.**", "READ"))), None)
    found = capabilities_of(answers(version="2.0.8", privileges=rights))
    assert found.off("model.load") == "" and "SYSTEM" in found.off("node.set-configuration")


@pytest.mark.parametrize("status", [1011, 1013, 1500, 301])
def test_a_missing_ainode_is_no_lack_of_the_server(status: int) -> None:
    found = capabilities_of(answers(ainode=False, replies={Feature.MODELS: Reply(status, "no AINode")}))
    assert not found.reason(Feature.MODELS)
    assert any("no AINode is registered" in each for each in found.notices)


def test_a_statement_that_is_not_known_is_a_lack() -> None:
    found = capabilities_of(answers(version="2.0.8", replies={Feature.CONFIGURATION: Reply(700, "mismatched input")}))
    assert "2.0.8 has no SHOW CONFIGURATION" in found.reason(Feature.CONFIGURATION)
    found = capabilities_of(answers(replies={Feature.REGIONS: Reply(700, "mismatched input")}))
    assert "does not know the statement for regions" in found.reason(Feature.REGIONS)


def test_functions_are_what_the_server_lists_and_else_what_its_version_has() -> None:
    found = capabilities_of(answers(tree_functions=frozenset(), table_functions=frozenset(("FORECAST",))))
    assert "no function FORECAST in the tree dialect" in found.reason(Feature.TREE_FORECAST)
    assert "no function CLASSIFY" in found.off("series.classify")
    assert found.off("series.forecast") == ""  # CALL INFERENCE is left.
    found = capabilities_of(answers(version="2.0.8", tree_functions=None, table_functions=None))
    assert "as far as its documentation says" in found.reason(Feature.CLASSIFY)
    assert not found.reason(Feature.TABLE_FORECAST)


def test_a_server_without_the_table_dialect() -> None:
    found = capabilities_of(answers(table_dialect=False, table_functions=None))
    assert "does not answer" in found.reason(Feature.TABLE_FORECAST)
    assert any("only the tree dialect" in each for each in found.notices)


def test_an_unknown_build_is_explained() -> None:
    assert any("UNKNOWN" in each for each in capabilities_of(answers(build="UNKNOWN")).notices)


def test_the_documents_tables_are_those_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "iotdb.md").read_text("utf-8")
    for facts in VERSIONS:
        [row] = [line for line in page.splitlines() if line.startswith(f"| {facts.title} |")]
        cells = [each.strip() for each in row.strip("|").split("|")]
        assert cells[1] == ("yes" if facts.verified else "not verified")
        assert cells[2:6] == [
            facts.forecast_input or "—",
            facts.classify_input or "—",
            "yes" if facts.tree_forecast else "—",
            facts.horizon_key,
        ]
        assert cells[9:] == [facts.privilege, facts.numbering.value]
    for meaning in (*SERVER_CODES, *AINODE_CODES, *AINODE_CODES_BEFORE_2_0_8):
        assert f"| {meaning.status} | {meaning.name} | {meaning.remedy} |" in page
