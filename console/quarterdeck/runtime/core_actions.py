"""The core's own actions: cancel and retry jobs, import and remove datasets, and those of its groups (schedules, controllers …)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue, check_dataset_name
from quarterdeck.runtime.datasets.export_terms import ExportParameters, check_export
from quarterdeck.runtime.datasets.job_types import EXPORT_JOB, IMPORT_JOB
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Address


class CoreRequest(Struct, frozen=True):
    """A short action of the core on one address (None: a standalone one), checked against the schemas; `actor` is as in the journal."""

    action: str
    address: Address | None
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any] = {}
    actor: str = ""


class ActionGroup(Protocol):
    """Some of the core's short actions, answered by one part of the runtime."""

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError or RefusedError when one of its actions is wrong in what it asks for, before anything is journalled."""
        ...

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """What one of its actions would do; None when there is no more to say than its name."""
        ...

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """The schema of `--set` for one of its actions on a resource; None when it has none."""
        ...

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Carries out one of its actions; None when it is not one of them."""
        ...


class CoreActions:
    """Carries out the short actions of the plugin `core`, and completes the requests of its jobs."""

    def __init__(
        self,
        jobs: JobService,
        datasets: DatasetCatalogue,
        on_datasets: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._datasets = datasets
        self._on_datasets = on_datasets
        self._groups: list[ActionGroup] = []
        self._of_new: dict[str, Callable[[Mapping[str, Any]], JsonSchema | None]] = {}

    def add(self, group: ActionGroup) -> None:
        """Lets a part of the runtime answer for its actions."""
        self._groups.append(group)

    def on_new(self, action: str, schema: Callable[[Mapping[str, Any]], JsonSchema | None]) -> None:
        """Lets a standalone action take settings (--set) whose schema depends on its parameters."""
        self._of_new[action] = schema

    def new_parameters(self, action: str, parameters: Mapping[str, Any]) -> JsonSchema | None:
        """The schema of the settings of something new; None when it has none, or while the parameters do not say."""
        schema = self._of_new.get(action)
        return schema(parameters) if schema is not None else None

    def complete(self, request: JobRequest) -> JobRequest:
        """The request as the job needs it; raises UsageError or RefusedError before anything is queued."""
        if request.job_type == EXPORT_JOB:
            return self._export(request)
        if request.job_type != IMPORT_JOB:
            return request
        parameters = dict(request.parameters)
        file = Path(str(parameters["file"]))
        if not file.is_absolute():
            raise UsageError(f"{file} is not an absolute path", "write the whole path")
        if not file.is_file():
            raise UsageError(f"there is no file {file}", "check its path")
        name = str(parameters.get("name") or "") or file.stem.lower().replace(" ", "-")
        check_dataset_name(name)
        if not parameters.get("replace"):
            self._datasets.refuse_existing(name)
        return replace(request, target=f"core/dataset/{name}", parameters={**parameters, "name": name})

    def _export(self, request: JobRequest) -> JobRequest:
        name = Address.parse(request.target, "dataset").name if request.target else ""
        if self._datasets.get(name) is None:
            raise UsageError("an export needs the dataset that is meant", "write core/dataset/NAME after the action")
        parameters = {**request.parameters, "dataset": name}
        check_export(msgspec.convert(parameters, ExportParameters))
        return replace(request, parameters=parameters)

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError or RefusedError when a short action is wrong in what it asks for."""
        for group in self._groups:
            await group.check(request)

    def preview(self, request: CoreRequest) -> ActionResult:
        """What a short action would do."""
        shown = (group.preview(request) for group in self._groups)
        return next((each for each in shown if each is not None), ActionResult(f"would do {request.action}"))

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """The schema of a resource's own settings for an action of the core; None when it has none."""
        found = (group.own_parameters(action, address) for group in self._groups)
        return next((each for each in found if each is not None), None)

    async def perform(self, request: CoreRequest) -> ActionResult:
        """Carries out a short action."""
        for group in self._groups:
            if (done := await group.perform(request)) is not None:
                return done
        action, address = request.action, request.address
        if address is None:
            raise UsageError(f"{action} needs the address of a resource", "write it after the action")
        match action:
            case "job.cancel":
                record = await self._jobs.cancel(_job_number(address))
                return ActionResult(f"job {record.job} is {record.state.value}, asked to end")
            case "job.retry":
                record = self._jobs.retry(_job_number(address), str(request.parameters.get("from", "")))
                return ActionResult(f"job {record.job} is {record.state.value} again")
            case "dataset.remove":
                self._datasets.remove(address.name)
                self._on_datasets()
                return ActionResult(f"dataset {address.name} is removed")
            case _:
                raise UsageError(f"the core has no action {action!r}", "see `quarterdeck plugin info core`")


def _job_number(address: Address) -> int:
    if not address.name.isdigit():
        raise UsageError(f"{address} is not a job's address", "write core/job/NUMBER", str(address))
    return int(address.name)
