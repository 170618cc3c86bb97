"""The core's own actions: cancel and retry jobs, import and remove datasets, and what schedules can do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue, check_dataset_name
from quarterdeck.runtime.datasets.job_types import IMPORT_JOB
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck.runtime.schedules.actions import ScheduleActions
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Address


class CoreActions:
    """Carries out the short actions of the plugin `core`, and completes the requests of its jobs."""

    def __init__(
        self,
        jobs: JobService,
        datasets: DatasetCatalogue,
        schedules: ScheduleActions,
        on_datasets: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._datasets = datasets
        self._schedules = schedules
        self._on_datasets = on_datasets

    def complete(self, request: JobRequest) -> JobRequest:
        """The request as the job needs it; raises UsageError or RefusedError before anything is queued."""
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

    async def check(self, action: ActionInfo, parameters: Mapping[str, Any]) -> None:
        """Raises UsageError or RefusedError when a short action is wrong in what it asks for."""
        await self._schedules.check(action.id, parameters)

    def preview(self, action: ActionInfo, parameters: Mapping[str, Any]) -> ActionResult:
        """What a short action would do."""
        return self._schedules.preview(action.id, parameters) or ActionResult(f"would do {action.id}")

    async def perform(self, action: ActionInfo, address: Address | None, parameters: Mapping[str, Any]) -> ActionResult:
        """Carries out a short action."""
        if (done := await self._schedules.perform(action.id, address, parameters)) is not None:
            return done
        if address is None:
            raise UsageError(f"{action.id} needs the address of a resource", "write it after the action")
        match action.id:
            case "job.cancel":
                record = await self._jobs.cancel(_job_number(address))
                return ActionResult(f"job {record.job} is {record.state.value}, asked to end")
            case "job.retry":
                record = self._jobs.retry(_job_number(address))
                return ActionResult(f"job {record.job} is {record.state.value} again")
            case "dataset.remove":
                self._datasets.remove(address.name)
                self._on_datasets()
                return ActionResult(f"dataset {address.name} is removed")
            case _:
                raise UsageError(f"the core has no action {action.id!r}", "see `quarterdeck plugin info core`")


def _job_number(address: Address) -> int:
    if not address.name.isdigit():
        raise UsageError(f"{address} is not a job's address", "write core/job/NUMBER", str(address))
    return int(address.name)
