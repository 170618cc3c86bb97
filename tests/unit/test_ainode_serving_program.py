"""Options of `quarterdeck-ainode`, versions of servers, and how our AINode reports as a managed process."""

import subprocess
import sys

import pytest

from quarterdeck_ainode.serving import program
from quarterdeck_ainode.serving.end_point import Address
from quarterdeck_ainode.serving.engine import EngineMetrics
from quarterdeck_ainode.serving.engine_settings import TimeUnit
from quarterdeck_ainode.serving.membership import MemberState, Standing
from quarterdeck_ainode.serving.process import judged, numbers, units
from quarterdeck_ainode.serving.server import ServerState, config_node_addresses, engine_settings, node_folder_path
from quarterdeck_ainode.serving.server_parameters import ServerParameters
from quarterdeck_ainode.serving.server_versions import Footing, check_version
from quarterdeck_api.errors import NotFoundError, RefusedError, UnreachableError, UsageError
from quarterdeck_api.resources import Health


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--port", "many"], "--port"),
        (["--port", "70000"], "--port"),
        (["--time-limit", "0"], "at `--time-limit`"),
        (["--host", ""], "at `--host`"),
        (["--config-node", ""], "no ConfigNode is named"),
        (["--config-node", "a:b"], "'a:b' has no port"),
        (["--deregister", "--data", "/nonexistent/for/sure"], "no node that has joined"),
    ],
)
def test_wrong_options_end_with_a_sentence(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_serve", lambda parameters, patience: config_node_addresses(parameters.config_node))
    assert program.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert told in said
    assert "\n  try: " in said


def test_options_become_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[ServerParameters, float]] = []
    monkeypatch.setattr(program, "_serve", lambda parameters, patience: seen.append((parameters, patience)) or 0)
    words = ["--config-node", "a:1,b:2", "--config-node", "c", "--port", "0", "--time-limit", "12.5", "--wait", "3"]
    assert program.main([*words, "--trust", "/srv/models, ~/mine"]) == 0
    [(parameters, patience)] = seen
    assert patience == 3.0
    assert parameters == ServerParameters(config_node="a:1,b:2,c", port=0, time_limit=12.5, trust="/srv/models, ~/mine")
    assert [str(each) for each in config_node_addresses(parameters.config_node)] == ["a:1", "b:2", "c:10710"]
    settings = engine_settings(parameters, node_folder_path(parameters), "us")
    assert settings.time_unit is TimeUnit.MICROSECOND
    assert settings.time_limit == 12.5
    assert [str(each).startswith("/") for each in settings.trusted_folders] == [True, True]
    with pytest.raises(UnreachableError, match="counts time in 'days'"):
        engine_settings(parameters, node_folder_path(parameters), "days")


def test_help_names_every_option_and_imports_no_numbers() -> None:
    code = (
        "import sys\nfrom quarterdeck_ainode.serving.program import main\n"
        "try:\n    main(['--help'])\nfinally:\n"
        "    print(sorted(m for m in ('numpy', 'pandas', 'thrift', 'iotdb', 'sktime') if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    for name in ServerParameters.__struct_fields__:
        assert "--" + name.replace("_", "-") in done.stdout


@pytest.mark.parametrize("version", ["2.0.10", "2.0.10-SNAPSHOT", " 2.0.10.1 "])
def test_the_verified_version(version: str) -> None:
    assert check_version(version) is Footing.VERIFIED


@pytest.mark.parametrize("version", ["2.0.11", "2.1.0", "3.0.0", "", "UNKNOWN", "2.0", "2.0.x", "99999999.0.0"])
def test_other_versions_are_not_verified(version: str) -> None:
    assert check_version(version) is Footing.NOT_VERIFIED


@pytest.mark.parametrize("version", ["2.0.8", "2.0.9.4", "1.3.4-1"])
def test_older_servers_are_refused(version: str) -> None:
    with pytest.raises(RefusedError, match=f"runs IoTDB {version}"):
        check_version(version)


def _state(standing: Standing, age: float | None = None, **latency: tuple[float, float]) -> ServerState:
    engine = EngineMetrics(10, 2, 3, 1, 4, 1, latency)
    return ServerState(standing, Address("127.0.0.1", 10810), 5, 6, age, engine)


@pytest.mark.parametrize(
    ("standing", "health", "told"),
    [
        (Standing(MemberState.MEMBER, "", 3), Health.OK, "node 3 of its cluster, at 127.0.0.1:10810"),
        (Standing(MemberState.JOINING), Health.DEGRADED, "joining"),
        (Standing(MemberState.JOINING, "warming up"), Health.DEGRADED, "joining: warming up"),
        (Standing(MemberState.SILENT, "no heartbeat for 12 s", 3), Health.DEGRADED, "no heartbeat for 12 s"),
        (Standing(MemberState.REFUSED, "there is one", -1, NotFoundError("x", "end it")), Health.FAILED, "one; end it"),
        (Standing(MemberState.REMOVED, "it was removed", 3), Health.STOPPED, "it was removed"),
    ],
)
def test_health_follows_from_the_standing(standing: Standing, health: Health, told: str) -> None:
    found, message = judged(_state(standing))
    assert found is health
    assert told in message


def test_numbers_that_are_reported() -> None:
    state = _state(Standing(MemberState.MEMBER, "", 3), 0.5, arima=(0.1, 0.4))
    found = numbers(state)
    assert found["requests"] == 10
    assert found["failures"] == 2
    assert found["refused_messages"] == 6
    assert found["heartbeat_age"] == 0.5
    assert (found["latency_p50.arima"], found["latency_p95.arima"]) == (0.1, 0.4)
    assert units(state) == {"heartbeat_age": "s", "latency_p50.arima": "s", "latency_p95.arima": "s"}
    assert "heartbeat_age" not in numbers(_state(Standing(MemberState.JOINING)))
    with pytest.raises(UsageError):
        config_node_addresses(" , ")
