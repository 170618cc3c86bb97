"""What a form holds: the fields of an action and of its resource, the text typed so far, and the request that it makes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quarterdeck_api.catalogue import ActionInfo, JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.parameter_values import describe_type, format_value, parse_text
from quarterdeck_api.parameters import Field, fields
from quarterdeck_api.protocol import DoParams

#: Letters in a schedule's name.
_LONGEST_NAME = 63


@dataclass
class FormField:
    """One field: `own` when it is the resource's own parameter (`--set`); `error` is a sentence while the text is wrong."""

    field: Field
    own: bool
    text: str
    error: str = ""

    @property
    def hint(self) -> str:
        """What may be typed, and what it means."""
        return f"{describe_type(self.field)}  {self.field.help}".strip()

    @property
    def changed(self) -> bool:
        """Whether the text says something else than the default."""
        return self.text != default_text(self.field)

    @property
    def value(self) -> Any:
        """What the text means; a path is absolute, since the runtime works in another folder. Raises UsageError."""
        value = parse_text(self.field, self.text)
        if self.field.format in ("file", "folder") and isinstance(value, str) and value:
            try:
                return str(Path.cwd() / Path(value).expanduser())
            except RuntimeError as error:  # No such user after `~`.
                raise UsageError(f"{self.field.name}: {error}", "write the path out") from error
        return value

    def check(self) -> None:
        """Sets `error` by what the text is."""
        self.error = ""
        if not self.text and not self.changed:
            self.error = f"{self.field.name} is needed: {describe_type(self.field)}" if self.field.required else ""
            return
        try:
            _ = self.value
        except UsageError as error:
            self.error = f"{error.message}; {error.remedy}" if error.remedy else error.message


@dataclass
class FormModel:
    """The whole form, for one action on some addresses."""

    action: ActionInfo
    addresses: tuple[str, ...]
    fields: list[FormField] = field(default_factory=list[FormField])

    @property
    def names(self) -> tuple[str, ...]:
        """The names that have to be typed when the action is that dangerous, each once."""
        return tuple(dict.fromkeys(address.split("/", 2)[2] for address in self.addresses))

    def given(self) -> dict[str, Any]:
        """The action's parameters that were typed and are right, however far the form is."""
        said = [each for each in self.fields if not each.own and each.changed and not each.error]
        return {each.field.name: each.value for each in said if each.field.format != "secret"}

    def counts(self, index: int) -> bool:
        """Whether a field means something beside what stands in the others; one that does not is neither shown nor sent."""
        wanted = self.fields[index].field.only_with
        if wanted is None:
            return True
        other = next((each for each in self.fields if not each.own and each.field.name == wanted.parameter), None)
        return other is not None and wanted.holds(other.text)

    def set_text(self, index: int, text: str) -> None:
        """What stands in a field now; checks it."""
        self.fields[index].text = text
        self.fields[index].check()

    def check_all(self) -> int:
        """Checks every field; the index of the first wrong one, or -1."""
        for each in self.fields:
            each.check()
        return next((index for index, each in enumerate(self.fields) if each.error and self.counts(index)), -1)

    def request(self, *, dry_run: bool = False, confirmed: bool = False, typed_names: tuple[str, ...] = ()) -> DoParams:
        """The request; only what differs from the defaults is in it. Raises UsageError when a field is wrong."""
        wrong = self.check_all()
        if wrong >= 0:
            raise UsageError(self.fields[wrong].error, "correct the field")
        said = [each for index, each in enumerate(self.fields) if each.changed and self.counts(index)]
        return DoParams(
            self.action.id,
            self.addresses,
            parameters={each.field.name: each.value for each in said if not each.own},
            settings={each.field.name: each.value for each in said if each.own},
            dry_run=dry_run,
            confirmed=confirmed,
            typed_names=typed_names,
        )

    def schedule_texts(self) -> dict[str, str]:
        """What stands in the form of a schedule that requests the same at times. Raises UsageError when a field is wrong."""
        wanted = self.request()
        texts = {"name": _schedule_name(self.action, self.addresses), "action": self.action.id}
        if self.addresses:
            texts["target"] = self.addresses[0]
            texts["targets"] = ",".join(self.addresses[1:])
        for name, values in (("parameters", wanted.parameters), ("settings", wanted.settings)):
            if values:
                texts[name] = json.dumps(values)
        return texts

    def fill(self, texts: Mapping[str, str]) -> None:
        """Puts texts into the fields of these names, as if they had been typed."""
        for index, each in enumerate(self.fields):
            if texts.get(each.field.name):
                self.set_text(index, texts[each.field.name])


def _schedule_name(action: ActionInfo, addresses: Sequence[str]) -> str:
    """A name for a schedule of this action, of the letters that such names have."""
    of = addresses[0].split("/", 2)[2] if addresses else ""
    words = re.sub(r"[^a-z0-9]+", "-", f"{action.id.rpartition('.')[2]} {of}".lower()).strip("-")
    return words[:_LONGEST_NAME].strip("-")


def default_text(schema_field: Field) -> str:
    """What stands in a field before anything is typed."""
    if schema_field.default is None and not (schema_field.nullable and not schema_field.required):
        return ""
    return format_value(schema_field, schema_field.default)


def make_form(
    action: ActionInfo, addresses: Sequence[str], parameters: JsonSchema, settings: JsonSchema | None
) -> FormModel:
    """The form of an action: its own fields first, required ones before the others, then the resource's."""
    own = sorted(fields(parameters), key=lambda each: not each.required)
    rows = [FormField(each, False, default_text(each)) for each in own]
    if settings is not None:
        rows += [FormField(each, True, default_text(each)) for each in fields(settings)]
    return FormModel(action, tuple(addresses), rows)
