"""How a host says by its exit code why it ended."""

from enum import IntEnum


class HostExit(IntEnum):
    """Exit codes of a host; any other code is the plugin's doing."""

    ORDERLY = 0
    USAGE = 64
    POOL_STUCK = 71
    PROTOCOL = 76
    RUNTIME_GONE = 77


_SENTENCES = {
    HostExit.ORDERLY: "it ended by itself",
    HostExit.USAGE: "it was started without a connection to the runtime",
    HostExit.POOL_STUCK: "every thread of its pool was stuck in a call that does not answer",
    HostExit.PROTOCOL: "it and the runtime do not speak the same protocol",
    HostExit.RUNTIME_GONE: "its connection to the runtime ended",
}


def exit_sentence(code: int) -> str:
    """What an exit code of a host means, without a subject's name."""
    try:
        return _SENTENCES[HostExit(code)]
    except ValueError:
        return f"it exited with code {code}"
