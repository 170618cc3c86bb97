"""Finding plugins, letting them declare in confinement, and keeping their catalogues."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from quarterdeck.config.paths import InstancePaths, instance_paths
from quarterdeck.loading.catalogue_cache import CatalogueCache
from quarterdeck.loading.confined import run_confined
from quarterdeck.loading.discovery import find_plugins, plugin_path
from quarterdeck.loading.doctor import plugin_doctor
from quarterdeck.loading.plugins import TIMEOUT_REMEMBERED, load_plugins
from quarterdeck_api.catalogue import Catalogue, PluginPhase, PluginStatus
from quarterdeck_api.hooks import HookSpecification

PLUGINS = Path(__file__).parents[1] / "plugins"

Load = Callable[..., dict[str, PluginStatus]]
Write = Callable[..., Path]


@pytest.fixture
def paths(home: Path) -> InstancePaths:
    return instance_paths()


@pytest.fixture
def load(paths: InstancePaths) -> Load:
    """Loads plugins from the folders given (and the environment's own), by id."""

    def loaded(*folders: Path, disabled: tuple[str, ...] = (), limit: float = 60.0) -> dict[str, PluginStatus]:
        variables = {**os.environ, "QUARTERDECK_PLUGIN_PATH": os.pathsep.join(map(str, folders))}
        statuses = load_plugins(paths, disabled=frozenset(disabled), environment=variables, limit=limit)
        return {status.id: status for status in statuses}

    return loaded


@pytest.fixture
def write_plugin(tmp_path: Path) -> Write:
    """Writes a plugin into a folder of its own."""

    def written(name: str, body: str = "", entry: str = "", declares: str = "") -> Path:
        package = name.replace("-", "_")
        folder = tmp_path / name
        metadata = folder / f"{package}-2.0.dist-info"
        (folder / package).mkdir(parents=True)
        metadata.mkdir()
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
        (folder / package / "plugin.py").write_text(
            "from quarterdeck_api.catalogue import *\nfrom quarterdeck_api.declarations import *\n"
            "from quarterdeck_api.hooks import hookimpl\n\n@hookimpl\ndef quarterdeck_plugin():\n"
            f"    return PluginInfo({declares or name!r}, 'Title', '2.0', '1.0')\n{body}",
            encoding="utf-8",
        )
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 2.0\n", encoding="utf-8"
        )
        text = entry or f"{name} = {package}.plugin"
        (metadata / "entry_points.txt").write_text(f"[quarterdeck.plugins]\n{text}\n", encoding="utf-8")
        return folder

    return written


EXPECTED = {
    "hostile-raises": (PluginPhase.IMPORT, "RuntimeError: the hold is on ␛[31mfire"),
    "hostile-exits": (PluginPhase.IMPORT, "SystemExit: nothing to see here"),
    "hostile-osexit": (PluginPhase.DECLARE, "ended with status 0 before it answered"),
    "hostile-nonsense": (PluginPhase.VALIDATE, "is str, not Action"),
    "hostile-future-api": (PluginPhase.COMPATIBILITY, "contract 99.0"),
    "hostile-segfault": (PluginPhase.DECLARE, "was ended by SIGSEGV"),
    "hostile-unknown-hook": (PluginPhase.VALIDATE, "quarterdeck_acctions is not a hook"),
    "hostile-duplicate": (PluginPhase.VALIDATE, "'exemplary' is taken by the distribution quarterdeck-exemplary"),
}


def test_hostile_plugins_are_lines_with_a_reason_and_a_good_one_is_ready(load: Load) -> None:
    folders = [
        PLUGINS / "exemplary",
        *sorted(each for each in PLUGINS.glob("hostile_*") if each.name != "hostile_hangs"),
    ]
    statuses = load(*folders)
    for plugin, (phase, reason) in EXPECTED.items():
        status = statuses[plugin]
        assert (status.phase, status.catalogue) == (phase, None), status
        assert reason in status.reason and status.remedy
        assert status.reason.isprintable() and "\x1b" not in status.remedy
    assert statuses["hostile-garbage"].phase is PluginPhase.READY
    assert statuses["hostile-unknown-hook"].remedy == "did you mean quarterdeck_actions?"
    exemplary = statuses["exemplary"]
    assert exemplary.phase is PluginPhase.READY and exemplary.catalogue is not None
    assert exemplary.distribution == "quarterdeck-exemplary"
    assert exemplary.paths == (str(PLUGINS / "exemplary"),) and exemplary.interpreter == sys.executable
    assert list(statuses) == sorted(statuses)


