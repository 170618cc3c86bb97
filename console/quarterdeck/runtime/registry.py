"""Plugins, backends and their catalogues as the runtime knows them: one place that answers what exists."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from quarterdeck.runtime.core_catalogue import core_status
from quarterdeck_api.catalogue import (
    ActionInfo,
    BackendTypeInfo,
    Catalogue,
    Column,
    JobTypeInfo,
    PluginPhase,
    PluginStatus,
    SampleInfo,
)
from quarterdeck_api.errors import NotFoundError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.protocol import BackendState
from quarterdeck_api.resources import CORE, Address


class ConfiguredBackend(Struct, frozen=True):
    """A backend that configuration or an embedded type asks for; `settings` still hold references to secrets."""

    name: str
    plugin: str
    type: BackendTypeInfo
    settings: dict[str, Any]
    read_only: bool


class Registry:
    """Every plugin that was found, every backend that should be open, and look-ups over both."""

    def __init__(self) -> None:
        self._plugins: dict[str, PluginStatus] = {CORE: core_status()}
        self._backends: dict[str, ConfiguredBackend] = {}
        self._broken: dict[str, BackendState] = {}
        self._holds: dict[str, tuple[frozenset[str], str]] = {}

    def set_plugins(self, statuses: Iterable[PluginStatus]) -> None:
        """Replaces what is known of plugins; the core always stays."""
        self._plugins = {CORE: core_status(), **{status.id: status for status in statuses}}

    def hold(self, holder: str, plugins: Iterable[str], reason: str) -> None:
        """No job of these plugins begins, for the reason, until the same holder says otherwise."""
        held = frozenset(plugins)
        self._holds.pop(holder, None)
        if held:
            self._holds[holder] = (held, reason)

    def held(self, plugin: str) -> str:
        """Why no job of a plugin may begin now; empty when it may."""
        return next((reason for plugins, reason in self._holds.values() if plugin in plugins), "")

    def add_backend(self, backend: ConfiguredBackend) -> None:
        """Makes a backend known."""
        self._backends[backend.name] = backend

    def add_broken(self, state: BackendState) -> None:
        """Makes a backend known that is configured and cannot be opened by anybody; its state says why."""
        self._broken[state.name] = state

    def broken(self) -> tuple[str, ...]:
        """Names of the backends that are configured and cannot be opened by anybody."""
        return tuple(self._broken)

    def forget_backend(self, name: str) -> None:
        """A backend is no longer wanted, or not as it was; nothing happens when it is unknown."""
        self._backends.pop(name, None)
        self._broken.pop(name, None)

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin, the core first."""
        return tuple(self._plugins.values())

    def ready_plugins(self) -> list[PluginStatus]:
        """Plugins with a catalogue, without the core."""
        return [each for each in self._plugins.values() if each.phase is PluginPhase.READY and each.id != CORE]

    def backends(self, plugin: str = "") -> list[ConfiguredBackend]:
        """Configured backends, of one plugin or of all."""
        return [each for each in self._backends.values() if plugin in ("", each.plugin)]

    def backend(self, name: str) -> ConfiguredBackend:
        """A backend by name; raises NotFoundError with the nearest, or UsageError with the reason when it is configured wrongly."""
        found = self._backends.get(name)
        if found is None and (broken := self._broken.get(name)) is not None:
            raise UsageError(f"backend {name} cannot be used: {broken.reason}", broken.remedy)
        if found is None:
            raise NotFoundError(f"there is no backend {name!r}", nearest(name, self._backends, "none is configured"))
        return found

    def status(self, plugin: str) -> PluginStatus:
        """A plugin that was found, usable or not; raises NotFoundError with the nearest."""
        status = self._plugins.get(plugin)
        if status is None:
            raise NotFoundError(f"there is no plugin {plugin!r}", nearest(plugin, self._plugins))
        return status

    def plugin(self, plugin: str) -> PluginStatus:
        """A plugin that is ready; raises UsageError with the reason when it is not."""
        status = self.status(plugin)
        if status.catalogue is None:
            raise UsageError(f"plugin {plugin} cannot be used: {status.reason}", status.remedy)
        return status

    def catalogue(self, plugin: str) -> Catalogue:
        """The catalogue of a plugin that is ready; raises UsageError otherwise."""
        found = self.plugin(plugin).catalogue
        assert found is not None
        return found

    def plugin_of(self, backend: str) -> str:
        """The id of the plugin that a backend belongs to; raises NotFoundError."""
        return CORE if backend == CORE else self.backend(backend).plugin

    def type_of(self, backend: str) -> str:
        """The id of a backend's type; empty for one that is not known."""
        known = self._backends.get(backend)
        return CORE if backend == CORE else known.type.id if known is not None else ""

    def columns(self, backend: str, kind: str) -> tuple[Column, ...]:
        """The columns in which a backend's cells of a kind stand; empty when it has none."""
        if backend != CORE and backend not in self._backends:
            return ()
        found = self.catalogue(self.plugin_of(backend)).kind(kind)
        return found.columns if found else ()

    def mirrored(self, backend: str, kind: str) -> bool:
        """Whether all that the backend has of a kind is in the store; raises NotFoundError with the nearest kind when it has no such kind."""
        catalogue = self.catalogue(self.plugin_of(backend))
        found = catalogue.kind(kind)
        if found is None:
            known = [each.id for each in catalogue.kinds]
            raise NotFoundError(f"backend {backend} has no {kind!r}", nearest(kind, known))
        return found.mirrored

    def action_named(self, plugin: str, action_id: str) -> ActionInfo | None:
        """An action of a plugin by its id, None when the plugin no longer has it or cannot be used."""
        status = self._plugins.get(plugin)
        actions = status.catalogue.actions if status is not None and status.catalogue is not None else ()
        return next((each for each in actions if each.id == action_id), None)

    def action(self, action_id: str, address: Address | None) -> tuple[str, ActionInfo]:
        """Plugin and action for a resource, or for no resource when the action is standalone.

        Raises NotFoundError with the nearest action, or UsageError when it is not for this kind.
        """
        catalogues = [each.catalogue for each in self._plugins.values() if each.catalogue is not None]
        if address is not None:
            catalogues = [self.catalogue(self.plugin_of(address.backend))]
        for catalogue in catalogues:
            for action in catalogue.actions:
                if action.id != action_id or (address is None and not action.standalone):
                    continue
                if address is not None and address.kind not in action.kinds:
                    raise UsageError(
                        f"{action_id} is for a {' or '.join(action.kinds)}, but {address} is a {address.kind}",
                        f"see `quarterdeck get {action.kinds[0]}`",
                    )
                if address is not None and not action.is_for(address.kind, self.type_of(address.backend)):
                    types = " or ".join(action.backend_types)
                    raise UsageError(
                        f"{action_id} is for backends of type {types}, and {address.backend} is of type {self.type_of(address.backend)}",
                        f"see `quarterdeck backend list`, or add one: `quarterdeck backend add NAME {action.backend_types[0]}`",
                    )
                return catalogue.plugin.id, action
        known = [
            action.id
            for catalogue in catalogues
            for action in catalogue.actions
            if address is None or action.is_for(address.kind, self.type_of(address.backend))
        ]
        if address is None and any(
            action.id == action_id
            for each in self._plugins.values()
            if each.catalogue
            for action in each.catalogue.actions
        ):
            raise UsageError(f"{action_id} needs the address of a resource", "write it after the action")
        where = f" on {address}" if address else ""
        raise NotFoundError(f"there is no action {action_id!r}{where}", nearest(action_id, known))

    def job_type(self, plugin: str, job_type: str) -> JobTypeInfo:
        """A job type; raises UsageError when the plugin no longer has it."""
        found = next((each for each in self.catalogue(plugin).jobs if each.id == job_type), None)
        if found is None:
            raise UsageError(f"plugin {plugin} has no job type {job_type!r}", "see `quarterdeck plugin info`")
        return found

    def samples(self) -> list[SampleInfo]:
        """Every sample series, first come first named."""
        found: dict[str, SampleInfo] = {}
        for status in self.ready_plugins():
            for sample in status.catalogue.samples if status.catalogue else ():
                found.setdefault(sample.name, sample)
        return list(found.values())
