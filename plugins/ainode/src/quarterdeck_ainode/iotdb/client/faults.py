"""What IoTDB answers instead of a result: its code with the meaning that it has in this version, and a remedy."""

import re

from quarterdeck_ainode.iotdb.client.error_codes import AINODE_AWAY, CodeMeaning, Numbering, meaning_of
from quarterdeck_api.errors import QuarterdeckError, UnknownOutcomeError, UnreachableError

#: What a DataNode says, under several codes, while no ConfigNode answers it, and the code of one that is just starting.
_NO_CONFIG_NODE = "Fail to connect to any config node"
_WARMING_UP = 1014
_CONFIG_NODE_AWAY = "see whether the ConfigNodes run; the cluster goes on by itself once one does"

#: Of a DataNode that was started again and does not have its regions yet, in 2.0.10 without a text: no such group, and not to be read now.
_REGIONS_NOT_READY = frozenset({2206, 2207})

#: When its call to another node broke off, of the AINode after up to five times.
_CALL_BROKE_OFF = "Error in calling method"
_TO_AINODE = "connect to AINode"

_CODED = re.compile(r"^\s*(?P<code>\d{3,4})\s*:\s*(?P<text>.*)$", re.DOTALL)


class IotdbError(QuarterdeckError):
    """A statement that the server refused or could not carry out; `status` is its code, 0 when it gave none."""

    code = "iotdb"

    def __init__(self, message: str, remedy: str = "", address: str = "", status: int = 0) -> None:
        super().__init__(message, remedy, address)
        self.status = status


def refusal(status: int, message: str, address: str = "", *, numbering: Numbering = Numbering.CURRENT) -> IotdbError:
    """The error for a status that is none of success; 0 is one that is not known."""
    meaning = meaning_of(status, numbering)
    if _NO_CONFIG_NODE in message:
        meaning = CodeMeaning(
            status, "no ConfigNode answers", f"{_CONFIG_NODE_AWAY}. Look at it before you do the same again"
        )
    text = message.strip().removeprefix(f"{status}:").strip() or "the server says no more"
    said = f"{status} {meaning.name}: {text}" if meaning else (f"{status}: {text}" if status else text)
    return IotdbError(said, meaning.remedy if meaning else "see the logs of the DataNode", address, status)


def cut_off(status: int, message: str) -> bool:
    """Whether a DataNode could not do something because no ConfigNode, or another DataNode, answered it, or its own data is not ready."""
    broke_off = _CALL_BROKE_OFF in message and _TO_AINODE not in message
    return status == _WARMING_UP or status in _REGIONS_NOT_READY or _NO_CONFIG_NODE in message or broke_off


def not_asked(endpoint: object, status: int, message: str) -> UnreachableError:
    """The error for a question that a DataNode that is cut off could not answer: asking it again changes nothing."""
    if status in _REGIONS_NOT_READY:
        return UnreachableError(
            f"{endpoint} answers, but its data cannot be read ({status}), as while it starts",
            "wait until the DataNode has started; when it stays so, see its log, and start it again",
        )
    without = "a node that it needs does not answer it" if _CALL_BROKE_OFF in message else "it reaches no ConfigNode"
    return UnreachableError(f"{endpoint} answers, but {without}: {message.strip()}", _CONFIG_NODE_AWAY)


def broke_off(status: int, message: str) -> bool:
    """Whether a DataNode lost the AINode while it handed a change on to it: the AINode may have carried it out."""
    return status in AINODE_AWAY and _CALL_BROKE_OFF in message


def perhaps_done(endpoint: object, message: str) -> UnknownOutcomeError:
    """The error for a change of which a DataNode does not know whether the AINode has carried it out."""
    return UnknownOutcomeError(
        f"{endpoint} lost the AINode while it handed the statement on: {message.strip()}; it may or may not have happened",
        "look at the cluster before doing it again",
    )


def refused(text: str, address: str = "", *, numbering: Numbering = Numbering.CURRENT) -> IotdbError:
    """The error for a text as `1504: no such model`, as the texts of some errors hold another one."""
    status, message = coded(text)
    return refusal(status, message, address, numbering=numbering)


def coded(text: str) -> tuple[int, str]:
    """Code and message of a text as `701: wrong column`; the code is 0 when there is none."""
    found = _CODED.match(text)
    return (int(found["code"]), found["text"].strip()) if found else (0, text.strip())
