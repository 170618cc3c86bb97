"""The actions on controllers: checked before anything is journalled, then carried out."""

from quarterdeck.runtime.controllers.service import Controllers, unrequired
from quarterdeck.runtime.core_actions import CoreRequest
from quarterdeck_api.backend import ActionResult
from quarterdeck_api.catalogue import JsonSchema
from quarterdeck_api.errors import UsageError
from quarterdeck_api.resources import Address


class ControllerActions:
    """Switches, configures and runs controllers; an ActionGroup of the core."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers

    async def check(self, request: CoreRequest) -> None:
        """Raises UsageError for parameters that are wrong or incomplete, or secrets in clear."""
        if request.address is None or request.address.kind != "controller":
            return
        known = self._controllers.known(request.address.name)
        record = self._controllers.record(request.address.name)
        if request.action == "controller.enable":
            self._controllers.check_parameters(known.info, record.parameters)
        elif request.action == "controller.configure":
            if not request.settings and not request.parameters:
                raise UsageError("nothing is to be configured", "write --set KEY=VALUE or --interval SECONDS")
            before = {} if request.parameters.get("reset") else record.parameters
            parameters = {**before, **request.settings}
            self._controllers.check_parameters(known.info, parameters, complete=record.enabled)

    def preview(self, request: CoreRequest) -> ActionResult | None:
        """What would be set; None for another action."""
        if request.action != "controller.configure":
            return None
        names = [*request.settings, *(name for name in request.parameters if name == "interval")]
        return ActionResult(f"would set {', '.join(names) or 'nothing beyond what is declared'}")

    def own_parameters(self, action: str, address: Address) -> JsonSchema | None:
        """What the controller takes; nothing is required, since what is set already stays."""
        if action != "controller.configure":
            return None
        return unrequired(self._controllers.known(address.name).info.parameters)

    async def perform(self, request: CoreRequest) -> ActionResult | None:
        """Carries out an action on a controller; None when it is not one of them."""
        if request.address is None or request.address.kind != "controller":
            return None
        name = request.address.name
        match request.action:
            case "controller.enable":
                self._controllers.set_enabled(name, True, bool(request.parameters.get("confirmed")))
                return ActionResult(f"controller {name} is on")
            case "controller.disable":
                self._controllers.set_enabled(name, False)
                return ActionResult(f"controller {name} is off")
            case "controller.look":
                decision = await self._controllers.look_now(name)
                return ActionResult(f"it {'acted' if decision.acted else 'kept still'}: {decision.sentence}")
            case "controller.configure":
                interval = float(request.parameters.get("interval", 0.0))
                reset = bool(request.parameters.get("reset"))
                self._controllers.configure(name, request.settings, interval, reset)
                return ActionResult(f"controller {name} is configured")
            case _:
                return None
