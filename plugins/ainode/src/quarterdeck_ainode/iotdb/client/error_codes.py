"""IoTDB's status codes that an operator of models meets, with what to do about them.

The codes below 1500 come from the servers (TSStatusCode of 2.0.10), the others from the AINode. AINodes up to 2.0.7 numbered their errors
in another way, so a code above 1500 means something only together with the version.
"""

from enum import Enum

from msgspec import Struct


class Numbering(Enum):
    """Which list of the AINode's error codes a version follows."""

    CURRENT = "current"
    BEFORE_2_0_8 = "before 2.0.8"


class CodeMeaning(Struct, frozen=True):
    """One status code: its name and what a user can do."""

    status: int
    name: str
    remedy: str


#: Logins that the server refused; trying again after 801 locks the user.
LOGIN_REFUSED = frozenset({801, 804, 822})

#: A statement that the server does not know in this dialect, or not at all.
NOT_UNDERSTOOD = frozenset({700, 701})

#: A statement that the user may not make.
NO_PERMISSION = 803

#: An AINode that does not answer, or no AINode at all: whoever knows that there is one may ask again.
AINODE_AWAY = frozenset({1011, 1013})

#: A question that was refused before anything was done for it, because others take the DataNode's memory just now.
NO_MEMORY = 719

_NO_AINODE = "no AINode is registered or running: start one on the node `ainode`"
_SEE_LOG = "see the AINode's log"

SERVER_CODES = (
    CodeMeaning(
        301, "statement failed", "read the text after the code: it comes from the AINode when the statement infers"
    ),
    CodeMeaning(302, "parts of the request failed", "correct what the texts name, and write those parts again"),
    CodeMeaning(
        305,
        "internal server error",
        "when the text names the output length, the model gave another number of rows than was asked for: ask for "
        "fewer; else see the DataNode's log",
    ),
    CodeMeaning(507, "values not written", "give the column the type that it has, and times within the TTL"),
    CodeMeaning(508, "no such series", "see the devices and series below the database"),
    CodeMeaning(550, "no such table", "see the databases and tables: open the node and press enter"),
    CodeMeaning(700, "not understood", "the statement is not known in this dialect or version"),
    CodeMeaning(701, "not accepted", "correct the statement as its text says"),
    CodeMeaning(715, "query was killed", "run it again if it was killed by mistake"),
    CodeMeaning(717, "query was ended", "run it again; a long query needs a longer read_timeout"),
    CodeMeaning(
        NO_MEMORY, "no memory for the query", "ask again in a moment; when it stays so, give the DataNode more memory"
    ),
    CodeMeaning(
        720,
        "query timed out",
        "use a shorter window, or a faster model: what takes longer than 60 s is always ended by the server",
    ),
    CodeMeaning(800, "not logged in", "try again: the session was ended by the server"),
    CodeMeaning(801, "wrong user or password", "correct user and password of the backend"),
    CodeMeaning(NO_PERMISSION, "not permitted", "ask an administrator for the privilege that the text names"),
    CodeMeaning(804, "no such user", "correct the user of the backend"),
    CodeMeaning(822, "user is locked", "wait some minutes, or have an administrator unlock the user"),
    CodeMeaning(1011, "AINode not reached", _NO_AINODE),
    CodeMeaning(1013, "no AINode", _NO_AINODE),
    CodeMeaning(1014, "ConfigNode warms up", "try again in some seconds"),
    CodeMeaning(1500, "no AINode in the cluster", "start one on the node `ainode`"),
)

AINODE_CODES = (
    CodeMeaning(1501, "AINode not registered", "a cluster has one AINode: remove the other one first"),
    CodeMeaning(1502, "AINode not removed", "wait until the cluster is idle and try again"),
    CodeMeaning(1503, "model exists", "choose another name, or drop the model first"),
    CodeMeaning(1504, "no such model", "see the models of the cluster"),
    CodeMeaning(1505, "model not created", "check the path: the AINode has to be able to read it"),
    CodeMeaning(1506, "built-in model", "only models that users created can be dropped"),
    CodeMeaning(1507, "model not dropped", _SEE_LOG),
    CodeMeaning(1508, "no such AI device", "see the AI devices of the cluster"),
    CodeMeaning(1509, "model not loaded", "name each device once, and see the AINode's log"),
    CodeMeaning(1510, "model not unloaded", "see the loaded instances, and the AINode's log"),
    CodeMeaning(1511, "URI not accepted", "give a file:// URI that the AINode can read"),
    CodeMeaning(1512, "input not accepted by the model", "correct it as the text says"),
    CodeMeaning(1520, "inference failed", "correct the input or the parameters as the text says"),
    CodeMeaning(1521, "AINode overloaded", "ask again in a moment, with fewer requests at once"),
    CodeMeaning(1599, "AINode failed", "read the text after the code, and see the AINode's log"),
)

#: From the documentation of those versions; not verified on a server.
AINODE_CODES_BEFORE_2_0_8 = (
    CodeMeaning(1501, "AINode not registered", "a cluster has one AINode: remove the other one first"),
    CodeMeaning(1502, "model exists", "choose another name, or drop the model first"),
    CodeMeaning(1505, "no such model", "see the models of the cluster"),
    CodeMeaning(1507, "no such AI device", "see the AI devices of the cluster"),
    CodeMeaning(1510, "AINode failed", "read the text after the code, and see the AINode's log"),
    CodeMeaning(1550, "training failed", "read the text after the code, and see the AINode's log"),
    CodeMeaning(1551, "training not started", "correct the parameters as the text says"),
)

_SERVER = {meaning.status: meaning for meaning in SERVER_CODES}
_AINODE = {
    Numbering.CURRENT: {meaning.status: meaning for meaning in AINODE_CODES},
    Numbering.BEFORE_2_0_8: {meaning.status: meaning for meaning in AINODE_CODES_BEFORE_2_0_8},
}


def meaning_of(status: int, numbering: Numbering = Numbering.CURRENT) -> CodeMeaning | None:
    """What a code means, None for one that is not known here."""
    return _SERVER.get(status) or _AINODE[numbering].get(status)
