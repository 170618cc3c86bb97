"""What the rollout plugin declares."""

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import PluginInfo, RunsIn
from quarterdeck_api.declarations import Action, BackendType, JobType, Kind
from quarterdeck_api.hooks import hookimpl
from quarterdeck_rollout.parameters import Login, Release, RollOut, Score, Settings


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("rollout", "Rollouts", "1.0", API_VERSION, "Jobs of several steps")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    return [BackendType("rollout", "A cluster", "quarterdeck_rollout.backends:open_cluster", Settings, embedded=True)]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [Kind("deployment", "Deployments")]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    return [
        Action("deployment.roll-out", "Roll out", ("deployment",), RollOut, job="rollout.roll-out"),
        Action("deployment.score", "Score", ("deployment",), Score, job="rollout.score"),
        Action("deployment.release", "Release from a worker", ("deployment",), Release, job="rollout.release"),
        Action(
            "deployment.host-release", "Release from the host", ("deployment",), Release, job="rollout.host-release"
        ),
        Action("deployment.login", "Log in", ("deployment",), Login, job="rollout.login"),
    ]


@hookimpl
def quarterdeck_jobs() -> list[JobType]:
    return [
        JobType("rollout.roll-out", "Roll out", "quarterdeck_rollout.jobs:roll_out", RunsIn.HOST),
        JobType("rollout.score", "Score", "quarterdeck_rollout.jobs:score", grace=1.0),
        JobType("rollout.release", "Release", "quarterdeck_rollout.jobs:release", grace=1.0),
        JobType("rollout.host-release", "Release", "quarterdeck_rollout.jobs:host_release", RunsIn.HOST),
        JobType("rollout.login", "Log in", "quarterdeck_rollout.jobs:login"),
    ]
