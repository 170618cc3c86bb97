"""Clients of a fake DataNode, as the suites of the client use them: with a clock that the test moves, and patience for slow machines."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fake_datanode import FakeDataNode, result, texts
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.settings import IotdbSettings

VERSION = "SHOW VERSION"
CREATE = "CREATE MODEL m USING URI 'file:///m'"
PATIENCE = 60.0

Connect = Callable[..., IotdbClient]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def versioned_node() -> Iterator[FakeDataNode]:
    """A DataNode that knows its version."""
    server = FakeDataNode()
    server.on(VERSION, result([("Version", "TEXT")], texts("2.0.10")))
    try:
        yield server
    finally:
        server.close()


@contextmanager
def connecting(clock: Clock) -> Iterator[Connect]:
    """Makes clients, which are closed at the end."""
    made: list[IotdbClient] = []

    def make(*nodes: FakeDataNode | str, **settings: Any) -> IotdbClient:
        urls = tuple(each if isinstance(each, str) else each.url for each in nodes)
        given = {"connect_timeout": PATIENCE, "inference_timeout": PATIENCE, **settings}
        made.append(IotdbClient(IotdbSettings(nodes=urls, **given), clock, random.Random(1)))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.close()
