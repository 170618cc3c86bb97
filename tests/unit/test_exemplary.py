"""The exemplary plugin in a real host: other suites rely on what it does."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from quarterdeck.config.paths import instance_paths
from quarterdeck.loading.plugins import load_plugins
from quarterdeck.runtime.hosts.supervisor import HostedBackend, HostSupervisor
from quarterdeck_api.backend import ActionRequest
from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.documents import FactsBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError
from quarterdeck_api.host_protocol import BACKEND_DESCRIBE, BACKEND_PERFORM, JobCheckpoint, JobProgress
from quarterdeck_api.jobs import JobSpec, JobState
from quarterdeck_api.protocol import AddressParams, BackendState
from quarterdeck_api.resources import Change, Health, Remove, Resource, Synced, Upsert
from quarterdeck_api.spool import read_result

FOLDER = Path(__file__).parents[1] / "plugins" / "exemplary"


class World:
    """What the runtime would know: resources, states and how jobs ended."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.synced: set[str] = set()
        self.ended: list[int] = []
        self.checkpoints: list[object] = []

    def begin(self, backend: str) -> None:
        self.synced.discard(backend)

    def apply(self, backend: str, changes: tuple[Change, ...]) -> None:
        for change in changes:
            match change:
                case Upsert(resource):
                    self.resources[resource.address] = resource
                case Remove(address):
                    self.resources.pop(address, None)
                case Synced():
                    self.synced.add(backend)
                case _:
                    pass

    def set_backend(self, state: BackendState) -> None:
        pass

    def on_progress(self, progress: JobProgress) -> None:
        pass

    def on_checkpoint(self, checkpoint: JobCheckpoint) -> None:
        self.checkpoints.append(checkpoint.value)

    def on_ended(self, job: int, token: int) -> None:
        self.ended.append(job)

    def on_lost(self, job: int, token: int, error: object) -> None:
        raise AssertionError(f"job {job} was lost: {error}")

    def on_free(self) -> None:
        pass


@pytest.fixture
def plugin(home: Path) -> PluginStatus:
    variables = {**os.environ, "QUARTERDECK_PLUGIN_PATH": str(FOLDER)}
    statuses = load_plugins(instance_paths(), environment=variables, limit=60)
    return next(status for status in statuses if status.id == "exemplary")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def cells(world: World, name: str, backend: str = "exemplary", kind: str = "node") -> tuple[object, ...]:
    return world.resources[f"{backend}/{kind}/{name}"].cells


def test_nodes_are_pushed_pinged_removed_and_restored(plugin: PluginStatus, home: Path) -> None:
    async def scenario() -> None:
        world = World()
        hosts = HostSupervisor(world, world, home / "logs", rng=Random(1))
        try:
            await hosts.start_plugin(plugin, [HostedBackend("exemplary", "exemplary", {}, embedded=True)])
            await until(lambda: "exemplary" in world.synced)
            assert sorted(world.resources) == [f"exemplary/node/n{number}" for number in (1, 2, 3)]

            async def perform(action: str, name: str = "n1", **more: object) -> str:
                request = ActionRequest(action, f"exemplary/node/{name}", {"text": "ahoy"}, dry_run=bool(more))
                return (await hosts.call("exemplary", BACKEND_PERFORM, request, 60, changes_something=True)).statement

            assert await perform("node.ping", dry_run=True) == "PING n1 ahoy"
            assert cells(world, "n1") == (0, "")
            await perform("node.ping")
            await until(lambda: cells(world, "n1") == (1, "ahoy"))
            address = AddressParams("exemplary/node/n1")
            block = (await hosts.call("exemplary", BACKEND_DESCRIBE, address, 60)).blocks[0]
            assert isinstance(block, FactsBlock) and block.facts[0].value == 1
            await perform("node.remove", "n2")
            await until(lambda: "exemplary/node/n2" not in world.resources)
            with pytest.raises(NotFoundError):
                await perform("node.ping", "n2")
            await perform("node.restore", "n2")
            await until(lambda: "exemplary/node/n2" in world.resources)
            with pytest.raises(QuarterdeckError):
                await perform("node.crash")
        finally:
            await hosts.close()

    asyncio.run(scenario())


def test_many_rows_come_and_change(plugin: PluginStatus, home: Path) -> None:
    async def scenario() -> None:
        world = World()
        hosts = HostSupervisor(world, world, home / "logs", rng=Random(1))
        settings = {"rows": 3000, "changes_per_second": 500}
        try:
            await hosts.start_plugin(plugin, [HostedBackend("crowd", "exemplary.many", settings)])
            await until(lambda: "crowd" in world.synced)
            assert len(world.resources) == 3000
            first = cells(world, "item-000000", "crowd", "item")
            assert len(first) == 8 and world.resources["crowd/item/item-000010"].health is Health.DEGRADED
            before = dict(world.resources)
            await until(lambda: sum(world.resources[key] != row for key, row in before.items()) > 20)
        finally:
            await hosts.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("fail", [False, True])
def test_host_jobs_end_as_they_are_told(plugin: PluginStatus, home: Path, fail: bool) -> None:
    assert plugin.catalogue is not None
    job_type = next(each for each in plugin.catalogue.jobs if each.id == "exemplary.host-sleep")
    spec = JobSpec(
        job=1,
        token=10,
        attempt=2,
        job_type=job_type.id,
        implementation=job_type.implementation,
        backend="exemplary",
        backend_factory="quarterdeck_exemplary.backends:open_nodes",
        backend_settings={},
        address="exemplary/node/n1",
        parameters={"seconds": 0.05, "steps": 3, "fail": fail, "artefact": True},
        settings={},
        datasets={},
        lease_path=str(home / "leases" / "1.10"),
        log_path=str(home / "logs" / "job.log"),
        spool_folder=str(home / "spool" / "1.10"),
        checkpoint=1,
    )
    for folder in (spec.lease_path, spec.log_path, spec.spool_folder):
        Path(folder).parent.mkdir(parents=True, exist_ok=True)

    async def scenario() -> None:
        world = World()
        hosts = HostSupervisor(world, world, home / "logs", rng=Random(1))
        try:
            await hosts.start_plugin(plugin, [HostedBackend("exemplary", "exemplary", {}, embedded=True)])
            await until(lambda: "exemplary" in world.synced)
            await hosts.start(plugin, job_type, spec)
            await until(lambda: world.ended == [1])
            assert world.checkpoints == [2, 3]
        finally:
            await hosts.close()

    asyncio.run(scenario())
    result = read_result(Path(spec.spool_folder), spec.token)
    assert result is not None
    if fail:
        assert result.state is JobState.FAILED and result.error is not None and "told to fail" in result.error.message
        return
    assert result.state is JobState.SUCCEEDED and result.value is not None, result.error
    assert (result.value.data["first_step"], result.value.data["attempt"]) == (1, 2)
    assert [each.name for each in result.artefacts] == ["slept.txt"]
