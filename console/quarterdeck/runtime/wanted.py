"""What a request wants of one address, checked, and what is made of it: a job, a question to plugins, an outcome."""

from typing import Any

from msgspec import Struct

from quarterdeck.runtime.borders import JobParent, JobRequest
from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck.runtime.jobs.secret_fields import secret_paths
from quarterdeck.runtime.journal import redact
from quarterdeck_api.authorization import AuthorizationRequest
from quarterdeck_api.catalogue import ActionInfo, JsonSchema
from quarterdeck_api.errors import QuarterdeckError, RefusedError, UnknownOutcomeError
from quarterdeck_api.protocol import DoParams, Outcome
from quarterdeck_api.resources import CORE, Address


class Target(Struct, frozen=True):
    """One address of a request, looked up and checked for kind."""

    plugin: str
    action: ActionInfo
    address: Address | None

    @property
    def text(self) -> str:
        """Its address; for a standalone action the kind that it is about."""
        return str(self.address) if self.address else f"{CORE}/{self.action.kinds[0]}/"

    @property
    def is_core(self) -> bool:
        """Whether the core itself carries the action out."""
        return self.plugin == CORE


class Wanted(Struct, frozen=True):
    """What is to be done to one target, checked against the schemas; `own` is the schema of `settings`."""

    target: Target
    parameters: dict[str, Any]
    settings: dict[str, Any] = {}
    own: JsonSchema = {}
    parent: JobParent | None = None

    @property
    def shown(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters and settings without secrets."""
        return redact(self.parameters, self.target.action.parameters), redact(self.settings, self.own)


def job_request(request: DoParams, wanted: Wanted) -> JobRequest:
    """The job that carries it out."""
    target = wanted.target
    return JobRequest(
        job_type=target.action.job,
        plugin=target.plugin,
        action=target.action.id,
        target=str(target.address) if target.address else "",
        parameters=wanted.parameters,
        settings=wanted.settings,
        # Each of several resources has a live job of its own.
        key=f"{request.key}/{target.address}" if request.key and len(request.addresses) > 1 else request.key,
        priority=request.priority,
        parent=wanted.parent,
        secrets=(
            *(("parameters", *path) for path in secret_paths(wanted.parameters, target.action.parameters)),
            *(("settings", *path) for path in secret_paths(wanted.settings, wanted.own)),
        ),
    )


def authorization(actor: str, wanted: Wanted) -> AuthorizationRequest:
    """What plugins that may refuse are asked, one resource at a time: what is done to each may differ."""
    target = wanted.target
    addresses = (str(target.address),) if target.address else ()
    action = target.action
    return AuthorizationRequest(actor, action.id, addresses, *wanted.shown, action.danger, action.read_only)


def core_request(actor: str, wanted: Wanted) -> CoreRequest:
    """What the core's own actions are asked."""
    target = wanted.target
    return CoreRequest(target.action.id, target.address, wanted.parameters, wanted.settings, actor)


def failed(target: Target, error: QuarterdeckError) -> Outcome:
    """What came of a target that an error ended."""
    status = {UnknownOutcomeError: "unknown", RefusedError: "refused"}.get(type(error), "failed")
    return Outcome(target.text, status, error.message, error=error.report())
