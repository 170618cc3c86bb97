"""`quarterdeck ainode serve` and `quarterdeck ainode deregister`."""

from typing import Any

import msgspec
from msgspec import structs

from quarterdeck_ainode.serving.declared_serving import SERVER
from quarterdeck_ainode.serving.server_parameters import DeregisterParameters, ServeParameters, ServerParameters
from quarterdeck_api.console import Console
from quarterdeck_api.errors import RefusedError


def serve(console: Console, parameters: ServeParameters) -> None:
    """Serves in the foreground, or asks the runtime for a managed process."""
    if not parameters.managed:
        from quarterdeck_ainode.serving.local_engine import open_engine
        from quarterdeck_ainode.serving.running import narrate_on_standard_error, serve, stop_on_signals

        narrate_on_standard_error()
        serve(_server_parameters(parameters), open_engine, parameters.wait, stop_on_signals())
        return
    given = _given(parameters)
    wanted = {"type": SERVER, "name": parameters.name, "backend": parameters.backend, "parameters": given}
    result = console.do("process.create", parameters=wanted)
    address = f"core/process/{parameters.name}"
    if console.as_json:
        console.json({"process": address, "message": result.outcomes[0].message})
    else:
        console.say(
            f"{result.outcomes[0].message}: see `quarterdeck processes`, `quarterdeck logs {address} -f`; "
            f"end it with `quarterdeck processes remove {parameters.name} --yes`"
        )


def deregister(console: Console, parameters: DeregisterParameters) -> None:
    """Asks the cluster to forget the node of a data folder."""
    from quarterdeck_ainode.serving.deregistering import deregister

    if not console.confirmed:
        raise RefusedError(
            "deregistering takes the AINode out of its cluster, and ends it if it runs", "add --yes if that is wanted"
        )
    sentence = deregister(_server_parameters(parameters))
    if console.as_json:
        console.json({"message": sentence})
    else:
        console.say(sentence)


def _server_parameters(parameters: ServeParameters | DeregisterParameters) -> ServerParameters:
    fields = set(ServerParameters.__struct_fields__)
    return ServerParameters(**{name: value for name, value in structs.asdict(parameters).items() if name in fields})


def _given(parameters: ServeParameters) -> dict[str, Any]:
    """What differs from the defaults, so that a process shows what was said."""
    said = msgspec.to_builtins(_server_parameters(parameters))
    defaults = msgspec.to_builtins(ServerParameters())
    return {name: value for name, value in said.items() if value != defaults[name]}
