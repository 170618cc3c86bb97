"""Databases, regions, devices of tables and nodes by recorded answers: what is passed over, what is said, and what is not there."""

from types import SimpleNamespace
from typing import Any

import pytest

from quarterdeck_ainode.iotdb.browsed.cluster_lists import (
    database_resources,
    read_databases,
    region_resource,
    regions_of,
    ttl_of,
)
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_fact, ttl_text
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.faults import refused
from quarterdeck_ainode.iotdb.client.rows import Rows
from quarterdeck_ainode.iotdb.described.describing import Describing
from quarterdeck_ainode.iotdb.described.schema import describe_database, describe_device
from quarterdeck_ainode.iotdb.mirrored.cluster_state import ClusterNode, NodeType
from quarterdeck_ainode.iotdb.mirrored.looking import ClusterLook
from quarterdeck_ainode.iotdb.mirrored.own_ainode import OwnAINode
from quarterdeck_ainode.iotdb.mirrored.reachability import Reachability
from quarterdeck_api.documents import Document, FactsBlock, TableBlock, TextBlock
from quarterdeck_api.errors import CallTimeoutError, NotFoundError, QuarterdeckError
from quarterdeck_api.resources import Resource

TREE, TABLE = Dialect.TREE, Dialect.TABLE
DATABASES = "SHOW DATABASES DETAILS"


def rows(*columns: str, values: tuple[tuple[Any, ...], ...] = ()) -> Rows:
    return Rows(columns, ("TEXT",) * len(columns), values)


