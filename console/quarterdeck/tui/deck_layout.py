"""How the deck's tables share its lines: what matters most is there first, however small the terminal."""

from collections.abc import Sequence

#: Lines with which a table begins to be of use: its header and a row.
_LEAST = 2


def shared_lines(room: int, rows: Sequence[int]) -> list[int]:
    """The lines of each table, headers included, 0 for one that is not shown; `rows` says how many each has, the most important first.

    When all fit, each gets what it wants. Otherwise each gets a header and a row as far as there is room, and then one line more in turn.
    """
    wanted = [count + 1 if count else 0 for count in rows]
    if sum(wanted) <= room:
        return wanted
    lines = [0] * len(wanted)
    for index, want in enumerate(wanted):
        if want and sum(lines) + _LEAST <= room:
            lines[index] = _LEAST
    left = room - sum(lines)
    while left > 0 and (able := [index for index, count in enumerate(lines) if 0 < count < wanted[index]]):
        for index in able[:left]:
            lines[index] += 1
        left -= len(able[:left])
    return lines
