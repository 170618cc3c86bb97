"""Resources that can be edited as text, with the difference shown before it is sent."""

from typing import Protocol, runtime_checkable

from msgspec import Struct

from quarterdeck_api.catalogue import Danger
from quarterdeck_api.wire import Method

#: The action by which policy, guardrails, plugins and journal know that a text is put; a resource may turn it off in `actions_off`.
EDIT_ACTION = "resource.edit"


class EditableText(Struct, frozen=True, omit_defaults=True):
    """A resource's text; `version` says which state it is of, so that a change made elsewhere meanwhile is noticed."""

    text: str
    language: str = ""
    version: str = ""


class TextChange(Struct, frozen=True, omit_defaults=True):
    """What putting a text changes: a unified diff (empty: nothing), and what was or would be done as a sentence.

    `danger` is filled in by the runtime: what a user has to do before the text is put, as policy asks for it.
    """

    diff: str
    message: str = ""
    version: str = ""
    danger: Danger = Danger.NONE


@runtime_checkable
class Editable(Protocol):
    """A backend whose resources have texts."""

    def get_text(self, address: str) -> EditableText:
        """The text as it is now; raises UnsupportedError for a resource that has none."""
        ...

    def put_text(self, address: str, text: str, version: str, dry_run: bool) -> TextChange:
        """Puts the text in place of the one of that version; with `dry_run` only says what would change.

        Raises UsageError with the line when the text is wrong, RefusedError when the version is not the present one.
        """
        ...


class TextParams(Struct, frozen=True):
    """A resource whose text is asked for."""

    address: str


class TextPut(Struct, frozen=True, omit_defaults=True):
    """A text to put. It is a request as any other: policy and journal know it as the action `resource.edit`."""

    address: str
    text: str
    version: str = ""
    dry_run: bool = False
    confirmed: bool = False
    typed_name: str = ""


TEXT_GET = Method("text.get", TextParams, EditableText)
TEXT_PUT = Method("text.put", TextPut, TextChange)