class Server:
    """Answers by the beginning of a statement and its dialect; what it was not told is an error of the test."""

    def __init__(self, answers: dict[tuple[str, Dialect], Rows | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def rows(self, statement: str, *, dialect: Dialect = TREE, **more: Any) -> Rows:
        self.asked.append(statement)
        answer = next(
            found for (begin, of), found in self.answers.items() if statement.startswith(begin) and of is dialect
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def precision(self) -> int:
        return 1000


TREES = rows("Database", values=(("root.plant",), ("root.`a.b`",)))
TABLES = rows("Database", "TTL(ms)", values=(("plant", "INF"), ("root", "3600000"), ("information_schema", "INF")))
LIMITS = rows("Device", "TTL(ms)", values=(("root.**", "INF"), ("root.`a.b`", "5"), ("root.`a.b`.**", "7200000")))


def server(**more: Any) -> Any:
    return Server(
        {
            (DATABASES, TREE): TREES,
            (DATABASES, TABLE): TABLES,
            ("SHOW ALL TTL", TREE): LIMITS,
            ("SHOW REGIONS", TREE): refused("803: SYSTEM"),
            **more.get("answers", {}),
        }
    )


def make(kind: str, name: str, **named: Any) -> Resource:
    return Resource(f"plant/{kind}/{name}", name, reason=named.get("reason", ""), cells=tuple(named["cells"].values()))


def facts(document: Document) -> dict[str, Any]:
    return {
        fact.label: fact.value for block in document.blocks if isinstance(block, FactsBlock) for fact in block.facts
    }


def test_a_server_without_the_table_dialect_has_the_tree_s_databases_only() -> None:
    lacking = server(answers={(DATABASES, TABLE): refused("700: mismatched input")})
    assert [each.name for each in database_resources(lacking, make)] == ["root.plant", "root.`a.b`"]


@pytest.mark.parametrize("error", [refused("803: no privilege"), refused("720: too slow"), CallTimeoutError("silent")])
@pytest.mark.parametrize("dialect", Dialect)
def test_databases_that_cannot_be_had_for_another_reason_are_not_passed_over(
    error: QuarterdeckError, dialect: Dialect
) -> None:
    with pytest.raises(type(error), match=error.message):
        database_resources(server(answers={(DATABASES, dialect): error}), make)


def test_the_time_to_live_of_a_tree_is_that_of_the_nearest_pattern() -> None:
    limits = {"root.**": "INF", "root.a.**": "5", "root.a.b": "6", "root.a.`b.c`.**": "7"}
    assert [ttl_of(path, limits) for path in ("root.x", "root.a", "root.a.b", "root.a.`b.c`", "root.a.`b.c`.d")] == [
        *("INF", "5", "5", "7", "7")
    ]
    assert ttl_of("root.x", {}) == ""
    assert [each["ttl(ms)"] for each in read_databases(server(), TREE)] == ["INF", "7200000"]
    assert facts(describe_database(counting(), "plant/database/root.`a.b`", "root.`a.b`"))["Time to live"] == "2 h"


def test_a_time_to_live_that_the_user_may_not_see_is_not_said_to_be_without_limit() -> None:
    hidden = counting({("SHOW ALL TTL", TREE): rows("Device", "TTL(ms)")})
    assert facts(describe_database(hidden, "plant/database/root.plant", "root.plant"))["Time to live"] == "not told"
    refusing = counting({("SHOW ALL TTL", TREE): refused("803: no privilege")})
    assert facts(describe_database(refusing, "plant/database/root.plant", "root.plant"))["Time to live"] == "not told"


@pytest.mark.parametrize(
    ("written", "text", "fact"),
    [
        ("INF", None, "no limit"),
        ("", None, "not told"),
        ("3600000000000", "1,000,000 h", "1,000,000 h"),
        ("1234567891", "1,234,567.891 s", "1,234,567.891 s"),
    ],
)
def test_no_time_to_live_loses_a_digit(written: str, text: str | None, fact: str) -> None:
    assert (ttl_text(written), ttl_fact(written)) == (text, fact)


def counting(more: dict[tuple[str, Dialect], Any] | None = None, tables: int = 2) -> Any:
    listed = tuple(("root", f"t{number}", "INF", "a", "BASE TABLE") for number in range(min(tables, 50)))
    return server(
        answers={
            ("COUNT", TREE): rows("count", values=((4,),)),
            ("SELECT count(*)", TABLE): rows("count", values=((tables,),)),
            ("SELECT * FROM information_schema.tables", TABLE): rows(
                "database", "table_name", "ttl(ms)", "comment", "table_type", values=listed
            ),
            **(more or {}),
        }
    )


def test_a_database_of_tables_may_be_called_root() -> None:
    document = describe_database(counting(), "plant/database/root", "root")
    assert facts(document) | {"Data model": "table", "Time to live": "1 h", "Tables": 2} == facts(document)


def test_more_tables_than_a_page_shows_are_counted_and_said() -> None:
    document = describe_database(counting(tables=70), "plant/database/root", "root")
    assert facts(document)["Tables"] == 70
    [shown] = [each for each in document.blocks if isinstance(each, TableBlock)]
    assert shown.title == "The first 50 tables" and len(shown.rows) == 50


def test_regions_that_are_not_seen_are_said() -> None:
    document = describe_database(counting(), "plant/database/root", "root")
    assert any(isinstance(each, TextBlock) and "803 not permitted" in each.text for each in document.blocks)


def test_a_region_says_which_copy_it_is_not_well_for() -> None:
    common = {"type": "DataRegion", "database": "root.a", "regionid": "3"}
    [region] = regions_of(
        [
            {**common, "datanodeid": "1", "role": "Leader", "status": "Running"},
            {**common, "datanodeid": "2", "role": "Follower", "status": "Unknown"},
        ]
    )
    assert region_resource(make, region).reason == "its copy on DataNode 2 is Unknown"


def test_a_page_of_a_node_comes_without_what_a_silent_cluster_does_not_tell() -> None:
    class Silent:
        asked = 0

        def rows(self, statement: str, *, dialect: Dialect = TREE) -> Rows:
            self.asked += 1
            raise CallTimeoutError("10.0.0.1 did not answer")

    silent = Silent()
    look = ClusterLook((ClusterNode(1, NodeType.DATA_NODE, "Running", "", "h", 1, "", 0, "2.0.10", ""),))
    looking: Any = SimpleNamespace(latest=look, silence="10.0.0.1 hangs")
    reachability = Reachability(local=False)
    client: Any = silent
    document = Describing(client, looking, reachability, OwnAINode()).document("plant/node/datanode-1")
    assert facts(document)["Regions"] == "not to be seen: 10.0.0.1 did not answer"
    first = document.blocks[0]
    assert isinstance(first, TextBlock) and first.text == "10.0.0.1 hangs; this is what was seen last."
    said = [each.title for each in document.blocks if isinstance(each, TextBlock) and "did not answer" in each.text]
    assert said == ["Connected", "Services"] and silent.asked == 1, "a question more would last as long again"


COLUMNS = rows(
    *("ColumnName", "DataType", "Category"),
    values=(("time", "TIMESTAMP", "TIME"), ("press", "STRING", "TAG"), ("t", "DOUBLE", "FIELD")),
)


def device_server(*devices: tuple[str, ...]) -> Any:
    return Server(
        {
            ("DESCRIBE", TABLE): COLUMNS,
            ("SHOW DEVICES FROM", TABLE): rows("press", values=devices),
            ("SELECT", TABLE): rows("c", "f", "l", "v", values=((1, 1000, 1000, 2.5),)),
        }
    )


def test_a_device_of_a_table_is_described_when_there_is_one() -> None:
    client = device_server(("4",))
    document = describe_device(client, "plant/device/p.t", 'p.t[PRESS="4"]')
    assert facts(document) == {"Table": "p.t", "Tag PRESS": "4"}
    assert 'SHOW DEVICES FROM "p"."t" WHERE "PRESS" = \'4\' LIMIT 1 OFFSET 0' in client.asked


@pytest.mark.parametrize(
    ("name", "said"), [('p.t[press="5"]', "there is no device"), ('p.t[site="4"]', "has no tag 'site'")]
)
def test_a_device_that_no_table_has_is_not_described(name: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        describe_device(device_server(), f"plant/device/{name}", name)
