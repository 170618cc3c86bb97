"""What a changed configuration means for a running runtime, decided without one."""

from quarterdeck.config.loaded import Problem
from quarterdeck.config.settings import BackendSettings, Guardrail, PluginSettings, RuntimeSettings, Settings
from quarterdeck.runtime.reloading import blocking, compare, configuration_notice
from quarterdeck_api.runtime_requests import ConfigurationState


def test_nothing_changed_means_nothing() -> None:
    found = compare(Settings(), Settings())
    assert (found.effective, found.changes, found.restart_for) == (Settings(), (), ())


def test_what_is_fixed_at_the_start_waits_and_the_rest_holds_at_once() -> None:
    wanted = Settings(runtime=RuntimeSettings(max_workers=7, idle_exit=1.5, read_only=True))
    found = compare(Settings(), wanted)
    assert found.restart_for == ("runtime.max_workers",)
    assert found.changes == ("runtime.idle_exit is 1.5", "runtime.read_only is true")
    assert found.effective.runtime == RuntimeSettings(idle_exit=1.5, read_only=True)
    again = compare(found.effective, wanted)
    assert (again.changes, again.restart_for) == ((), ("runtime.max_workers",))


def test_backends_plugins_and_guardrails_are_told_by_name() -> None:
    running = Settings(
        backends={"a": BackendSettings(type="t"), "b": BackendSettings(type="t"), "c": BackendSettings(type="t")},
        plugins=PluginSettings(disabled=("old",)),
    )
    wanted = Settings(
        backends={
            "b": BackendSettings(type="t", read_only=True),
            "c": BackendSettings(type="t"),
            "d": BackendSettings(type="t"),
        },
        plugins=PluginSettings(disabled=("new",)),
        guardrails=(Guardrail(require="deny"),),
    )
    found = compare(running, wanted)
    assert found.effective == wanted
    assert found.changes == (
        "1 guardrails hold",
        "plugin new is disabled",
        "plugin old is enabled",
        "backend a is removed",
        "backend b is changed",
        "backend d is added",
    )


def test_a_problem_that_is_new_blocks_and_one_that_moved_does_not() -> None:
    known = Problem("f", 3, "runtime.x", "runtime has no key 'x'")
    moved = Problem("f", 9, "runtime.x", "runtime has no key 'x'")
    fresh = Problem("f", 4, "runtime.y", "runtime has no key 'y'")
    unknown_type = Problem("f", 5, "backends.a.type", "backend type 't' is unknown")
    assert blocking((moved, fresh, unknown_type), (known,)) == (fresh,)


def test_the_notice_says_the_worst_and_what_to_do() -> None:
    assert configuration_notice(ConfigurationState()) == ("", "")
    reason, remedy = configuration_notice(ConfigurationState(applied=False, problems=("f:1: wrong", "f:2: wrong")))
    assert reason == "f:1: wrong (and 1 more); the settings from before hold" and "config validate" in remedy
    assert "runtime.max_workers" in configuration_notice(ConfigurationState(restart_for=("runtime.max_workers",)))[0]
