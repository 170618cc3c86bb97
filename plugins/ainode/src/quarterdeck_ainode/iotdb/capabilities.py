"""What a cluster can do for its user: the version's facts, joined with what the server answers and what the user may do. Pure.

`probing` asks; here is decided what the answers mean.
"""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.error_codes import NO_PERMISSION, NOT_UNDERSTOOD
from quarterdeck_ainode.iotdb.versions import VersionFacts, recognise


class Feature(Enum):
    """Something that is done by statements; the value is what a sentence calls it."""

    NODES = "nodes"
    MODELS = "models"
    LOADED_MODELS = "loaded models"
    AI_DEVICES = "AI devices"
    QUERIES = "running queries"
    CONFIGURATION = "configuration"
    REGIONS = "regions"
    CREATE_MODEL = "creating models"
    DROP_MODEL = "dropping models"
    LOAD_MODEL = "loading models"
    REMOVE_AINODE = "removing the AINode"
    KILL_QUERY = "killing queries"
    SET_CONFIGURATION = "changing the configuration"
    TREE_FORECAST = "forecasts in the tree dialect"
    TABLE_FORECAST = "forecasts in the table dialect"
    CLASSIFY = "classification"
    INFERENCE = "CALL INFERENCE"
    READ_DATA = "reading data"
    WRITE_DATA = "writing data"
    FINE_TUNING = "fine-tuning"
    COVARIATES = "covariates"


class Reply(Struct, frozen=True):
    """How a statement of the probe was answered: `status` 0 for rows, else the code and its text."""

    status: int = 0
    text: str = ""


class Privileges(Struct, frozen=True):
    """What a user may do, as (scope, privilege) of each dialect; None where the server does not tell."""

    tree: frozenset[tuple[str, str]] | None = None
    table: frozenset[tuple[str, str]] | None = None

    def may(self, dialect: Dialect, *names: str) -> bool | None:
        """Whether the user has one of these privileges anywhere; None when it is not known."""
        held = self.tree if dialect is Dialect.TREE else self.table
        if held is None:
            return None
        return any(name in names or name == "ALL" for _, name in held)


class Answers(Struct, frozen=True):
    """Everything that the probe was told."""

    version: str
    build: str
    user: str
    replies: Mapping[Feature, Reply]
    privileges: Privileges
    tree_functions: frozenset[str] | None
    table_functions: frozenset[str] | None
    table_dialect: bool = True
    ainode: bool | None = None


class Capabilities(Struct, frozen=True):
    """What the cluster can do for this user. `lacking` has the reason for each feature that is not to be had."""

    facts: VersionFacts
    build: str
    user: str
    lacking: Mapping[Feature, str]
    notices: tuple[str, ...]

    def reason(self, feature: Feature) -> str:
        """Why the feature is not to be had; empty when it is."""
        return self.lacking.get(feature, "")

    def off(self, action: str) -> str:
        """Why an action cannot be done here at all; empty when it can be tried."""
        features = ACTION_FEATURES.get(action, ())
        reasons = [self.lacking[each] for each in features if each in self.lacking]
        # An action with several ways needs one of them.
        return reasons[0] if features and len(reasons) == len(features) else ""


#: What each action needs: one of its features.
ACTION_FEATURES: Mapping[str, tuple[Feature, ...]] = {
    "node.remove-ainode": (Feature.REMOVE_AINODE,),
    "node.set-configuration": (Feature.SET_CONFIGURATION,),
    "model.create": (Feature.CREATE_MODEL,),
    "model.drop": (Feature.DROP_MODEL,),
    "model.load": (Feature.LOAD_MODEL,),
    "model.unload": (Feature.LOAD_MODEL,),
    "model.fine-tune": (Feature.FINE_TUNING,),
    "query.kill": (Feature.KILL_QUERY,),
    "series.forecast": (Feature.TREE_FORECAST, Feature.TABLE_FORECAST, Feature.INFERENCE),
    "series.classify": (Feature.CLASSIFY,),
    "series.infer": (Feature.INFERENCE,),
    "forecast.write": (Feature.WRITE_DATA,),
    "series.save": (Feature.READ_DATA,),
    "database.ingest": (Feature.WRITE_DATA,),
}

#: Features that need the privilege for operating the cluster, and are not asked for by the probe because they change something.
_OPERATING = (
    Feature.CREATE_MODEL,
    Feature.DROP_MODEL,
    Feature.LOAD_MODEL,
    Feature.REMOVE_AINODE,
    Feature.SET_CONFIGURATION,
)
_ABOUT_MODELS = (Feature.CREATE_MODEL, Feature.DROP_MODEL, Feature.LOAD_MODEL)
#: One of these lets a user see which series there are; without them the server answers with none.
_SHOWS_SCHEMA = ("READ_SCHEMA", "WRITE_SCHEMA", "READ", "WRITE")


