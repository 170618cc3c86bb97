"""The actions on processes: checked before anything is journalled, then carried out."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck.runtime.processes.host_side import HostSide
from quarterdeck.runtime.processes.instance import Instance
from quarterdeck.runtime.processes.process_store import ProcessStore
from quarterdeck.runtime.processes.records import ProcessRecord, split_instance
from quarterdeck.runtime.processes.supervisor import ProcessSupervisor
from quarterdeck.runtime.processes.surroundings import ProcessSurroundings
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.documents import Document, TableBlock
from quarterdeck_api.errors import NotFoundError, QuarterdeckError, RefusedError, UnreachableError, UsageError
from quarterdeck_api.processes import ControlAnswer, ControlMessage, DesiredState, ProcessSpec
from quarterdeck_api.resources import CORE, Address
from quarterdeck_api.wire import encode_value

#: Seconds beyond its grace that a stop or a removal is waited for, and the most in all.
_MARGIN = 5.0
_LONGEST_WAIT = 30.0
#: What may be done to processes of a read-only backend too: they change nothing any more then.
_ALWAYS = ("process.stop", "process.remove")


class ProcessActions:
    """Creates, starts, stops, scales, configures, tells and removes processes; an ActionGroup of the core. `clock` gives Unix seconds."""

    def __init__(
        self,
        store: ProcessStore,
        supervisor: ProcessSupervisor,
        surroundings: ProcessSurroundings,
        hosts: HostSide,
        publish: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._surroundings = surroundings
        self._hosts = hosts
        self._publish = publish
        self._clock = clock

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError, NotFoundError or RefusedError when an action is wrong in what it asks for."""
        if request.action == "process.create":
            self._refuse_existing(str(request.parameters["name"]))
            self._surroundings.refuse_read_only(self._asked(request).backend)
            return
        if request.address is not None and request.action.startswith("process.") and request.action not in _ALWAYS:
            record = self._store.find(split_instance(request.address.name)[0])
            if record is not None:
                self._surroundings.refuse_read_only(record.spec.backend)
        if request.action == "process.configure" and request.address is not None:
            if not request.settings:
                raise UsageError("nothing is to be configured", "write --set KEY=VALUE")
            self._configured(self._store.get(request.address.name), dict(request.settings))

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """What creating a process would do; None for another action."""
        if request.action != "process.create":
            return None
        spec = self._asked(request)
        return ActionResult(f"would keep {spec.count} of {spec.process_type} for {spec.backend} as {spec.name}")

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """What a process's type takes; nothing is required, since what was given stays."""
        if action != "process.configure":
            return None
        spec = self._store.get(address.name).spec
        info = self._surroundings.known_type(spec.plugin, spec.process_type)
        if info is None:
            raise UnreachableError(
                f"plugin {spec.plugin} has no {spec.process_type} now", "see `quarterdeck plugin list`"
            )
        return _unrequired(info.parameters, info.parameters.get("properties", {}))

    def new_parameters(self, parameters: Mapping[str, Any]) -> JsonSchema | None:
        """What a new process's type takes; None while no type that is known has been said. What `parameters` give is not required."""
        _, info = self._surroundings.types().get(str(parameters.get("type", "")), ("", None))
        if info is None:
            return None
        given = parameters.get("parameters", {})
        return _unrequired(info.parameters, given)

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Carries out an action on processes; None when it is not one of them."""
        if not request.action.startswith("process."):
            return None
        if request.action == "process.create":
            return self._create(request)
        if request.address is None:
            return None
        if request.address.kind == "instance":
            return await self._on_instance(request, request.address.name)
        record = self._store.get(request.address.name)
        name = record.spec.name
        match request.action:
            case "process.start":
                self._store.set_desired(name, DesiredState.RUNNING)
                self._supervisor.begin_anew(name)
                return self._noted(record, request, f"process {name} is wanted to run")
            case "process.stop":
                self._store.set_desired(name, DesiredState.STOPPED)
                self._noted(record, request, "")
                return await self._stopped(name, f"process {name} is stopped", f"process {name} is being stopped")
            case "process.restart":
                self._supervisor.restart(self._supervisor.instances(name))
                return self._noted(record, request, f"process {name} is restarted")
            case "process.scale":
                count = int(request.parameters["count"])
                self._store.save(replace(record, spec=replace(record.spec, count=count)))
                return self._noted(record, request, f"process {name} is kept with {count}", f"to {count}")
            case "process.configure":
                self._store.save(self._configured(record, dict(request.settings)))
                self._supervisor.restart(self._supervisor.instances(name))
                return self._noted(record, request, f"process {name} is configured and restarted")
            case "process.control":
                return await self._control(self._supervisor.instances(name), request)
            case "process.remove":
                self._store.save(replace(record, removed=True))
                self._supervisor.wake()
                return await self._stopped(name, f"process {name} is removed", f"process {name} is being removed")
            case _:
                return None

    def _create(self, request: CoreRequest) -> ActionResult:
        spec = self._asked(request)
        self._refuse_existing(spec.name)
        self._store.save(ProcessRecord(spec, self._clock()))
        return self._noted(self._store.get(spec.name), request, f"process {spec.name} is created")

    async def _on_instance(self, request: CoreRequest, name: str) -> ActionResult | None:
        instance = self._supervisor.instance(name)
        if instance is None:
            raise NotFoundError(f"there is no instance {name!r}", "see `quarterdeck get instances`")
        match request.action:
            case "process.restart":
                self._supervisor.restart([instance])
                return ActionResult(f"{name} is restarted")
            case "process.control":
                return await self._control([instance], request)
            case _:
                return None

    async def control_one(self, name: str, message: ControlMessage, timeout: float) -> ControlAnswer:
        """Sends a control message to an instance; a process's name means its first one."""
        process, number = split_instance(name)
        record = self._store.get(process)
        instance = next((each for each in self._supervisor.instances(process) if each.record.number == number), None)
        if instance is None:
            raise NotFoundError(f"there is no instance {name!r}", f"process {process} has {record.spec.count}")
        return await self._hosts.control(record.spec.plugin, instance.name, message, timeout)

    async def _control(self, instances: list[Instance], request: CoreRequest) -> ActionResult:
        message = ControlMessage(str(request.parameters["message"]), request.parameters.get("body"))
        timeout = float(request.parameters.get("timeout", 5.0))
        alive = [instance for instance in instances if instance.guarded is not None]
        if not alive:
            raise UnreachableError("no instance runs", "start the process first")
        answers = await asyncio.gather(
            *(self.control_one(each.name, message, timeout) for each in alive), return_exceptions=True
        )
        rows: list[tuple[str, str]] = []
        failed: list[QuarterdeckError] = []
        for instance, answer in zip(alive, answers, strict=True):
            if isinstance(answer, ControlAnswer):
                rows.append((instance.name, bytes(encode_value(answer.body)).decode()))
            elif isinstance(answer, QuarterdeckError):
                failed.append(answer)
                rows.append((instance.name, answer.message))
            elif answer is not None:
                raise answer
        if failed:
            others = f" ({len(rows) - len(failed)} of {len(rows)} answered)" if len(rows) > 1 else ""
            raise type(failed[0])(f"{failed[0].message}{others}", failed[0].remedy, failed[0].address)
        document = Document(f"{message.name}", (TableBlock(("Instance", "Answer"), tuple(rows), "Answers"),))
        answered = rows[0][1] if len(rows) == 1 else f"{len(rows)} answers"
        return ActionResult(f"{message.name}: {answered}", document=document)

    async def _stopped(self, name: str, done: str, under_way: str) -> ActionResult:
        """Waits until nothing of a process runs, for as long as its grace and a little more."""
        self._publish(name)
        self._supervisor.wake()
        removed = (record := self._store.known(name)) is not None and record.removed
        wait = min(self._surroundings.grace_of(name) + _MARGIN, _LONGEST_WAIT)

        def ended() -> bool:
            if removed:
                return self._store.known(name) is None
            return not any(each.alive for each in self._supervisor.instances(name))

        return ActionResult(done if await self._supervisor.until(ended, wait) else under_way)

    def _noted(self, record: ProcessRecord, request: CoreRequest, message: str, detail: str = "") -> ActionResult:
        """Writes an action into the process's history, and has everything know of the change."""
        word = request.action.partition(".")[2]
        self._store.note(record.spec.name, word, f"{detail} by {request.actor}".strip() if request.actor else detail)
        self._publish(record.spec.name)
        self._supervisor.wake()
        return ActionResult(message)

    def _refuse_existing(self, name: str) -> None:
        if self._store.known(name) is not None:
            raise RefusedError(
                f"there is a process {name} already",
                f"choose another name, or remove it first: quarterdeck processes remove {name} --yes",
                str(Address(CORE, "process", name)),
            )

    def _asked(self, request: CoreRequest) -> ProcessSpec:
        parameters = request.parameters
        plugin, info = self._surroundings.type_named(str(parameters["type"]))
        return ProcessSpec(
            name=str(parameters["name"]),
            process_type=info.id,
            plugin=plugin,
            backend=self._surroundings.backend_for(plugin, str(parameters.get("backend", ""))),
            parameters=self._surroundings.checked(info, {**parameters.get("parameters", {}), **request.settings}),
            desired=DesiredState.RUNNING if parameters.get("start", True) else DesiredState.STOPPED,
            count=int(parameters.get("count", 1)),
        )

    def _configured(self, record: ProcessRecord, settings: dict[str, Any]) -> ProcessRecord:
        spec = record.spec
        _, info = self._surroundings.type_named(spec.process_type)
        parameters = self._surroundings.checked(info, {**spec.parameters, **settings})
        return replace(record, spec=replace(spec, parameters=parameters))


def _unrequired(schema: JsonSchema, given: Collection[str]) -> JsonSchema:
    """A schema in which what is given already neither has to be said again, nor falls back to its default."""
    properties: dict[str, Any] = {
        name: {key: value for key, value in field.items() if name not in given or key != "default"}
        for name, field in schema.get("properties", {}).items()
    }
    required = [name for name in schema.get("required", []) if name not in given]
    return {**schema, "properties": properties, "required": required}