def test_a_plugin_that_hangs_is_ended_with_its_children(load: Load) -> None:
    status = load(PLUGINS / "hostile_hangs", limit=2.0)["hostile-hangs"]
    assert status.phase is PluginPhase.TIMEOUT
    assert "did not answer within 2 s" in status.reason and "plugins.disabled" in status.remedy
    home = os.environ["QUARTERDECK_HOME"]
    left = [each for each in psutil.process_iter() if _environment(each).get("QUARTERDECK_HOME") == home]
    assert [each.pid for each in left] == [os.getpid()] or not left


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return {} if process.status() == psutil.STATUS_ZOMBIE else process.environ()
    except psutil.Error:
        return {}


def test_a_plugin_that_hung_is_left_alone_for_an_hour_by_who_does_not_want_to_wait(
    paths: InstancePaths, write_plugin: Write, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    body = f"import pathlib, time\nwith open({str(marks)!r}, 'a') as file:\n    file.write('x')\ntime.sleep(60)\n"
    folder = write_plugin("sleepy", body)

    def load_at(now: float, *, again: bool) -> PluginStatus:
        variables = {**os.environ, "QUARTERDECK_PLUGIN_PATH": str(folder)}
        found = load_plugins(
            paths,
            environment=variables,
            limit=1.0,
            try_timeouts_again=again,
            clock=lambda: now,
            disabled=frozenset(["ainode"]),
        )
        return next(status for status in found if status.id == "sleepy")

    first = load_at(1000.0, again=False)
    assert (first.phase, first.cached) == (PluginPhase.TIMEOUT, False)
    remembered = load_at(1000.0 + TIMEOUT_REMEMBERED, again=False)
    assert (remembered.phase, remembered.cached, remembered.reason) == (PluginPhase.TIMEOUT, True, first.reason)
    assert "plugin list" in remembered.remedy
    assert marks.read_text() == "x"
    assert not load_at(1001.0, again=True).cached
    assert not load_at(1002.0 + TIMEOUT_REMEMBERED, again=False).cached
    assert marks.read_text() == "xxx"


def test_code_of_a_disabled_plugin_is_not_run(load: Load, write_plugin: Write, tmp_path: Path) -> None:
    proof = tmp_path / "was-run"
    folder = write_plugin("sleepy", f"open({str(proof)!r}, 'w').close()")
    assert load(folder, disabled=("sleepy",))["sleepy"].phase is PluginPhase.DISABLED
    assert not proof.exists()
    assert load(folder)["sleepy"].phase is PluginPhase.READY
    assert proof.exists()


def test_catalogues_are_cached_until_the_source_changes(load: Load, write_plugin: Write) -> None:
    folder = write_plugin("keeper")
    first, second = load(folder)["keeper"], load(folder)["keeper"]
    assert (first.cached, second.cached) == (False, True)
    assert second.catalogue == first.catalogue
    source = folder / "keeper" / "plugin.py"
    source.write_text(source.read_text("utf-8").replace("'Title'", "'Another title'"), encoding="utf-8")
    third = load(folder)["keeper"]
    assert not third.cached and third.catalogue is not None and third.catalogue.plugin.title == "Another title"


def test_a_new_file_of_the_package_counts_as_a_change(load: Load, write_plugin: Write) -> None:
    folder = write_plugin("keeper")
    load(folder)
    (folder / "keeper" / "more.py").write_text("x = 1", encoding="utf-8")
    assert not load(folder)["keeper"].cached


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key":"x"}', b"\xff\xfe", b"[1,2,3]"])
def test_damaged_cache_files_are_made_again(
    load: Load, write_plugin: Write, paths: InstancePaths, damage: bytes
) -> None:
    folder = write_plugin("keeper")
    load(folder)
    for file in paths.catalogues.iterdir():
        file.write_bytes(damage)
    again = load(folder)["keeper"]
    assert again.phase is PluginPhase.READY and not again.cached
    assert load(folder)["keeper"].cached


def test_faults_are_not_cached(load: Load, write_plugin: Write) -> None:
    folder = write_plugin("needy", "import optional_requirement_of_needy")
    assert load(folder)["needy"].phase is PluginPhase.IMPORT
    (folder / "optional_requirement_of_needy.py").write_text("", encoding="utf-8")
    assert load(folder)["needy"].phase is PluginPhase.READY


def test_a_cache_that_cannot_be_written_is_no_fault(load: Load, write_plugin: Write, paths: InstancePaths) -> None:
    paths.cache_folder.parent.mkdir(parents=True, exist_ok=True)
    paths.cache_folder.write_text("a file where the folder should be", encoding="utf-8")
    assert load(write_plugin("keeper"))["keeper"].phase is PluginPhase.READY


def test_an_id_that_differs_from_the_entry_point_is_refused(load: Load, write_plugin: Write) -> None:
    status = load(write_plugin("one", declares="other"))["one"]
    assert status.phase is PluginPhase.VALIDATE and "'other'" in status.reason


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("core = good.plugin", "reserved"),
        ("Bad/Name = good.plugin", "no plugin id"),
        ("good = good.plugin:attribute", "no module"),
        ("good = ../../etc", "no module"),
        ("good", "malformed"),
    ],
)
def test_malformed_entry_points_are_lines_with_a_reason(load: Load, write_plugin: Write, entry: str, said: str) -> None:
    status = load(write_plugin("good", entry=entry))["dist-good"]
    assert status.phase is not PluginPhase.READY and said in status.reason and status.remedy


