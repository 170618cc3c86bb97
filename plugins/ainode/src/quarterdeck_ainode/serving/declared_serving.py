"""Our AINode as the plugin declares it: a managed process, and commands to serve in the foreground and to leave a cluster."""

from quarterdeck_ainode.serving.server_parameters import DeregisterParameters, ServeParameters, ServerParameters
from quarterdeck_api.declarations import Command, ProcessType

#: The process type; `process.create` takes it.
SERVER = "ainode.server"

PROCESSES = (
    ProcessType(
        SERVER,
        "AINode of our own",
        ServerParameters,
        "quarterdeck_ainode.serving.process:run",
        heartbeat_timeout=20.0,
        ready_timeout=60.0,
        grace=40.0,
        summary="Joins a cluster of Apache IoTDB and answers its forecasts with the models of the local engine.",
    ),
)

COMMANDS = (
    Command(
        "serve",
        "quarterdeck_ainode.serving.commands:serve",
        ServeParameters,
        "Join a cluster of Apache IoTDB as its AINode and serve it until ctrl-C, or as a managed process (--managed).",
    ),
    Command(
        "deregister",
        "quarterdeck_ainode.serving.commands:deregister",
        DeregisterParameters,
        "Take an AINode that was served from this machine out of its cluster (dangerous: asks for --yes).",
    ),
)