def capabilities_of(answers: Answers) -> Capabilities:
    """What the answers mean."""
    recognised = recognise(answers.version, answers.build)
    facts = recognised.facts
    lacking: dict[Feature, str] = {}
    for reasons in (
        _by_version(facts),
        _by_functions(facts, answers),
        _by_replies(facts, answers),
        _by_rights(facts, answers),
    ):
        for feature, reason in reasons.items():
            lacking.setdefault(feature, reason)
    notices = [recognised.notice] if recognised.notice else []
    if answers.build.upper() == "UNKNOWN":
        notices.append("the build is UNKNOWN: the server was built without its commit's number")
    if not answers.table_dialect:
        notices.append("the table dialect is not answered: only the tree dialect is used")
    if answers.ainode is False:
        notices.append("no AINode is registered: models cannot be used until one is started (node.start-ainode)")
    denied = [feature.value for feature, reply in answers.replies.items() if reply.status == NO_PERMISSION]
    if denied:
        notices.append(f"user {answers.user} may not see {', '.join(denied)}: ask for the privilege {facts.privilege}")
    if answers.privileges.may(Dialect.TREE, *_SHOWS_SCHEMA) is False:
        notices.append(
            f"user {answers.user} sees no devices and series of the tree, and cannot use any: ask for the privilege READ_SCHEMA"
        )
    return Capabilities(
        facts,
        answers.build,
        answers.user,
        lacking,
        tuple(notices),
    )


def _by_version(facts: VersionFacts) -> dict[Feature, str]:
    """What the version does not have."""
    found: dict[Feature, str] = {}
    if not facts.fine_tuning:
        found[Feature.FINE_TUNING] = (
            f"{facts.title} cannot fine-tune: it has the statement, but it never reaches an AINode; TimechoDB can"
        )
    if not facts.covariates:
        found[Feature.COVARIATES] = f"{facts.title} forecasts from the series alone; TimechoDB takes covariates"
    if not facts.ai_devices:
        found[Feature.AI_DEVICES] = found[Feature.LOADED_MODELS] = found[Feature.LOAD_MODEL] = (
            f"{facts.title} does not load models by device; 2.0.5 and later do"
        )
    if not facts.show_configuration:
        found[Feature.CONFIGURATION] = f"{facts.title} has no SHOW CONFIGURATION; 2.0.10 and later have"
    return found


def _by_functions(facts: VersionFacts, answers: Answers) -> dict[Feature, str]:
    """Functions that are not there: by the server's list, or by the version where it shows none."""
    wanted = (
        (Feature.TREE_FORECAST, "FORECAST", answers.tree_functions, facts.tree_forecast),
        (Feature.TABLE_FORECAST, "FORECAST", answers.table_functions, bool(facts.forecast_input)),
        (Feature.CLASSIFY, "CLASSIFY", answers.table_functions, bool(facts.classify_input)),
    )
    found: dict[Feature, str] = {}
    for feature, name, functions, by_version in wanted:
        if not answers.table_dialect and feature is not Feature.TREE_FORECAST:
            found[feature] = f"{name} is a function of the table dialect, which this server does not answer"
        elif functions is not None and name not in functions:
            dialect = Dialect.TREE if feature is Feature.TREE_FORECAST else Dialect.TABLE
            found[feature] = f"{facts.title} has no function {name} in the {dialect.value} dialect"
        elif functions is None and not by_version:
            found[feature] = f"{facts.title} has no function {name} as far as its documentation says"
    return found


def _by_replies(facts: VersionFacts, answers: Answers) -> dict[Feature, str]:
    """What the server refused to show; that no AINode answers is no lack."""
    found: dict[Feature, str] = {}
    for feature, reply in answers.replies.items():
        if reply.status == NO_PERMISSION:
            found[feature] = _not_permitted(answers.user, facts.privilege, feature)
        elif reply.status in NOT_UNDERSTOOD:
            found[feature] = f"{facts.title} does not know the statement for {feature.value}"
    return found


def _by_rights(facts: VersionFacts, answers: Answers) -> dict[Feature, str]:
    """What the user has no privilege for; what is not known is tried."""
    rights = answers.privileges
    found: dict[Feature, str] = {}
    for feature in _OPERATING:
        names = ("SYSTEM", facts.privilege) if feature in _ABOUT_MODELS else ("SYSTEM", "MAINTAIN")
        if rights.may(Dialect.TREE, *names) is False and rights.may(Dialect.TABLE, *names) is not True:
            found[feature] = _not_permitted(answers.user, names[-1] if feature in _ABOUT_MODELS else "SYSTEM", feature)
    readable = (rights.may(Dialect.TREE, "READ_DATA", "READ"), rights.may(Dialect.TABLE, "SELECT"))
    writable = (rights.may(Dialect.TREE, "WRITE_DATA", "WRITE"), rights.may(Dialect.TABLE, "INSERT"))
    if readable == (False, False):
        for feature in (
            Feature.READ_DATA,
            Feature.TREE_FORECAST,
            Feature.TABLE_FORECAST,
            Feature.CLASSIFY,
            Feature.INFERENCE,
        ):
            found[feature] = _not_permitted(answers.user, "READ_DATA or SELECT", feature)
    else:
        if readable[0] is False:
            for feature in (Feature.TREE_FORECAST, Feature.INFERENCE):
                found[feature] = _not_permitted(answers.user, "READ_DATA", feature)
        if readable[1] is False:
            for feature in (Feature.TABLE_FORECAST, Feature.CLASSIFY):
                found[feature] = _not_permitted(answers.user, "SELECT", feature)
    if writable == (False, False):
        found[Feature.WRITE_DATA] = _not_permitted(answers.user, "WRITE_DATA or INSERT", Feature.WRITE_DATA)
    return found


def _not_permitted(user: str, privilege: str, feature: Feature) -> str:
    return f"user {user} lacks the privilege {privilege} for {feature.value}: ask an administrator to grant it"
