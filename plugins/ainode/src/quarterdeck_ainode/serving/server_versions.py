"""Which servers our AINode can talk to: the one place that knows how the protocol differs between versions of IoTDB.

Only 2.0.10's messages are spoken (`ainode.thrift`), and only on it were they verified. What is known of others, from the project's sources:

* up to 2.0.8 `forecast` answers with one block in place of a list and has its options in field 6; still older ones order the fields of
  `registerModel` and `inference` otherwise. A node that joined such a cluster would give wrong answers or none, so it does not join.
* 2.0.11 has the definition of 2.0.10. Newer ones are taken at their word.
"""

from enum import Enum

from quarterdeck_api.errors import RefusedError

#: The version whose protocol is spoken; the cluster shows it as the node's.
PROTOCOL_VERSION = "2.0.10"
_SPOKEN = (2, 0, 10)


class Footing(Enum):
    """How far a server of a version was tried."""

    VERIFIED = "verified"
    NOT_VERIFIED = "not verified"


def check_version(version: str) -> Footing:
    """How our AINode stands with a server of this version (empty: it did not say); raises RefusedError for one that is too old."""
    numbers = _numbers(version)
    if numbers == _SPOKEN:
        return Footing.VERIFIED
    if numbers and numbers < _SPOKEN:
        raise RefusedError(
            f"the cluster runs IoTDB {version}, which asks an AINode in other messages than {PROTOCOL_VERSION} does",
            f"update IoTDB to {PROTOCOL_VERSION}, or use the AINode that came with {version}",
        )
    return Footing.NOT_VERIFIED


def _numbers(version: str) -> tuple[int, ...]:
    """The first three numbers of a version such as `2.0.10-SNAPSHOT`; empty when there are not so many."""
    parts = version.strip().partition("-")[0].split(".")[:3]
    if len(parts) < 3 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return ()
    return tuple(int(part) for part in parts)
