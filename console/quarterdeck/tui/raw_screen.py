"""A resource as the data that it is."""

from typing import TYPE_CHECKING

import msgspec

from quarterdeck.tui.text_screen import TextScreen
from quarterdeck_api.resources import Resource, resource_document

if TYPE_CHECKING:
    from quarterdeck.tui.console_app import ConsoleApp


class RawScreen(TextScreen[None]):
    """The documented JSON form of a resource."""

    def __init__(self, console: "ConsoleApp", resource: Resource, columns: tuple[str, ...]) -> None:
        super().__init__(console, f"raw {resource.address}")
        text = msgspec.json.format(msgspec.json.encode(resource_document(resource, columns)), indent=2)
        self.show_text(text.decode().splitlines())
