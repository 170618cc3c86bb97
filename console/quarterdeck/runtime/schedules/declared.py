"""What the core declares for schedules: the actions and what they take."""

from quarterdeck_api.catalogue import ActionInfo, Danger, JsonSchema

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

_RULE: JsonSchema = {
    "rule": {
        "type": "string",
        "description": 'A cron rule ("0 2 * * *"), "every 15m", or "once 2030-01-31T08:00".',
    },
    "zone": {"type": "string", "default": "UTC", "description": "The IANA time zone, as Europe/Berlin."},
}

_PREVIEW: JsonSchema = {"type": "object", "properties": _RULE, "required": ["rule"]}

_ADD: JsonSchema = {
    "type": "object",
    "properties": {
        "name": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
            "description": "The schedule's name: lower-case letters, digits and -.",
        },
        **_RULE,
        "action": {"type": "string", "description": "The action to request."},
        "target": {
            "type": "string",
            "format": "address",
            "default": "",
            "description": "The resource; empty for an action that needs none.",
        },
        "targets": {
            "type": "array",
            "items": {"type": "string", "format": "address"},
            "default": [],
            "description": "Further resources, for an action that takes several at a time.",
        },
        "parameters": {"type": "object", "default": {}, "description": "The action's parameters."},
        "settings": {"type": "object", "default": {}, "description": "The resource's own settings (--set)."},
        "misfire": {
            "type": "string",
            "enum": ["skip", "once", "all"],
            "default": "once",
            "description": "After a time without a runtime: leave missed times out, make up for them once, or for each.",
        },
        "misfire_limit": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 10,
            "description": "At most so many missed times are made up for with `all`.",
        },
        "overlap": {
            "type": "string",
            "enum": ["refuse", "allow"],
            "default": "refuse",
            "description": "Whether a further job may be queued while an earlier one of the schedule lives.",
        },
        "priority": {"type": "integer", "default": 0, "description": "The priority of its jobs; higher is sooner."},
        "confirmed": {"type": "boolean", "default": False, "description": "Confirms a dangerous action, once for all."},
        "typed_name": {
            "type": "string",
            "default": "",
            "description": "The resource's name, for an action that wants it typed.",
        },
        "typed_names": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "The names of further resources, for an action that wants them typed.",
        },
    },
    "required": ["name", "rule", "action"],
}

_EDIT: JsonSchema = {
    "type": "object",
    "properties": {
        **{name: each for name, each in _ADD["properties"].items() if name != "name"},
        "unset": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Parameters and settings of the action to leave out from now on.",
        },
    },
    "required": [],
}

SCHEDULE_ACTIONS = (
    ActionInfo(
        "schedule.add",
        "Add a schedule",
        ("schedule",),
        _ADD,
        dry_run=True,
        standalone=True,
        summary="Requests an action at times, while the runtime runs.",
    ),
    ActionInfo(
        "schedule.edit",
        "Edit",
        ("schedule",),
        _EDIT,
        dry_run=True,
        summary="Changes what is named, and keeps the rest and what has happened; parameters are set beside those that are there.",
    ),
    ActionInfo(
        "schedule.preview",
        "Preview a rule",
        ("schedule",),
        _PREVIEW,
        dry_run=True,
        standalone=True,
        read_only=True,
        summary="Says a rule in words, with its next five times.",
    ),
    ActionInfo(
        "schedule.remove",
        "Remove the schedule",
        ("schedule",),
        _NOTHING,
        danger=Danger.CONFIRM,
        bulk=True,
        summary="Forgets the schedule; jobs that it queued go on.",
    ),
    ActionInfo(
        "schedule.enable",
        "Enable",
        ("schedule",),
        _NOTHING,
        bulk=True,
        summary="Lets the schedule request its action again, from now on.",
    ),
    ActionInfo(
        "schedule.disable",
        "Disable",
        ("schedule",),
        _NOTHING,
        bulk=True,
        summary="Keeps the schedule, which requests nothing until it is enabled.",
    ),
    ActionInfo(
        "schedule.run-now",
        "Run now",
        ("schedule",),
        _NOTHING,
        bulk=True,
        summary="Requests the schedule's action once, beside its times.",
    ),
)
