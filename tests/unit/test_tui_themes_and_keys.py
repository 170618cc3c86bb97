"""Theme files are checked, and so are the keys that a user wishes for."""

import pytest

from quarterdeck.tui.keys import SHELL_BINDINGS, TABLE_BINDINGS, check_keys, with_letters_given_way
from quarterdeck.tui.live_table import LiveTable
from quarterdeck.tui.style import GLYPHS, make_palette
from quarterdeck.tui.theme_files import (
    DEFAULT_THEME,
    ROLES,
    builtin_theme,
    builtin_theme_names,
    parse_theme,
)
from quarterdeck_api.resources import Health


def test_every_theme_file_is_right_and_bears_its_name() -> None:
    assert builtin_theme_names() == [
        "dark",
        "deuteranopia",
        "high-contrast",
        "light",
        "monochrome",
        "terminal",
        "tritanopia",
    ]
    for name in builtin_theme_names():
        choice = builtin_theme(name)
        assert (choice.message, choice.theme.name) == ("", name)


def test_the_default_is_the_same_in_code_and_file() -> None:
    from importlib import resources

    text = resources.files("quarterdeck.themes").joinpath("dark.toml").read_text()
    assert parse_theme(text, "dark").theme == DEFAULT_THEME


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colours = [", "cannot be read"),
        ('name = "x"', "cannot be read"),
        ('name = "x"\n[colours]\nok = "#000000"', "lacks the colours background"),
        ('name = "x"\n[colours]\n' + "\n".join(f'{role} = "red"' for role in ROLES), "not a colour"),
        ('name = "x"\n[colours]\n' + "\n".join(f'{r} = "#000000"' for r in (*ROLES, "neon")), "unknown colour 'neon'"),
    ],
)
def test_a_broken_theme_degrades_with_a_message(text: str, said: str) -> None:
    choice = parse_theme(text, "x")
    assert choice.theme is DEFAULT_THEME
    assert said in choice.message


@pytest.mark.parametrize("name", ["nosuch", "../dark", ""])
def test_unknown_theme_degrades_with_a_message(name: str) -> None:
    choice = builtin_theme(name)
    assert choice.theme is DEFAULT_THEME
    assert "there is no theme" in choice.message


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", [name for name in builtin_theme_names() if name != "terminal"])
def test_text_can_be_read_on_its_background(name: str) -> None:
    colours = builtin_theme(name).theme.colours
    for role in ("foreground", "accent", "muted", "forecast", "baseline", *(health.value for health in Health)):
        assert contrast(colours[role], colours["background"]) >= 4.5, role
    for role in ("foreground", *(health.value for health in Health)):
        assert contrast(colours[role], colours["selection"]) >= 3, role


def test_the_terminals_own_colours_stay_names_and_the_selection_is_reversed() -> None:
    palette = make_palette(builtin_theme("terminal").theme)
    assert palette.screen_background is None
    assert palette.selected.reverse
    colours = [palette.health[health].color for health in Health]
    assert all(colour is not None and colour.triplet is None for colour in colours)


def test_every_health_has_a_glyph_of_its_own() -> None:
    assert set(GLYPHS) == set(Health)
    assert len(set(GLYPHS.values())) == len(Health)


def test_every_binding_has_an_id() -> None:
    for binding in (*SHELL_BINDINGS, *LiveTable.BINDINGS):
        assert getattr(binding, "id", None), binding


def test_built_in_keys_do_not_clash() -> None:
    assert check_keys({}, [*SHELL_BINDINGS, *LiveTable.BINDINGS]) == []  # type: ignore[list-item]


def test_wishes_about_keys_are_checked() -> None:
    problems = check_keys({"resource.logs": "d", "resource.lgos": "x", "console.filter": "?"}, SHELL_BINDINGS)
    assert problems == [
        "there is no key binding 'resource.lgos'; did you mean resource.logs?",
        "the key ? is claimed by console.filter and by console.help",
        "the key d is claimed by resource.describe and by resource.logs",
    ]


def test_a_wish_for_a_capital_letter_goes_before_sorting_by_it() -> None:
    keys = with_letters_given_way({"console.quit": "Q"})
    assert keys == {"console.quit": "Q", "table.sort-q": "alt+shift+q"}
    assert check_keys(keys, [*SHELL_BINDINGS, *TABLE_BINDINGS]) == []