def test_ids_stay_unique_when_everybody_claims_the_same(load: Load, write_plugin: Write) -> None:
    folders = [write_plugin(name, entry=f"same = {name}.plugin", declares="same") for name in ("a", "b", "c")]
    statuses = load(*folders)
    assert statuses["same"].distribution == "dist-a" and statuses["same"].phase is PluginPhase.READY
    assert {"dist-b", "dist-c"} <= set(statuses)


def test_the_first_folder_wins_over_the_same_distribution_elsewhere(
    load: Load, write_plugin: Write, tmp_path: Path
) -> None:
    folder = write_plugin("keeper")
    other = tmp_path / "copy"
    folder.rename(other)
    again = write_plugin("keeper")
    statuses = load(other, again)
    assert statuses["keeper"].paths == (str(other),) and "dist-keeper" not in statuses


def test_found_plugins_are_kept_until_a_place_changes(
    paths: InstancePaths, write_plugin: Write, tmp_path: Path
) -> None:
    cache = paths.catalogues / "found.json"
    folder = write_plugin("keeper")
    before = find_plugins(cache, [str(folder)], search_path=[])
    stamp = cache.stat().st_mtime_ns
    assert find_plugins(cache, [str(folder)], search_path=[]) == before and cache.stat().st_mtime_ns == stamp
    entry_points = folder / "keeper-2.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[quarterdeck.plugins]\nrenamed = keeper.plugin\n", encoding="utf-8")
    assert [each.name for each in find_plugins(cache, [str(folder)], search_path=[])] == ["renamed"]


def test_fixed_installs_are_judged_by_their_record(paths: InstancePaths, write_plugin: Write) -> None:
    folder = write_plugin("keeper")
    metadata = folder / "keeper-2.0.dist-info"
    (metadata / "RECORD").write_text("keeper/plugin.py,sha256=abc,3\n", encoding="utf-8")
    found = find_plugins(paths.catalogues / "found.json", [], search_path=[str(folder)])[0]
    assert found.fixed and not found.paths
    cache = CatalogueCache(paths.catalogues)
    key = cache.key(found)
    (folder / "keeper" / "plugin.py").touch()
    assert cache.key(found) == key
    (metadata / "RECORD").write_text("keeper/plugin.py,sha256=def,3\n", encoding="utf-8")
    assert cache.key(found) != key
    assert cache.key(msgspec.structs.replace(found, interpreter="/elsewhere/python")) != key


def test_editable_installs_are_judged_by_their_source(paths: InstancePaths, write_plugin: Write) -> None:
    folder = write_plugin("keeper")
    metadata = folder / "keeper-2.0.dist-info"
    (metadata / "RECORD").write_text("keeper.pth,,\n", encoding="utf-8")
    (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}', encoding="utf-8")
    assert not find_plugins(paths.catalogues / "found.json", [], search_path=[str(folder)])[0].fixed


def test_an_interpreter_that_is_gone_is_a_reason(paths: InstancePaths) -> None:
    status = PluginStatus("x", "x", "1", PluginPhase.FOUND, module="json", interpreter="/no/such/python")
    assert "cannot be started" in plugin_doctor(status)[0].sentence


def test_plugin_path_skips_empty_entries_and_is_absolute() -> None:
    folders = plugin_path({"QUARTERDECK_PLUGIN_PATH": os.pathsep.join(["", "/a", "b", ""])})
    assert folders == ("/a", str(Path.cwd() / "b"))


def test_confined_programs_inherit_no_credentials() -> None:
    program = "import os; print(sorted(os.environ), os.getcwd())"
    run = run_confined([sys.executable, "-c", program], {**os.environ, "CLOUD_TOKEN": "x", "LC_ALL": "C"}, 60)
    assert b"CLOUD_TOKEN" not in run.output and b"LC_ALL" in run.output and b"'PATH'" in run.output


def test_confined_programs_that_flood_are_ended() -> None:
    program = "import os\nwhile True: os.write(1, b'x' * 65536)"
    run = run_confined([sys.executable, "-c", program], os.environ, 120)
    assert run.too_much and not run.timed_out and "wrote more than" in run.ending


