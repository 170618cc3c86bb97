"""Names that each of several resources needs for itself: refused before any of them is asked."""

from collections.abc import Mapping
from typing import Any

from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import UsageError


def require_own_names(action: ActionInfo, parameters: Mapping[str, Any], resources: int) -> None:
    """Raises UsageError when several resources would make something of one name, one over the other."""
    if resources < 2:
        return
    properties: Mapping[str, Mapping[str, Any]] = action.parameters.get("properties", {})
    for name, schema in properties.items():
        value, kind = str(parameters.get(name) or ""), schema.get("format")
        if not value or (kind != "new-dataset" and (kind != "name-template" or "{" in value)):
            continue
        placeholder = " write a placeholder into it (see the parameter's help), or" if kind == "name-template" else ""
        raise UsageError(
            f"{name} would be {value!r} for all {resources} resources", f"{placeholder} do one at a time".strip()
        )
