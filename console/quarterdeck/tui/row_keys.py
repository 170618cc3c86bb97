"""Keys of the main screen that are about the selected row, or the marked ones."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from quarterdeck_api.catalogue import Column
from quarterdeck_api.resources import Resource

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp
    from quarterdeck.tui.live_table import LiveTable


class RowKeys:
    """What a screen with a table that keys go to can do with its rows."""

    console: "ConsoleApp"

    @property
    def table(self) -> "LiveTable[Any]":
        """The table that keys go to."""
        raise AssertionError("a screen with rows has a table")

    def say(self, message: str, *, error: bool = False) -> None:
        """Shows a message in the status line."""
        raise AssertionError("a screen with rows has a status line")

    def action_describe(self) -> None:
        """Shows what is known of the selected row."""
        self._with_selected(self.console.open_detail)

    def action_logs(self) -> None:
        """Shows the logs of the selected row."""
        self._with_selected(self.console.open_logs)

    def action_raw(self) -> None:
        """Shows the selected row as data."""
        self._with_selected(lambda row: self.console.open_raw(row, self._columns_of(row)))

    def action_edit(self) -> None:
        """Opens the selected row's text in the user's editor."""
        self._with_selected(lambda row: self.console.open_editor(row.address))

    def action_shell(self) -> None:
        """Opens a shell on the selected row, where its backend has one."""
        self._with_selected(self.console.open_shell)

    def action_timeline(self) -> None:
        """Shows how the selected row was over time."""
        self._with_selected(lambda row: self.console.open_timeline(row.address))

    def action_actions(self) -> None:
        """Shows what can be done with the marked rows, or with the selected one when none is marked."""
        self.console.open_actions(*self.chosen())

    def chosen(self) -> tuple[str, list[Resource]]:
        """What an action is about: the marked rows, or the selected one when none is marked, and their kind."""
        selected = self.table.selected
        selected = None if selected is None or selected.kind == "backend" else selected
        resources = self.table.marked or ([] if selected is None else [selected])
        return (resources[0].kind if resources else self._kind_without_rows()), resources

    def action_copy(self) -> None:
        """Copies the addresses of the marked rows, what the picked column says, or the selected row's address."""
        table = self.table
        selected, cell = table.selected, table.picked_text
        if table.marked:
            text = "\n".join(resource.address for resource in table.marked)
            what = f"{len(table.marked)} addresses"
        elif cell is not None:
            text = what = cell.strip()
        elif selected is not None:
            text = what = selected.name if selected.kind == "backend" else selected.address
        else:
            text = what = ""
        self.say(self.console.copied(text, what))

    def action_explain(self) -> None:
        """Shows why the selected row is as it is."""
        selected = self.table.selected
        if selected is None:
            self.say("no row is selected")
        elif selected.kind == "backend":
            self.console.open_backend_explanation(selected.name)
        elif selected.kind == "finding":
            self.console.open_finding_explanation(selected)
        else:
            self.console.open_explanation(selected, self._columns_of(selected))

    def action_retry(self) -> None:
        """Connects to the selected backend again."""
        selected = self.table.selected
        if selected is not None:
            self.console.retry_backend(selected.name if selected.kind == "backend" else selected.backend)

    def _kind_without_rows(self) -> str:
        schema = self.table.schema
        return schema.kind if schema is not None else ""

    def _columns_of(self, resource: Resource) -> Sequence[Column]:
        schema = self.table.schema
        return schema.columns_of(resource) if schema is not None else ()

    def _with_selected(self, show: Callable[[Resource], None]) -> None:
        selected = self.table.selected
        if selected is None:
            self.say("no row is selected")
        elif selected.kind == "backend":
            self.console.open_backend(selected)
        else:
            show(selected)
