"""What the core declares for processes: the columns of processes and instances, the actions and what they take."""

from quarterdeck_api.catalogue import ActionInfo, Column, ColumnType, Danger, JsonSchema

MOST_INSTANCES = 64

PROCESS_COLUMNS = (
    Column("type", "Type"),
    Column("backend", "Backend"),
    Column("desired", "Desired"),
    Column("running", "Running", ColumnType.INTEGER),
    Column("wanted", "Wanted", ColumnType.INTEGER),
    Column("restarts", "Restarts", ColumnType.INTEGER),
    Column("memory", "Memory", ColumnType.BYTES),
    Column("cpu", "CPU", ColumnType.FRACTION),
    Column("message", "Message"),
)

INSTANCE_COLUMNS = (
    Column("type", "Type"),
    Column("backend", "Backend"),
    Column("pid", "PID", ColumnType.INTEGER),
    Column("started", "Started", ColumnType.TIMESTAMP),
    Column("restarts", "Restarts", ColumnType.INTEGER),
    Column("memory", "Memory", ColumnType.BYTES),
    Column("cpu", "CPU", ColumnType.FRACTION),
    Column("message", "Message"),
)

_NOTHING: JsonSchema = {"type": "object", "properties": {}, "required": []}

_COUNT: JsonSchema = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_INSTANCES,
    "description": "How many instances are kept.",
}

_CREATE: JsonSchema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "description": "The process type, as `quarterdeck plugin info` shows it."},
        "name": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
            "description": "The process's name: lower-case letters, digits and -.",
        },
        "backend": {"type": "string", "default": "", "description": "Its backend; the plugin's only one when empty."},
        "count": {**_COUNT, "default": 1},
        "parameters": {"type": "object", "default": {}, "description": "What the type takes; --set does the same."},
        "start": {"type": "boolean", "default": True, "description": "Start it at once."},
    },
    "required": ["type", "name"],
}

_CONTROL: JsonSchema = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "description": "The message's name, as the plugin understands it."},
        "body": {
            "type": ["object", "integer", "number", "boolean", "array", "string", "null"],
            "default": None,
            "description": "What the message carries, as JSON.",
        },
        "timeout": {
            "type": "number",
            "minimum": 0.1,
            "maximum": 30,
            "default": 5.0,
            "description": "Seconds that each instance has to answer.",
        },
    },
    "required": ["message"],
}

PROCESS_ACTIONS = (
    ActionInfo(
        "process.create",
        "Create a process",
        ("process",),
        _CREATE,
        dry_run=True,
        standalone=True,
        summary="Keeps so many instances of a process type running, until it is stopped or removed.",
    ),
    ActionInfo(
        "process.start",
        "Start",
        ("process",),
        _NOTHING,
        bulk=True,
        summary="Wants the process to run, also after a crash loop.",
    ),
    ActionInfo(
        "process.stop",
        "Stop",
        ("process",),
        _NOTHING,
        bulk=True,
        summary="Drains and ends every instance; the process stays stopped until it is started.",
    ),
    ActionInfo(
        "process.restart",
        "Restart",
        ("process", "instance"),
        _NOTHING,
        bulk=True,
        summary="Drains and ends, then starts anew: every instance of a process, or one.",
    ),
    ActionInfo(
        "process.scale",
        "Scale",
        ("process",),
        {"type": "object", "properties": {"count": _COUNT}, "required": ["count"]},
        summary="Changes how many instances are kept; those with the highest numbers end first.",
    ),
    ActionInfo(
        "process.configure",
        "Configure",
        ("process",),
        _NOTHING,
        own_parameters=True,
        summary="Changes what the process was given (--set), and restarts it.",
    ),
    ActionInfo(
        "process.control",
        "Send a control message",
        ("process", "instance"),
        _CONTROL,
        summary="Sends a message to one instance, or to every instance of a process, and shows the answers.",
    ),
    ActionInfo(
        "process.remove",
        "Remove the process",
        ("process",),
        _NOTHING,
        danger=Danger.CONFIRM,
        bulk=True,
        summary="Drains and ends every instance, and forgets the process with its history and logs.",
    ),
)
