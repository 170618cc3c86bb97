"""The floor for tables: Textual's own DataTable with as many rows and columns as the first two arguments say."""

import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class TableApp(App[None]):
    """A table with a row cursor."""

    BINDINGS: ClassVar = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        rows, columns = int(sys.argv[1]), int(sys.argv[2])
        table = self.query_one(DataTable)
        table.add_columns(*(f"column {number}" for number in range(columns)))
        table.add_rows([[f"cell {row} {number}" for number in range(columns)] for row in range(rows)])


if __name__ == "__main__":
    TableApp().run()
