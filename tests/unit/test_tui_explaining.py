"""Sentences that say why something is as it is."""

from quarterdeck.tui.explaining import explain_backend, explain_resource
from quarterdeck_api.catalogue import Column
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import Health, Link, Resource

NODE = Resource("plant/node/one", "1", Health.FAILED, "down", "no route")
JOBS = (
    (Resource("core/job/2", "2", Health.FAILED, "failed", "no data"), "plant/model/m"),
    (Resource("core/job/10", "10", Health.STOPPED, "cancelled"), "plant/model/m"),
    (Resource("core/job/11", "11", Health.BUSY, "running"), "plant/model/m"),
    (Resource("core/job/12", "12", Health.FAILED, "failed"), "plant/model/other"),
)


def explained(resource: Resource, backend: BackendState | None = None, *columns: str) -> str:
    known = {NODE.address: NODE}
    return "\n".join(
        explain_resource(resource, [Column(each, each) for each in columns], backend, JOBS, known.get, 1_700_000_100.0)
    )


def test_everything_that_is_known_is_said() -> None:
    model = Resource(
        "plant/model/m",
        "m",
        Health.DEGRADED,
        "stale",
        "its node is away",
        1_700_000_000.0,
        cells=("load it again",),
        parent="plant/node/one",
        links=(Link("dataset", "core/dataset/airline"),),
        actions_off={"model.load": "it is loaded"},
    )
    backend = BackendState(
        "plant", "ainode.iotdb", "ainode", "Plant", "unreachable", "refused", "start it", read_only=True
    )
    text = explained(model, backend, "remedy")
    for sentence in (
        "plant/model/m is degraded (stale), since ",
        "The reason: its node is away",
        "What to do: load it again",
        "The backend plant (ainode.iotdb) is unreachable.",
        "What to do: start it",
        "plant is read-only",
        "It is part of plant/node/one, which has failed (down): no route.",
        "Its dataset is core/dataset/airline.",
        "core/job/11 is running for it.",
        "Its last job that ended, core/job/10, was cancelled.",
        "model.load cannot be done: it is loaded",
    ):
        assert sentence in text, sentence
    assert "core/job/12" not in text


def test_a_failure_without_reason_is_said_as_such() -> None:
    assert "plant gives no reason." in explained(Resource("plant/model/x", "x", Health.FAILED))
    assert "reason" not in explained(Resource("plant/model/x", "x", Health.OK))


def test_a_job_names_what_it_is_for() -> None:
    job = Resource("core/job/3", "3", Health.OK, "succeeded", cells=("plant/node/one",))
    assert "It is for plant/node/one, which has failed (down): no route." in explained(job, None, "target")


def test_a_backend_that_syncs_says_so() -> None:
    assert explain_backend(BackendState("b", "t", "p", "B", "ready"), 0.0) == [
        "The backend b (t) is ready.",
        "It has not yet said everything that it has.",
    ]
