"""Has a running runtime take over the configuration file at once, and says what came of it."""

from quarterdeck.cli.session import open_session
from quarterdeck.cli.streams import narrate
from quarterdeck.config.paths import InstancePaths
from quarterdeck_api.errors import QuarterdeckError, UnreachableError
from quarterdeck_api.runtime_requests import CONFIG_RELOAD, ConfigurationState
from quarterdeck_api.visible import visible
from quarterdeck_api.wire import Nothing

#: Seconds that the runtime may take: it closes and opens backends, and starts the hosts of plugins that were enabled.
RELOAD_TIMEOUT = 120.0


def reload_configuration(paths: InstancePaths) -> ConfigurationState:
    """Asks the runtime to read its file now; raises UnreachableError when none runs."""
    with open_session("config", start=False, paths=paths) as session:
        state = session.call(CONFIG_RELOAD, Nothing(), RELOAD_TIMEOUT)
    _offer_environment(paths)
    return state


def reload_after_edit(paths: InstancePaths) -> ConfigurationState | None:
    """The same after an edit, told to the user; None when no runtime runs, which then reads the file when it starts.

    A runtime that does not answer costs the edit nothing: it looks at its file by itself.
    """
    try:
        state = reload_configuration(paths)
    except UnreachableError:
        return None
    except QuarterdeckError as error:
        narrate(visible(f"the runtime has not taken it over: {error.message}"))
        return None
    tell(state)
    return state


def tell(state: ConfigurationState) -> None:
    """Says what a reading changed, what is wrong, and what waits for a restart."""
    for problem in state.problems:
        narrate(visible(problem))
    if not state.applied:
        narrate(
            "the runtime goes on with the settings from before; correct the file, see `quarterdeck config validate`"
        )
    elif state.changes:
        narrate(visible(f"the runtime has taken over: {'; '.join(state.changes)}"))
    if state.restart_for:
        narrate(f"after `quarterdeck runtime restart` these hold too: {', '.join(state.restart_for)}")


def _offer_environment(paths: InstancePaths) -> None:
    """Greets the runtime once more: only now does it know which environment values the new file refers to."""
    with open_session("config", start=False, paths=paths):
        pass
