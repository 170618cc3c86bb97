"""Several resources do not make things of one name, one over the other."""

from typing import Any

import pytest

from quarterdeck.runtime.own_names import require_own_names
from quarterdeck_api.catalogue import ActionInfo
from quarterdeck_api.errors import UsageError

ACTION = ActionInfo(
    "series.forecast",
    "Forecast",
    ("series",),
    {
        "type": "object",
        "properties": {
            "write_to": {"type": "string", "format": "name-template"},
            "save_as": {"type": "string", "format": "new-dataset"},
            "title": {"type": "string"},
        },
    },
    bulk=True,
)


@pytest.mark.parametrize(
    ("parameters", "said", "remedy"),
    [
        ({"write_to": "root.p.forecast"}, "write_to would be 'root.p.forecast' for all 3", "placeholder"),
        ({"save_as": "kept"}, "save_as would be 'kept' for all 3", "do one at a time"),
    ],
)
def test_one_name_for_several_is_refused(parameters: dict[str, Any], said: str, remedy: str) -> None:
    require_own_names(ACTION, parameters, 1)
    with pytest.raises(UsageError, match=said) as caught:
        require_own_names(ACTION, parameters, 3)
    assert remedy in caught.value.remedy


def test_a_name_of_its_own_for_each_is_fine() -> None:
    require_own_names(ACTION, {"write_to": "{series}_forecast", "title": "all alike", "save_as": ""}, 3)
    require_own_names(ACTION, {}, 3)
