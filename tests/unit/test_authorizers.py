"""Plugins that may refuse requests are remembered, so that one that breaks does not let everything pass."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.runtime.authorization import Authorizer, KnownAuthorizers
from quarterdeck.runtime.database import open_database
from quarterdeck_api import API_VERSION
from quarterdeck_api.authorization import Authorization, AuthorizationRequest
from quarterdeck_api.catalogue import Catalogue, Danger, PluginInfo, PluginPhase, PluginStatus
from quarterdeck_api.errors import RefusedError, UnreachableError

REQUEST = AuthorizationRequest("ann", "model.drop", ("plant/model/m",), {}, {}, Danger.NONE, False)


def plugin(name: str, phase: PluginPhase = PluginPhase.READY, *, authorizes: bool = True) -> PluginStatus:
    catalogue = Catalogue(PluginInfo(name, name, "1", API_VERSION), authorizes=authorizes)
    ready = phase is PluginPhase.READY
    return PluginStatus(name, name, "1", phase, "" if ready else "it raises", catalogue=catalogue if ready else None)


class Hosts:
    """Hosts that answer as they are told."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def is_coming(self, name: str) -> bool:
        return False

    async def call_plugin(self, name: str, *_: Any, **__: Any) -> Authorization:
        self.asked.append(name)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


def refusal(tmp_path: Path, plugins: list[PluginStatus], hosts: Hosts, *earlier: list[PluginStatus]) -> str:
    """What a request is refused with; empty when it may be carried out. `earlier` is what was there before, each in a runtime of its own."""
    for before in earlier:
        database = open_database(tmp_path / "state.db")
        KnownAuthorizers(database).follow(before)
        database.close()
    database = open_database(tmp_path / "state.db")
    known = KnownAuthorizers(database)
    known.follow(plugins)
    try:
        asyncio.run(Authorizer(hosts, lambda: plugins, known).check(REQUEST))  # type: ignore[arg-type]
    except RefusedError as error:
        return error.message
    finally:
        database.close()
    return ""


YES = Authorization(True)


def test_all_must_say_yes(tmp_path: Path) -> None:
    plugins = [plugin("a"), plugin("b"), plugin("c", authorizes=False)]
    hosts = Hosts(a=YES, b=YES)
    assert refusal(tmp_path, plugins, hosts) == ""
    assert sorted(hosts.asked) == ["a", "b"]
    assert "by plugin b: too late" in refusal(tmp_path, plugins, Hosts(a=YES, b=Authorization(False, "too late")))
    gone = UnreachableError("its host is gone", "")
    assert "no answer means no: its host is gone" in refusal(tmp_path, plugins, Hosts(a=gone, b=YES))


@pytest.mark.parametrize(
    ("now", "refused"),
    [
        ([plugin("a", PluginPhase.IMPORT)], True),
        ([plugin("a", PluginPhase.TIMEOUT)], True),
        ([plugin("a", PluginPhase.DISABLED)], False),
        ([], False),
        ([plugin("a", authorizes=False)], False),
        ([plugin("a", PluginPhase.IMPORT), plugin("b", PluginPhase.IMPORT)], True),
    ],
)
def test_one_that_breaks_refuses_until_it_is_disabled_or_removed(
    tmp_path: Path, now: list[PluginStatus], refused: bool
) -> None:
    said = refusal(tmp_path, now, Hosts(), [plugin("a")])
    assert ("plugin a, which may refuse requests, cannot be asked: it raises" in said) is refused
    assert bool(said) is refused


def test_it_is_remembered_over_several_broken_runtimes_and_forgotten_once_removed(tmp_path: Path) -> None:
    broken = [plugin("a", PluginPhase.IMPORT)]
    assert refusal(tmp_path, broken, Hosts(), [plugin("a")], broken, broken)
    assert refusal(tmp_path, broken, Hosts(), []) == ""
