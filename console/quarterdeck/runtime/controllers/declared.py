"""What the core declares for controllers: the actions and what they take."""

from quarterdeck_api.catalogue import ActionInfo, JsonSchema

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

_ENABLE: JsonSchema = {
    "type": "object",
    "properties": {
        "confirmed": {
            "type": "boolean",
            "default": False,
            "description": "Confirms the dangerous actions that it requests, once for all.",
        },
    },
    "required": [],
}

_CONFIGURE: JsonSchema = {
    "type": "object",
    "properties": {
        "interval": {
            "type": "number",
            "minimum": 0,
            "maximum": 31_622_400,
            "default": 0.0,
            "description": "Seconds from the end of a look to the next one; 0 leaves it as it is.",
        },
        "reset": {
            "type": "boolean",
            "default": False,
            "description": "Forgets earlier settings and the interval first.",
        },
    },
    "required": [],
}

CONTROLLER_ACTIONS = (
    ActionInfo(
        "controller.enable",
        "Switch on",
        ("controller",),
        _ENABLE,
        bulk=True,
        summary="Lets the controller look, now and after every interval, and act.",
    ),
    ActionInfo(
        "controller.disable",
        "Switch off",
        ("controller",),
        _NOTHING,
        bulk=True,
        summary="Keeps the controller, which does not look until it is switched on.",
    ),
    ActionInfo(
        "controller.look",
        "Look now",
        ("controller",),
        _NOTHING,
        bulk=True,
        summary="Has the controller look once, beside its times; it acts when it sees fit.",
    ),
    ActionInfo(
        "controller.configure",
        "Configure",
        ("controller",),
        _CONFIGURE,
        bulk=True,
        dry_run=True,
        own_parameters=True,
        summary="Sets what the controller takes (--set) and how often it looks.",
    ),
)
