"""Which bindings are in force together, screen by screen; imported only when somebody has wishes about keys, for it needs every screen."""

from textual.binding import Binding, BindingType

from quarterdeck.tui.keys import DETAIL_BINDINGS, LINES_BINDINGS, LOG_BINDINGS, TABLE_BINDINGS


def key_contexts() -> dict[str, list[Binding]]:
    """The bindings of each place of the console; those of the application itself are part of every one."""
    from quarterdeck.tui.action_form import ActionForm
    from quarterdeck.tui.action_menu import ActionMenu
    from quarterdeck.tui.command_line import CommandLine
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.detail_screen import DetailScreen
    from quarterdeck.tui.editing import DiffScreen
    from quarterdeck.tui.filter_bar import FilterBar
    from quarterdeck.tui.form_fields import FormInput
    from quarterdeck.tui.log_screen import SearchBar
    from quarterdeck.tui.main_screen import MainScreen
    from quarterdeck.tui.palette_screen import PaletteScreen
    from quarterdeck.tui.question import Question

    everywhere = _own(ConsoleApp.BINDINGS)
    places: dict[str, list[Binding]] = {
        "panes": [*_own(MainScreen.BINDINGS), *TABLE_BINDINGS],
        "texts": [*DETAIL_BINDINGS, *LINES_BINDINGS],
        "logs": [*LOG_BINDINGS, *DETAIL_BINDINGS, *LINES_BINDINGS],
        "search in logs": _own(SearchBar.BINDINGS),
        "descriptions": _own(DetailScreen.BINDINGS),
        "differences": [*_own(DiffScreen.BINDINGS), *LINES_BINDINGS],
        "menus": _own(ActionMenu.BINDINGS),
        "forms": [*_own(ActionForm.BINDINGS), *_own(FormInput.BINDINGS)],
        "questions": _own(Question.BINDINGS),
        "filters": _own(FilterBar.BINDINGS),
        "commands": _own(CommandLine.BINDINGS),
        "palette": _own(PaletteScreen.BINDINGS),
    }
    return {place: [*everywhere, *bindings] for place, bindings in places.items()}


def _own(bindings: list[BindingType]) -> list[Binding]:
    return [binding for binding in bindings if isinstance(binding, Binding)]
