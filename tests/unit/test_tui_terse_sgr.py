"""Output with fewer bytes must paint the same screen; pyte says what a terminal would show."""

import random

import pyte
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from quarterdeck.tui.terse_sgr import colourless, terse


def screen_of(*outputs: str) -> pyte.Screen:
    screen = pyte.Screen(30, 8)
    stream = pyte.Stream(screen)
    for output in outputs:
        stream.feed(output)
    return screen


def painted(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [[tuple(screen.buffer[y][x]) for x in range(30)] for y in range(8)]


def paint(rng: random.Random) -> str:
    styles = [
        Style(color="#d5d9e0", bgcolor="#14171c"),
        Style(color="#6fcf7c", bgcolor="#14171c"),
        Style(color="#d5d9e0", bgcolor="#2b3f5c"),
        Style(color="#d5d9e0", bgcolor="#2b3f5c", bold=True),
        Style(reverse=True),
        Style(color="red"),
        Style.null(),
    ]
    out: list[str] = []
    system = rng.choice((ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD))
    for y in rng.sample(range(1, 8), 4):
        out.append(f"\x1b[{y};{rng.randrange(1, 8)}H")
        for _ in range(rng.randrange(1, 6)):
            strip = Strip([Segment(rng.choice(("ab", "x", "    ", "●")), rng.choice(styles))])
            out.append(
                "".join(
                    segment.style.render(segment.text, color_system=system) if segment.style else segment.text
                    for segment in strip
                )
            )
        out.append("\n")
    return "".join(out)


def test_a_terminal_shows_the_same() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        frames = [paint(rng) for _ in range(3)]
        assert painted(screen_of(*map(terse, frames))) == painted(screen_of(*frames)), seed


def test_equal_styles_are_sent_once() -> None:
    base = Style(color="#d5d9e0", bgcolor="#14171c")
    line = "".join(base.render("row", color_system=ColorSystem.TRUECOLOR) + "\n\x1b[2;1H" for _ in range(20))
    assert terse(line).count("48;2") == 1
    assert terse(line).endswith("\x1b[0m")


def test_what_has_no_colours_passes_unchanged() -> None:
    for output in ("", "plain", "\x1b[?1049h", "\x1b[>25u\x1b[2;3H"):
        assert terse(output) == output


def test_without_colour_only_attributes_are_left() -> None:
    drawn = "\x1b[1;38;2;1;2;3;48;5;16mbold\x1b[0m \x1b[7;31;49mreverse\x1b[m\x1b[3;1H\x1b[48;2;0;0;0m  "
    assert colourless(drawn) == "\x1b[1mbold\x1b[0m \x1b[7mreverse\x1b[m\x1b[3;1H\x1b[m  "
