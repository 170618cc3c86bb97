"""What the console looks like: rich styles by role, and the glyph of every health so that states need no colour."""

from msgspec import Struct
from rich.style import Style

from quarterdeck.drawing.glyphs import GLYPHS as GLYPHS
from quarterdeck_api.catalogue import ThemeInfo
from quarterdeck_api.resources import Health

#: The background of a theme made of the terminal's own colours, whose names stand in it instead of #rrggbb.
TERMINAL_BACKGROUND = "default"
#: The selection of such a theme may be this: nobody knows which two of the terminal's colours can be read on one another.
REVERSED = "reverse"


class Palette(Struct, frozen=True):
    """The styles of one theme. `health` gives the colour of a state on the plain background, `selected_health` on the selection."""

    base: Style
    muted: Style
    accent: Style
    header: Style
    selected: Style
    bar: Style
    bar_key: Style
    error: Style
    health: dict[Health, Style]
    selected_health: dict[Health, Style]
    colours: dict[str, str]
    dark: bool
    monochrome: bool

    @property
    def screen_background(self) -> str | None:
        """The colour behind everything; None when it is the terminal's own."""
        background = self.colours["background"]
        return None if self.monochrome or background == TERMINAL_BACKGROUND else background


def on_any_background(style: Style) -> Style:
    """The same style where the background is somebody else's: a line that may be chosen, say."""
    return Style(color=style.color, bold=style.bold, dim=style.dim)


def make_palette(theme: ThemeInfo) -> Palette:
    """The styles of a theme that `check_theme` has passed."""
    colours = theme.colours
    back, chosen = colours["background"], colours["selection"]
    reversed_row = Style(reverse=True) if chosen == REVERSED else None
    return Palette(
        base=Style(color=colours["foreground"], bgcolor=back),
        muted=Style(color=colours["muted"], bgcolor=back),
        accent=Style(color=colours["accent"], bgcolor=back),
        header=Style(color=colours["muted"], bgcolor=back, bold=True),
        selected=reversed_row or Style(color=colours["foreground"], bgcolor=chosen),
        bar=Style(color=colours["foreground"], bgcolor=back),
        bar_key=Style(color=colours["accent"], bgcolor=back, bold=True),
        error=Style(color=colours["failed"], bgcolor=back),
        health={health: Style(color=colours[health.value], bgcolor=back) for health in Health},
        selected_health={
            health: reversed_row or Style(color=colours[health.value], bgcolor=chosen) for health in Health
        },
        colours=colours,
        dark=theme.dark,
        monochrome=False,
    )


def monochrome_palette(theme: ThemeInfo) -> Palette:
    """Styles without any colour: the selection is reversed, states are told by glyph and word."""
    plain, bold, dim, reverse = Style.null(), Style(bold=True), Style(dim=True), Style(reverse=True)
    return Palette(
        base=plain,
        muted=dim,
        accent=bold,
        header=bold,
        selected=reverse,
        bar=plain,
        bar_key=bold,
        error=bold,
        health={health: bold if health is Health.FAILED else plain for health in Health},
        selected_health=dict.fromkeys(Health, reverse),
        colours=theme.colours,
        dark=theme.dark,
        monochrome=True,
    )
