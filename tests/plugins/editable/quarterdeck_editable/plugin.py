"""What the editable plugin declares."""

from typing import Annotated

from msgspec import Meta, Struct

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import Column, ColumnType, Danger, PluginInfo
from quarterdeck_api.declarations import Action, BackendType, Kind
from quarterdeck_api.fields import File, Folder, Secret, address_of
from quarterdeck_api.hooks import hookimpl


class ShelfSettings(Struct):
    """Which notes there are."""

    notes: Annotated[int, Meta(ge=1, description="How many notes there are at first.")] = 3
    password: Annotated[Secret, Meta(description="Not used.")] = ""


class Upload(Struct):
    """What an upload takes."""

    file: Annotated[File, Meta(description="The file whose text the note gets.")]
    folder: Annotated[Folder, Meta(description="Where it is said to come from.")] = ""


class Unlock(Struct):
    """What unlocking takes."""

    password: Annotated[Secret, Meta(description="The password.", min_length=1)]


class Copy(Struct):
    """What copying takes."""

    to: Annotated[str, address_of("note"), Meta(description="The note that gets the text.")]


class Shell(Struct):
    """What a shell takes."""

    status: Annotated[int, Meta(ge=0, le=255, description="The exit status that the program ends with.")] = 0


class Say(Struct):
    """What is written to the log."""

    lines: Annotated[int, Meta(ge=1, description="How many lines.")] = 1
    text: Annotated[str, Meta(description="What they say.")] = "hello"


class Pulse(Struct):
    """How a live document or a metric is driven."""

    rate: Annotated[float, Meta(ge=0, le=10_000, description="Changes a second.")] = 10.0


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("editable", "Editable", "1.0", API_VERSION, "Notes that can be edited, watched and listened to")


@hookimpl
def quarterdeck_backend_types() -> list[BackendType]:
    opened = "quarterdeck_editable.shelf:open_shelf"
    return [
        BackendType("editable", "A shelf of notes", opened, ShelfSettings, embedded=True),
        BackendType("editable.shelf", "A shelf of notes as configured", opened, ShelfSettings),
    ]


@hookimpl
def quarterdeck_kinds() -> list[Kind]:
    return [
        Kind("note", "Notes", (Column("size", "Size", ColumnType.BYTES), Column("version", "Version"))),
    ]


@hookimpl
def quarterdeck_actions() -> list[Action]:
    note = ("note",)
    return [
        Action("note.upload", "Upload a file", note, Upload, dry_run=True, summary="Puts a file's text into the note."),
        Action("note.unlock", "Unlock", note, Unlock, summary="Checks a password."),
        Action("note.copy", "Copy to another note", note, Copy),
        Action("note.shell", "Open a shell", note, Shell, key="s", read_only=True),
        Action("note.say", "Write to the log", note, Say),
        Action("note.pulse", "Drive the live document", note, Pulse),
        Action("note.hang", "Do not answer", note, danger=Danger.CONFIRM),
    ]
