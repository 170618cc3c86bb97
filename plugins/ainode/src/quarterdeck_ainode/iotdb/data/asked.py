"""What a save is asked to read and to make of it, looked up in the cluster and checked: the same for its preview and for its job."""

from zoneinfo import ZoneInfo

from msgspec import Struct

from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.data.parameters import SaveParameters
from quarterdeck_ainode.iotdb.data.sources import source_at
from quarterdeck_ainode.iotdb.data.spans import asked_span
from quarterdeck_ainode.iotdb.data.statements import Source, Span
from quarterdeck_ainode.value_types import TimePrecision
from quarterdeck_api.errors import UsageError


class AskedSave(Struct, frozen=True):
    """A save that can be carried out."""

    source: Source
    precision: TimePrecision
    span: Span

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.source.columns)


def asked_save(client: IotdbClient, address: str, wanted: SaveParameters) -> AskedSave:
    """Where and what to read; raises UsageError and NotFoundError before a row is read."""
    _require_zone(wanted.time_zone)
    source = source_at(client, address, wanted.columns, wanted.tags)
    precision = client.precision()
    asked = AskedSave(source, precision, asked_span(wanted.start, wanted.end, precision))
    if wanted.target and wanted.target not in asked.names:
        raise UsageError(f"{wanted.target!r} is none of {', '.join(asked.names)}", "name one of them with --target")
    return asked


def _require_zone(name: str) -> None:
    """A file takes any text for a zone, and whoever reads it takes one that nobody knows for UTC."""
    if not name:
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"there is no time zone {name!r}", "write an IANA name, as in Europe/Berlin") from error
