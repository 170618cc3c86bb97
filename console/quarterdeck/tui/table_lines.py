"""The lines of a live table as strips: its header, and one for each row."""

from collections.abc import Sequence

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from quarterdeck.tui.cell_text import fit
from quarterdeck.tui.columns import GAP, PlacedColumn, Source
from quarterdeck.tui.schema import KindSchema
from quarterdeck.tui.sorting import SortOrder
from quarterdeck.tui.style import GLYPHS, Palette
from quarterdeck_api.resources import Health, Resource

#: Stands right of the first column of a marked row, so that marks need no colour.
_MARK = "✓"
_UNDERLINED = Style(underline=True)


class HeaderLook(Struct, frozen=True):
    """What the header shows beside titles: the order, the picked column (-1: none), and the letters that sort."""

    order: SortOrder | None
    picked: int
    letters: dict[str, int]


def header_strip(placed: Sequence[PlacedColumn], look: HeaderLook, palette: Palette, width: int) -> Strip:
    """The header: titles, the letter that sorts by each set off, an arrow at the one that rows are sorted by."""
    letters = {index: letter for letter, index in look.letters.items()}
    segments: list[Segment] = []
    # Another colour costs a quarter of the bytes that another attribute does.
    letter_style = palette.header + _UNDERLINED if palette.monochrome else palette.bar_key
    for index, column in enumerate(placed):
        view = column.view
        style = palette.selected if index == look.picked else palette.header
        title, gap = view.column.title.upper(), " " * GAP
        if look.order is not None and look.order.is_by(view):
            arrow = "↓" if look.order.falling else "↑"
            if view.right or len(title) >= column.width:
                gap = arrow + gap[1:]
            else:
                title += arrow
        text = fit(title, column.width, view.right)
        place = text.find(letters.get(index, "\n"))
        if place >= 0:
            segments += [
                Segment(text[:place], style),
                Segment(text[place], style if index == look.picked else letter_style),
                Segment(text[place + 1 :], style),
            ]
        else:
            segments.append(Segment(text, style))
        segments.append(Segment(gap, palette.header))
    strip = Strip([segment for segment in segments if segment.text])
    return strip.adjust_cell_length(width, palette.header).simplify()


def row_strip(
    schema: KindSchema,
    placed: Sequence[PlacedColumn],
    resource: Resource,
    palette: Palette,
    width: int,
    now: float,
    *,
    selected: bool,
    marked: bool,
    outdated: bool = False,
) -> Strip:
    """A row; its state and what is wrong with it are coloured, a marked one has a tick behind its first column.

    One that is `outdated`, as it was when its backend was reached for the last time, is muted and says no health.
    """
    base = palette.selected if selected else palette.muted if outdated else palette.base
    states = palette.selected_health if selected else palette.health
    health = Health.UNKNOWN if outdated else resource.health
    segments: list[Segment] = []
    left = width
    for index, column in enumerate(placed):
        text = fit(schema.text(resource, column.view, now), column.width, column.view.right)
        length = min(column.width + GAP, left)
        if marked and index == 0 and length > column.width:
            segments.append(Segment(text, base))
            segments.append(
                Segment(_MARK + " " * (length - column.width - 1), palette.selected if selected else palette.accent)
            )
            left -= length
            continue
        if outdated and column.view.source is Source.STATE:
            text = text.replace(GLYPHS[resource.health], GLYPHS[health], 1)
        text = text + " " * (length - column.width) if length > column.width else text
        coloured = text != " " * length and (
            column.view.source is Source.STATE
            or (column.view.source is Source.REASON and resource.health is not Health.OK)
        )
        segments.append(Segment(text, states[health] if coloured else base))
        left -= length
    if left > 0:
        segments.append(Segment(" " * left, base))
    return Strip(segments, width)


def changed_width(old: Strip, new: Strip) -> int:
    """How many terminal cells of a line, from the left, cover every difference; 0 when there is none.

    Textual repaints a part of a line from the widget's left edge, so only where the differences end matters.
    """
    before, after = list(old), list(new)
    if len(before) != len(after) or old.cell_length != new.cell_length:
        return new.cell_length
    end = x = 0
    for was, becomes in zip(before, after, strict=True):
        x += becomes.cell_length
        if was != becomes:
            end = x
    return end