def test_a_plugin_that_floods_standard_error_cannot_fill_the_disk(load: Load, write_plugin: Write) -> None:
    status = load(write_plugin("flood", "import os\nwhile True: os.write(2, b'x' * 1_000_000)"))["flood"]
    assert status.phase is PluginPhase.IMPORT and "File too large" in status.reason


def test_the_test_plugins_answer_every_hook_together(load: Load) -> None:
    names = ("exemplary", "stages", "watchful")
    loaded = load(*(PLUGINS / name for name in names))
    catalogues = [found for name in names if (found := loaded[name].catalogue) is not None]
    assert len(catalogues) == len(names)
    apart = {"event_hooks", "authorizes"}
    fields = {each for each in Catalogue.__struct_fields__ if any(getattr(found, each) for found in catalogues)}
    answered = {f"quarterdeck_{name}" for name in fields - apart}
    answered |= {name for found in catalogues for name in found.event_hooks}
    answered |= {"quarterdeck_authorize"} if any(found.authorizes for found in catalogues) else set()
    assert answered == {name for name in vars(HookSpecification) if name.startswith("quarterdeck_")}
    assert fields == set(Catalogue.__struct_fields__), "every hook has its place in the catalogue"
    assert all(Path(sample.path).is_file() for found in catalogues for sample in found.samples)


def test_a_plugin_that_writes_into_every_descriptor_is_a_reason(load: Load, write_plugin: Write) -> None:
    body = 'import os\nfor fd in range(3, 20):\n    try:\n        os.write(fd, b\'{"phase":"ready","seconds":0}\\n\')\n'
    body += "    except OSError:\n        pass\n"
    status = load(write_plugin("scribe", body))["scribe"]
    assert status.phase is PluginPhase.DECLARE and "cannot be read" in status.reason


def test_doctor_finds_nothing_wrong_with_a_good_plugin(load: Load) -> None:
    results = plugin_doctor(load(PLUGINS / "exemplary")["exemplary"])
    assert all(result.ok for result in results)
    sentences = [result.sentence for result in results]
    assert any("quarterdeck_exemplary.jobs:sleep is imported" in each for each in sentences)
    assert sentences[-1] == "the exemplary plugin is well"


def test_doctor_names_what_raises_and_what_kills_the_process(load: Load, write_plugin: Write) -> None:
    body = """
import os
def fatal(): os._exit(9)
def weak(): raise ValueError("weak")
def odd(): return "fine"
@hookimpl
def quarterdeck_jobs():
    return [JobType("sick.gone", "Gone", "sick.nowhere:run")]
@hookimpl
def quarterdeck_checks():
    names = ("weak", "odd", "fatal", "odd2")
    return [CheckInfo(name, name, "sick.plugin:" + name.rstrip("2")) for name in names]
@hookimpl
def quarterdeck_samples():
    return [Sample("s", "S", "sick", "gone.csv", "csv", "D", "v")]
"""
    results = plugin_doctor(load(write_plugin("sick", body))["sick"])
    bad = [result.sentence for result in results if not result.ok]
    assert "the file of sample s is missing" in bad[0]
    assert "sick.nowhere" in bad[1] and "ModuleNotFoundError" in bad[1]
    assert "ValueError: weak" in bad[2] and "not CheckResult" in bad[3]
    assert bad[4] == "check fatal: its process ended with status 9" and bad[5] == "check odd2 was not reached"
    assert all(result.remedy for result in results if not result.ok)


def test_doctor_of_a_plugin_that_does_not_declare_says_why(load: Load) -> None:
    results = plugin_doctor(load(PLUGINS / "hostile_raises")["hostile-raises"])
    assert len(results) == 1 and "RuntimeError" in results[0].sentence


def test_with_everything_cached_nothing_dear_is_imported(paths: InstancePaths) -> None:
    program = (
        "import sys\nfrom quarterdeck.config.paths import instance_paths\n"
        "from quarterdeck.loading.plugins import TIMEOUT_REMEMBERED, load_plugins\nload_plugins(instance_paths())\nprint(*sys.modules)"
    )
    variables = {**os.environ, "QUARTERDECK_PLUGIN_PATH": str(PLUGINS / "exemplary")}

    def modules() -> set[str]:
        arguments = [sys.executable, "-P", "-c", program]
        ended = subprocess.run(arguments, env=variables, capture_output=True, text=True, check=True, timeout=120)
        return set(ended.stdout.split())

    dear = {"importlib.metadata", "pluggy", "asyncio", "concurrent.futures", "quarterdeck_exemplary"}
    assert dear & modules() == {"importlib.metadata", "concurrent.futures"}
    assert not dear & modules()
