"""What jobs and controllers ask of the runtime about processes; whatever changes something is an action like any user's."""

from collections.abc import Awaitable, Callable

from quarterdeck.runtime.processes.actions import ProcessActions
from quarterdeck.runtime.processes.process_store import ProcessStore
from quarterdeck.runtime.processes.records import split_instance
from quarterdeck.runtime.processes.supervisor import ProcessSupervisor
from quarterdeck_api.errors import NotFoundError, RefusedError, error_from_report
from quarterdeck_api.process_requests import ProcessAddress, ProcessEnsure, ProcessReadiness
from quarterdeck_api.processes import ControlAnswer, DesiredState, ProcessControl, ProcessName
from quarterdeck_api.protocol import DoParams, DoResult
from quarterdeck_api.resources import CORE, Address, Health
from quarterdeck_api.wire import Nothing

Do = Callable[[str, DoParams], Awaitable[DoResult]]


class ProcessRequests:
    """Answers the methods of `process_requests`. `do` carries out an action for an actor, through policy and journal."""

    def __init__(self, store: ProcessStore, supervisor: ProcessSupervisor, actions: ProcessActions, do: Do) -> None:
        self._store = store
        self._supervisor = supervisor
        self._actions = actions
        self._do = do

    async def ensure(self, actor: str, asked: ProcessEnsure) -> ProcessAddress:
        """Has a process exist and run as asked; raises RefusedError when another one bears the name, and what the actions answer."""
        address = str(Address(CORE, "process", asked.name))
        record = self._store.find(asked.name)
        if record is None:
            wanted = {
                "type": asked.process_type,
                "name": asked.name,
                "backend": asked.backend,
                "count": asked.count,
                "parameters": asked.parameters,
            }
            await self._act(actor, DoParams("process.create", parameters=wanted))
            return ProcessAddress(address)
        spec = record.spec
        if (spec.process_type, spec.backend) != (asked.process_type, asked.backend):
            raise RefusedError(
                f"process {asked.name} is a {spec.process_type} of {spec.backend}, not a {asked.process_type} of {asked.backend}",
                "choose another name, or remove it first",
                address,
            )
        changed = {name: value for name, value in asked.parameters.items() if spec.parameters.get(name) != value}
        if changed:
            await self._act(actor, DoParams("process.configure", (address,), settings=changed))
        if spec.count != asked.count:
            await self._act(actor, DoParams("process.scale", (address,), {"count": asked.count}))
        if spec.desired is not DesiredState.RUNNING:
            await self._act(actor, DoParams("process.start", (address,)))
        return ProcessAddress(address)

    async def remove(self, actor: str, asked: ProcessName) -> Nothing:
        """Ends a process and forgets it; nothing happens when there is none."""
        if self._store.find(asked.name) is not None:
            address = str(Address(CORE, "process", asked.name))
            await self._act(actor, DoParams("process.remove", (address,), confirmed=True))
        return Nothing()

    async def control(self, _: str, asked: ProcessControl) -> ControlAnswer:
        """Sends a control message to one instance and raises what it answers; a plugin's talk with its own processes is not journalled."""
        process, number = split_instance(asked.instance)
        name = f"{process}.{number}"
        if self._supervisor.instance(name) is None:
            raise NotFoundError(f"there is no instance {name!r}", "see `quarterdeck get instances`")
        return await self._actions.control_one(name, asked.message, asked.timeout)

    async def ready(self, _: str, asked: ProcessName) -> ProcessReadiness:
        """Whether every wanted instance runs and is well; raises NotFoundError."""
        record = self._store.get(asked.name)
        if record.spec.desired is not DesiredState.RUNNING:
            return ProcessReadiness(False, f"process {asked.name} is stopped")
        instances = self._supervisor.instances(asked.name)
        for number in range(1, record.spec.count + 1):
            found = next((each for each in instances if each.record.number == number), None)
            if found is None or not found.running or found.restart_asked:
                why = f": {found.record.reason}" if found is not None and found.record.reason else ""
                return ProcessReadiness(False, f"{asked.name}.{number} is not ready{why}")
            if found.limits.beats and found.health not in (Health.OK, Health.BUSY):
                said = f"{found.name} is {found.health.value}: {found.message}".rstrip(": ")
                return ProcessReadiness(False, said, found.health)
        return ProcessReadiness(True)

    async def _act(self, actor: str, request: DoParams) -> None:
        for outcome in (await self._do(actor, request)).outcomes:
            if outcome.error is not None:
                raise error_from_report(outcome.error)
