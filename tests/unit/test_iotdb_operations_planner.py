"""The planner of loads: what it predicts, and what it refuses because it could not work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quarterdeck_ainode.iotdb.mirrored.cluster_state import CatalogueModel, LoadedInstances
from quarterdeck_ainode.iotdb.operations.load_planner import (
    OFFICIAL_MODEL_BYTES,
    AinodeFacts,
    OfficialMemory,
    plan_load,
    plan_unload,
    pool_size,
)
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError

GIB = 2**30
MODELS = (
    CatalogueModel("arima", "sktime", "builtin", "active"),
    CatalogueModel("sundial", "sundial", "builtin", "active"),
    CatalogueModel("timer_xl", "timer", "builtin", "active"),
    CatalogueModel("chronos2", "t5", "builtin", "inactive"),
    CatalogueModel("mine", "", "user_defined", "activating"),
)
OURS = AinodeFacts({"cpu": "cpu"}, MODELS, (), ours=True)
OFFICIAL = AinodeFacts({"cpu": "cpu", "0": "cuda"}, MODELS, (), ours=False, memory={"0": OfficialMemory(24 * GIB)})


def test_ours_keeps_a_model_in_each_worker() -> None:
    plan = plan_load(OURS, "arima", ())
    assert plan.devices == ("cpu",)
    assert (plan.predictions[0].before, plan.predictions[0].after) == (0, None)
    assert "each of its workers" in plan.predictions[0].remark
    assert plan.notices == ()


def test_instances_of_the_official_node_are_predicted_from_its_memory() -> None:
    plan = plan_load(OFFICIAL, "sundial", ("0",))
    assert plan.predictions[0].after == 3  # 24 GiB, a fifth of it, 1,036 MiB each and a fifth more.


def test_a_second_model_shrinks_the_first() -> None:
    facts = replace(OFFICIAL, loaded=(LoadedInstances("0", "sundial", 3),))
    plan = plan_load(facts, "timer_xl", ("0",))
    assert plan.predictions[0].after == 2
    assert plan.predictions[0].others == {"sundial": (3, 1)}
    assert any("give up memory" in notice for notice in plan.notices)


def test_what_would_stay_at_no_instance_is_refused_with_the_figures() -> None:
    small = replace(OFFICIAL, memory={"0": OfficialMemory(4 * GIB)})
    with pytest.raises(RefusedError, match=r"would stay at 0 instances on 0: an instance takes 1243 MiB.* 819 MiB"):
        plan_load(small, "sundial", ("0",))


def test_what_cannot_be_told_is_said() -> None:
    plan = plan_load(OFFICIAL, "arima", ("cpu",))
    assert plan.predictions[0].after is None
    assert any("does not know how much memory" in notice for notice in plan.notices)


@pytest.mark.parametrize(
    ("model", "devices", "error", "why"),
    [
        ("nosuch", ("cpu",), NotFoundError, "no model 'nosuch'"),
        ("chronos2", ("cpu",), RefusedError, "inactive: its weights are missing"),
        ("mine", ("cpu",), RefusedError, "activating: the AINode is still"),
        ("sundial", ("9",), UsageError, "no device '9'"),
        ("sundial", ("cpu", "cpu"), UsageError, "twice"),
        ("sundial", (), UsageError, "has the devices cpu, 0"),
    ],
)
def test_loads_that_cannot_work(model: str, devices: tuple[str, ...], error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        plan_load(OFFICIAL, model, devices)


def test_a_model_that_is_loaded_is_not_loaded_again() -> None:
    facts = replace(OURS, loaded=(LoadedInstances("cpu", "arima", 2),))
    with pytest.raises(RefusedError, match="loaded already on cpu"):
        plan_load(facts, "arima", ("cpu",))
    stuck = replace(OURS, loaded=(LoadedInstances("cpu", "arima", 0),))
    assert any("0 instances" in notice for notice in plan_load(stuck, "arima", ()).notices)


def test_unloads() -> None:
    facts = replace(OFFICIAL, loaded=(LoadedInstances("0", "sundial", 1), LoadedInstances("0", "timer_xl", 2)))
    plan = plan_unload(facts, "timer_xl", ())
    assert plan.devices == ("0",)
    assert plan.predictions[0].after == 0
    assert plan.predictions[0].others == {"sundial": (1, 3)}
    with pytest.raises(RefusedError, match="not loaded on any"):
        plan_unload(facts, "arima", ())
    with pytest.raises(RefusedError, match="not loaded on cpu"):
        plan_unload(facts, "sundial", ("cpu",))


@given(
    st.integers(0, 2**40),
    st.floats(0.01, 1),
    st.integers(1, 20),
    st.sampled_from(sorted(OFFICIAL_MODEL_BYTES.values())),
)
def test_all_models_of_a_device_fit_into_its_share(total: int, ratio: float, models: int, need: int) -> None:
    memory = OfficialMemory(total, ratio)
    size = pool_size(memory, models, need)
    assert size >= 0
    assert size * models * need * memory.extra_ratio <= total * ratio + 1e-3
    assert pool_size(memory, models + 1, need) <= size
