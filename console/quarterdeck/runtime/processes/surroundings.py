"""What processes need of the rest of the runtime: their types, plugins, backends and secrets."""

from collections.abc import Callable
from typing import Any

from quarterdeck.config.secrets import is_reference, resolve_references
from quarterdeck.runtime.borders import JobEnvironment
from quarterdeck.runtime.journal import redact
from quarterdeck.runtime.processes.host_side import HostSide
from quarterdeck.runtime.processes.process_store import ProcessStore
from quarterdeck.runtime.processes.records import instance_name
from quarterdeck.runtime.processes.starting import InstanceStart
from quarterdeck.runtime.registry import Registry
from quarterdeck_api.catalogue import JsonSchema, ProcessTypeInfo
from quarterdeck_api.errors import NotFoundError, RefusedError, UsageError
from quarterdeck_api.nearest import nearest
from quarterdeck_api.parameter_values import validate
from quarterdeck_api.processes import ProcessSpec
from quarterdeck_api.resources import Address

#: Seconds that an instance gets to drain when its type is not known any more.
_DEFAULT_GRACE = 10.0


class ProcessSurroundings:
    """Looks up what a process's record names. `lookup` resolves environment names of secrets."""

    def __init__(
        self,
        registry: Registry,
        environment: JobEnvironment,
        store: ProcessStore,
        hosts: HostSide,
        lookup: Callable[[str], str | None],
    ) -> None:
        self._registry = registry
        self._environment = environment
        self._store = store
        self._hosts = hosts
        self._lookup = lookup

    def types(self) -> dict[str, tuple[str, ProcessTypeInfo]]:
        """Every process type that a plugin has now, with the plugin."""
        return {
            info.id: (status.id, info)
            for status in self._registry.ready_plugins()
            if status.catalogue is not None
            for info in status.catalogue.processes
        }

    def type_named(self, process_type: str) -> tuple[str, ProcessTypeInfo]:
        """A process type with its plugin; raises NotFoundError with the nearest."""
        types = self.types()
        found = types.get(process_type)
        if found is None:
            raise NotFoundError(
                f"no plugin has the process type {process_type!r}", nearest(process_type, types, "install one that has")
            )
        return found

    def known_type(self, plugin: str, process_type: str) -> ProcessTypeInfo | None:
        """A process's type, None while its plugin cannot be used or has it no more."""
        owner, info = self.types().get(process_type, ("", None))
        return info if owner == plugin else None

    def backend_for(self, plugin: str, asked: str) -> str:
        """The backend that a new process is for: the one asked for, or the plugin's only one. Raises UsageError."""
        names = [backend.name for backend in self._registry.backends(plugin)]
        if not asked and len(names) == 1:
            return names[0]
        if not asked:
            raise UsageError(f"plugin {plugin} has {len(names)} backends", f"name one of {', '.join(names) or 'none'}")
        if asked not in names:
            raise NotFoundError(
                f"plugin {plugin} has no backend {asked!r}", nearest(asked, names, "none is configured")
            )
        return asked

    def refuse_read_only(self, backend: str) -> None:
        """Raises RefusedError when nothing may be changed at a backend, so that no process is to work for it."""
        found = next((each for each in self._registry.backends() if each.name == backend), None)
        if found is not None and found.read_only:
            raise RefusedError(
                f"backend {backend} is read-only, and a process of it could change something",
                f"take read_only out of [backends.{backend}]",
            )

    def checked(self, info: ProcessTypeInfo, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters as they are kept; raises UsageError when they are wrong, or hold a secret in clear."""
        found = validate(info.parameters, parameters)
        shown = redact(found, info.parameters)
        for name, value in found.items():
            if shown[name] != value and not (isinstance(value, str) and is_reference(value)):
                raise UsageError(
                    f"{name} is a secret, which would have to be kept in clear", "write env:NAME or file:PATH"
                )
        return found

    def start_of(self, spec: ProcessSpec, number: int, token: str) -> InstanceStart:
        """Everything that an instance's start needs; raises UsageError or UnreachableError for what is missing."""
        plugin = self._environment.plugin(spec.plugin)
        info = self.known_type(spec.plugin, spec.process_type)
        if info is None:
            raise UsageError(
                f"plugin {spec.plugin} has no process type {spec.process_type!r} any more",
                "remove the process, or install the plugin's earlier version",
            )
        parameters = with_defaults(info.parameters, validate(info.parameters, spec.parameters))
        hidden = redact(parameters, info.parameters)
        secret = {name: value for name, value in parameters.items() if hidden[name] != value}
        return InstanceStart(
            name=instance_name(spec.name, number),
            number=number,
            token=token,
            plugin=plugin,
            info=info,
            backend=self._environment.backend_target(str(Address(spec.backend, "process", spec.name))),
            parameters={**parameters, **resolve_references(secret, self._lookup)},
            host_socket=self._hosts.socket(spec.plugin),
        )

    def plugin_of(self, process: str) -> str:
        """The plugin of a process, empty when it is unknown."""
        record = self._store.known(process)
        return record.spec.plugin if record is not None else ""

    def grace_of(self, process: str) -> float:
        """Seconds that an instance gets to drain."""
        record = self._store.known(process)
        info = self.known_type(record.spec.plugin, record.spec.process_type) if record is not None else None
        return info.grace if info is not None else _DEFAULT_GRACE


def with_defaults(schema: JsonSchema, parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters with what the schema says of those that were not given."""
    properties: dict[str, JsonSchema] = schema.get("properties", {})
    return {**{name: field["default"] for name, field in properties.items() if "default" in field}, **parameters}
