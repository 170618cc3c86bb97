"""What IoTDB answers instead of a result: codes with their meaning in this version and a remedy, and what the client library raises, as our errors."""

import re

from quarterdeck_ainode.iotdb.error_codes import meaning_of
from quarterdeck_api.errors import QuarterdeckError

_CODED = re.compile(r"^\s*(?P<code>\d{3,4})\s*:\s*(?P<text>.*)$", re.DOTALL)


class IotdbError(QuarterdeckError):
    """A statement that the server refused or could not carry out; `status` is its code, 0 when it gave none."""

    code = "iotdb"

    def __init__(self, status: int, message: str, remedy: str = "", address: str = "") -> None:
        super().__init__(message, remedy, address)
        self.status = status


def coded(text: str) -> tuple[int, str]:
    """Code and message of a text as `701: wrong column`; the code is 0 when there is none (the client has no attribute for it)."""
    found = _CODED.match(text)
    return (int(found["code"]), found["text"].strip()) if found else (0, text.strip())


def refused(text: str, address: str = "") -> IotdbError:
    """The error for what the server answered to a statement."""
    status, message = coded(text)
    meaning = meaning_of(status)
    said = f"{status} {meaning.name}: {message}" if meaning else (f"{status}: {message}" if status else message)
    return IotdbError(status, said, meaning.remedy if meaning else "see the logs of the DataNode", address)
