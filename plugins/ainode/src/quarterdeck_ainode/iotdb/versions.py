"""What differs between versions of IoTDB for those who operate models: one table.

2.0.10 was verified on a real server. What is said of the others comes from their documentation and sources and was not verified.
"""

import re
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from quarterdeck_ainode.iotdb.client.error_codes import Numbering


class Edition(Enum):
    """Who made the server."""

    APACHE = "Apache IoTDB"
    TIMECHO = "TimechoDB"


class VersionFacts(Struct, frozen=True, kw_only=True):
    """How one version behaves; the defaults are those of 2.0.10.

    `forecast_input` and `classify_input` name the argument of the table functions that holds the query ("" where there is no such function);
    `horizon_key` is the key of CALL INFERENCE for the number of values; `privilege` is what statements about models need in the tree dialect.
    """

    version: str
    edition: Edition = Edition.APACHE
    verified: bool = False
    forecast_input: str = "targets"
    classify_input: str = "input"
    tree_forecast: bool = True
    horizon_key: str = "outputLength"
    ai_devices: bool = True
    show_configuration: bool = True
    fine_tuning: bool = False
    covariates: bool = False
    privilege: str = "SYSTEM"
    numbering: Numbering = Numbering.CURRENT

    @property
    def title(self) -> str:
        """`Apache IoTDB 2.0.10`."""
        return f"{self.edition.value} {self.version}"


_FIRST = VersionFacts(
    version="2.0.3",
    forecast_input="",
    classify_input="",
    tree_forecast=False,
    horizon_key="predict_length",
    ai_devices=False,
    show_configuration=False,
    privilege="USE_MODEL",
    numbering=Numbering.BEFORE_2_0_8,
)
_OLD = replace(_FIRST, version="2.0.5", forecast_input="input", ai_devices=True)
_UPGRADED = VersionFacts(
    version="2.0.8", classify_input="", tree_forecast=False, show_configuration=False, privilege="USE_MODEL"
)
_TIMECHO = replace(_UPGRADED, version="2.0.9", edition=Edition.TIMECHO, fine_tuning=True, covariates=True)
_TIMECHO_CLASSIFIES = replace(_TIMECHO, version="2.0.9.1", classify_input="inputs")

#: Oldest first. A version that is not here is taken for the nearest older one, and shown as not known.
VERSIONS = (
    _FIRST,
    replace(_FIRST, version="2.0.4"),
    _OLD,
    replace(_OLD, version="2.0.6"),
    replace(_OLD, version="2.0.7"),
    _UPGRADED,
    _TIMECHO,
    _TIMECHO_CLASSIFIES,
    replace(_TIMECHO_CLASSIFIES, version="2.0.9.4"),
    VersionFacts(version="2.0.10", verified=True),
    VersionFacts(
        version="2.0.10.1", edition=Edition.TIMECHO, classify_input="inputs", fine_tuning=True, covariates=True
    ),
    VersionFacts(version="2.0.11"),
)

#: Words of older versions for the same thing.
_SAME_STATE = {"loading": "activating"}
_SAME_CATEGORY = {"built_in": "builtin", "built_in_forecast": "builtin", "built_in_anomaly_detection": "builtin"}

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class Recognised(Struct, frozen=True):
    """What is known of a version; `notice` says what is not ("" when it is verified)."""

    facts: VersionFacts
    notice: str


def recognise(version: str, build: str = "") -> Recognised:
    """How a server behaves that calls itself `version`, with what SHOW VERSION says of its build. Pure; never fails.

    A fourth number or the word Timecho makes it a TimechoDB. The facts bear the version that the server names.
    """
    said = version.strip() or "of unknown version"
    edition = _edition(version, build)
    number = _number(version)
    known = next((each for each in VERSIONS if each.version == version and each.edition is edition), None)
    if known is not None:
        notice = (
            ""
            if known.verified
            else f"{known.title} is not verified: what differs in it is taken from its documentation"
        )
        return Recognised(known, notice)
    of_edition = [each for each in VERSIONS if each.edition is edition]
    older = [each for each in of_edition if _number(each.version) <= number]
    nearest = older[-1] if older else of_edition[0]
    facts = replace(nearest, version=said, verified=False)
    return Recognised(facts, f"{edition.value} {said} is not known: it is treated as {nearest.version}, and may differ")


def state_of(word: str) -> str:
    """A model's state in the words of 2.0.10: lower case with `_`, `activating` for the older LOADING."""
    plain = _plain(word)
    return _SAME_STATE.get(plain, plain)


def category_of(word: str) -> str:
    """A model's category in the words of 2.0.10: `builtin`, `user_defined`, `fine_tuned`."""
    plain = _plain(word)
    return _SAME_CATEGORY.get(plain, plain)


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_")


def _edition(version: str, build: str) -> Edition:
    words = f"{version} {build}".lower()
    found = _NUMBERS.match(version.strip())
    return Edition.TIMECHO if "timecho" in words or (found and found[0].count(".") > 2) else Edition.APACHE


def _number(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing; () for a text without any."""
    found = _NUMBERS.match(version.strip().removeprefix("v"))
    return tuple(int(each) for each in found[0].split(".")) if found else ()
