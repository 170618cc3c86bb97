"""What a client that installs, removes or renews plugins asks of the runtime meanwhile."""

from msgspec import Struct

from quarterdeck_api.catalogue import PluginStatus
from quarterdeck_api.wire import Method, Nothing


class PluginChange(Struct, frozen=True, omit_defaults=True):
    """What a client is about to do to a distribution: `verb` is install, upgrade, remove, enable or disable.

    `plugin` is the plugin's id, or the distribution's name where the id is not known yet. Versions are empty where there is none.
    `environment` is `shared` or `own`. No job of the plugins in `hold` begins until the change has ended; `confirmed` and `typed_name` answer
    policy as in DoParams.
    """

    verb: str
    plugin: str
    distribution: str = ""
    before: str = ""
    after: str = ""
    environment: str = ""
    hold: tuple[str, ...] = ()
    confirmed: bool = False
    typed_name: str = ""


class PluginChangeNumber(Struct, frozen=True, omit_defaults=True):
    """A change that has begun; it is its entry in the journal. With `now` running jobs are not waited for."""

    change: int
    now: bool = False


class PluginChangeState(Struct, frozen=True):
    """How a change stands: it may `proceed`, or these jobs still run."""

    change: int
    proceed: bool = False
    running: tuple[int, ...] = ()


class PluginChangeEnd(Struct, frozen=True, omit_defaults=True):
    """What came of a change: done or failed."""

    change: int
    outcome: str
    detail: str = ""
    renewed: tuple[str, ...] = ()


class PluginsState(Struct, frozen=True, omit_defaults=True):
    """Every plugin as the runtime uses it now; those in `waiting` stay as they were until the jobs in their hosts have ended."""

    plugins: tuple[PluginStatus, ...]
    waiting: tuple[str, ...] = ()


PLUGIN_BEGIN = Method("plugin.begin", PluginChange, PluginChangeState)
PLUGIN_PROCEED = Method("plugin.proceed", PluginChangeNumber, PluginChangeState)
PLUGIN_END = Method("plugin.end", PluginChangeEnd, PluginsState)
PLUGINS_RELOAD = Method("plugins.reload", Nothing, PluginsState)
