"""`quarterdeck completion`: the shell's own script, which asks the program for choices."""

import click

from quarterdeck.cli.streams import write_lines

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    """Print the set-up of completion for SHELL; write it where the shell looks, or `eval` it."""
    from click.shell_completion import get_completion_class

    from quarterdeck.cli.main import root

    made = get_completion_class(shell)
    assert made is not None
    for name in ("quarterdeck", "qd"):
        write_lines([made(root, {}, name, "_QUARTERDECK_COMPLETE").source()])
