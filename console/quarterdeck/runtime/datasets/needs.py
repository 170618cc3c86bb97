"""Datasets that an action names: whether they exist, and samples made ready before the job that needs them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from quarterdeck.runtime.borders import JobRequest
from quarterdeck.runtime.datasets.catalogue import DatasetCatalogue, check_dataset_name
from quarterdeck.runtime.datasets.job_types import SAMPLE_JOB
from quarterdeck.runtime.jobs.service import JobService
from quarterdeck_api.backend import Choice
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import NotFoundError
from quarterdeck_api.jobs import DatasetLocation
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import CompleteParams
from quarterdeck_api.resources import CORE, Address

#: Names of parameters that hold a column of the dataset beside them.
_COLUMN_FIELDS = frozenset({"column", "target", "columns"})


#: Names of parameters that let a new dataset take the place of one that is there.
_REPLACING = ("replace", "overwrite")


def dataset_fields(action: ActionInfo) -> list[str]:
    """Names of the action's parameters that hold a dataset's address."""
    properties: Mapping[str, Mapping[str, Any]] = action.parameters.get("properties", {})
    return [name for name, field in properties.items() if field.get("format") == "dataset"]


class DatasetNeeds:
    """Checks datasets before an action, and has samples imported that nobody has used yet."""

    def __init__(self, datasets: DatasetCatalogue, jobs: JobService) -> None:
        self._datasets = datasets
        self._jobs = jobs

    def check(self, action: ActionInfo, parameters: Mapping[str, Any]) -> None:
        """Raises NotFoundError, with the nearest, when a dataset that is named does not exist, and RefusedError when one that is to be made does."""
        self._check_new(action, parameters)
        for text in self._named(action, parameters):
            self._name(text)

    def prepare(self, action: ActionInfo, parameters: Mapping[str, Any]) -> tuple[int, ...]:
        """The numbers of the jobs that have to succeed first because they import samples; empty when all is there. Raises as `check` does."""
        self._check_new(action, parameters)
        after: dict[int, None] = {}
        for text in self._named(action, parameters):
            name = self._name(text)
            sample = self._datasets.unmade_sample(name)
            if sample is None:
                continue
            key = f"sample:{name}"
            live = self._jobs.live_job(key)
            if live is None:
                request = JobRequest(
                    SAMPLE_JOB, CORE, SAMPLE_JOB, f"core/dataset/{name}", msgspec.to_builtins(sample), {}, key, 10
                )
                live = self._jobs.submit(request).job
            after[live] = None
        return tuple(after)

    def locations(self, action: ActionInfo, parameters: Mapping[str, Any]) -> dict[str, DatasetLocation]:
        """Where the datasets lie that are named and imported already."""
        found: dict[str, DatasetLocation] = {}
        for text in self._named(action, parameters):
            name = self._name(text)
            if self._datasets.unmade_sample(name) is None:
                found[text] = self._datasets.location(name)
        return found

    def complete(
        self, action: ActionInfo, asked: CompleteParams, field: Mapping[str, Any]
    ) -> tuple[Choice, ...] | None:
        """Choices for a field that holds a dataset, or a column of the dataset that is named beside it; None for any other field."""
        if field.get("format") == "dataset":
            return self._datasets_named(asked.prefix)
        known = dataset_fields(action)
        named = next((str(asked.parameters[name]) for name in known if asked.parameters.get(name)), "")
        if asked.field not in _COLUMN_FIELDS or not named:
            return None
        record = self._datasets.get(Address.parse(named, "dataset").name)
        columns = record.value_columns if record is not None else ()
        return tuple(
            Choice(column, "the target" if record and column == record.target else "")
            for column in columns
            if column.startswith(asked.prefix)
        )

    def _datasets_named(self, prefix: str) -> tuple[Choice, ...]:
        bare = prefix.removeprefix("core/dataset/")
        return tuple(
            Choice(record.name, record.title) for record in self._datasets.all() if record.name.startswith(bare)
        )

    def _check_new(self, action: ActionInfo, parameters: Mapping[str, Any]) -> None:
        """Better now than when everything is computed."""
        properties: Mapping[str, Mapping[str, Any]] = action.parameters.get("properties", {})
        for field, schema in properties.items():
            name = str(parameters.get(field) or "")
            if schema.get("format") != "new-dataset" or not name:
                continue
            check_dataset_name(name)
            if not any(parameters.get(each) for each in _REPLACING):
                self._datasets.refuse_existing(name)

    def _named(self, action: ActionInfo, parameters: Mapping[str, Any]) -> list[str]:
        return [str(parameters[name]) for name in dataset_fields(action) if parameters.get(name)]

    def _name(self, text: str) -> str:
        name = Address.parse(text, "dataset").name
        if self._datasets.get(name) is None:
            known = [record.name for record in self._datasets.all()]
            raise NotFoundError(
                f"there is no dataset {name!r}", nearest(name, known, "import one"), f"core/dataset/{name}"
            )
        return name
