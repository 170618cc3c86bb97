"""`python -m quarterdeck_api.check`: resolves import strings of one plugin and runs its checks, for `plugin doctor`.

Prints one CheckResult as a line of JSON for each `--resolve` in their order, then for each `--run` in theirs, as soon as it is known: when
the process dies, the first result that is missing names the culprit.
"""

import argparse
import importlib
import sys
import time
from operator import attrgetter
from typing import Any

from quarterdeck_api.catalogue import CheckResult
from quarterdeck_api.declare_output import PrivateOutput, describe_exception, limit_files

#: A check may write some data of its own.
_LARGEST_FILE = 1024 * 1024 * 1024


def load_object(import_string: str) -> Any:
    """The object that `package.module:name` means; raises what importing raises."""
    module_name, _, name = import_string.partition(":")
    return attrgetter(name)(importlib.import_module(module_name))


def resolve(import_string: str) -> CheckResult:
    """Whether an import string leads to something that can be called."""
    started = time.perf_counter()
    try:
        found = load_object(import_string)
    except BaseException as error:  # noqa: BLE001 - the boundary to plugin code: SystemExit and KeyboardInterrupt are faults of it too
        remedy = "install what is missing, or report it to the plugin's author"
        return CheckResult(False, f"importing {import_string} raises {describe_exception(error)}", remedy)
    if not callable(found):
        return CheckResult(False, f"{import_string} cannot be called", "report it to the plugin's author")
    return CheckResult(True, f"{import_string} is imported in {time.perf_counter() - started:.1f} s")


def run_check(import_string: str) -> CheckResult:
    """Runs one check of the plugin; a check that raises has failed."""
    try:
        found = load_object(import_string)()
    except BaseException as error:  # noqa: BLE001 - the boundary to plugin code: SystemExit and KeyboardInterrupt are faults of it too
        return CheckResult(
            False, f"{import_string} raises {describe_exception(error)}", "report it to the plugin's author"
        )
    if not isinstance(found, CheckResult):
        said = f"{import_string} returns {type(found).__name__}, not CheckResult"
        return CheckResult(False, said, "report it to the plugin's author")
    return found


def main() -> None:
    """The program; see the module."""
    output = PrivateOutput()
    limit_files(_LARGEST_FILE)
    parser = argparse.ArgumentParser(prog="python -m quarterdeck_api.check", description="Checks a plugin.")
    parser.add_argument("--path", action="append", default=[], help="put in front of sys.path; may be repeated")
    parser.add_argument("--resolve", action="append", default=[], help="an import string that must lead to a callable")
    parser.add_argument("--run", action="append", default=[], help="the import string of a check")
    options = parser.parse_args()
    sys.path[0:0] = options.path
    for import_string in options.resolve:
        output.write(resolve(import_string))
    for import_string in options.run:
        output.write(run_check(import_string))
    output.leave()


if __name__ == "__main__":
    main()
