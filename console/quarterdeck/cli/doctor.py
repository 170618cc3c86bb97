"""`quarterdeck doctor`: what is wrong with this instance, and what to do about it."""

import click

from quarterdeck.cli.complete import complete
from quarterdeck.cli.streams import narrate, write_json, write_lines
from quarterdeck.config.paths import instance_paths
from quarterdeck_api.errors import ExitCode
from quarterdeck_api.visible import visible


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Look at folders, disk, configuration, plugins and runtime; nothing is started or changed. Exits with 1 when something is wrong.

    `quarterdeck plugin doctor` looks into plugins more thoroughly.
    """
    from quarterdeck.cli.instance_checks import all_checks

    checks = list(all_checks(instance_paths()))
    if as_json:
        write_json([complete(each) for each in checks])
    else:
        for each in checks:
            write_lines([visible(f"{'ok   ' if each.ok else 'WRONG'}  {each.check}: {each.sentence}")])
            if each.remedy and not each.ok:
                write_lines([visible(f"       try: {each.remedy}")])
    wrong = sum(not each.ok for each in checks)
    narrate(f"{wrong} of {len(checks)} checks found something wrong" if wrong else f"all {len(checks)} checks passed")
    return ExitCode.FAILED if wrong else ExitCode.DONE
