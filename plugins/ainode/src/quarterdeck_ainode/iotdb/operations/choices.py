"""Choices for the fields of operations, from the live cluster."""

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.mirrored.cluster_state import read_devices, read_loaded
from quarterdeck_ainode.iotdb.operations.action_ids import CONFIGURE, LOAD, UNLOAD
from quarterdeck_ainode.iotdb.operations.configuration_entries import Effect, read_entries
from quarterdeck_api.backend import Choice
from quarterdeck_api.resources import Address


def choices(client: IotdbClient, action: str, address: str, field: str, prefix: str) -> list[Choice]:
    """What a field of an operation may become; none for a field that has no choices. Raises what the cluster answers."""
    match action, field:
        case (each, "devices") if each == LOAD:
            found = [Choice(device, kind) for device, kind in read_devices(client).items()]
        case (each, "devices") if each == UNLOAD:
            model = Address.parse(address).name
            found = [
                Choice(one.device, f"{one.count} instances") for one in read_loaded(client) if one.model_id == model
            ]
        case (each, "setting") if each == CONFIGURE:
            entries = [entry for entry in read_entries(client) if entry.effect is not Effect.NEVER]
            found = [Choice(entry.key, f"{entry.value}: {entry.meaning}") for entry in entries]
        case _:
            return []
    return [choice for choice in found if choice.value.startswith(prefix)]
