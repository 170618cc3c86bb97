"""What every client says first: who it is, and the environment values that the runtime asks for."""

import os
from collections.abc import Mapping

from quarterdeck_api import __version__
from quarterdeck_api.protocol import HelloParams, HelloResult
from quarterdeck_api.wire import LINE_LIMIT, PROTOCOL_VERSION, check_protocol

#: The longest line a client accepts: a `get` of the largest backends is one line, and the runtime is trusted.
CLIENT_LINE_LIMIT = 16 * LINE_LIMIT


def first_hello(client: str) -> HelloParams:
    """The first hello; `client` says what kind of client it is, as `console` or `get`."""
    return HelloParams(PROTOCOL_VERSION, __version__, client, os.getpid())


def second_hello(first: HelloParams, answer: HelloResult, environment: Mapping[str, str]) -> HelloParams | None:
    """The hello that offers exactly what is wanted and there; None when there is nothing to offer.

    Raises ProtocolError when the runtime has another major version.
    """
    check_protocol(answer.protocol, f"the runtime {answer.version}")
    offered = {name: environment[name] for name in answer.wanted_environment if name in environment}
    return HelloParams(first.protocol, first.version, first.client, first.pid, offered) if offered else None
