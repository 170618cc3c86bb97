"""Databases, regions and settings of a cluster: lists that are short enough to be had whole."""

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed.schema_statements import SYSTEM_DATABASE
from quarterdeck_ainode.iotdb.browsed.ttl_text import ttl_text
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.client.dialect import Dialect
from quarterdeck_ainode.iotdb.client.error_codes import NO_PERMISSION, NOT_UNDERSTOOD
from quarterdeck_ainode.iotdb.client.faults import IotdbError
from quarterdeck_ainode.iotdb.client.rows import GivesRows
from quarterdeck_ainode.iotdb.operations.configuration_entries import read_entries
from quarterdeck_api.browsing import ResourceMaker
from quarterdeck_api.resources import Health, Resource

_SIZES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4, "bytes": 1}

_TTL = "ttl(ms)"

_REGION_HEALTH = {"running": Health.OK, "unknown": Health.FAILED, "readonly": Health.DEGRADED}


class Replica(Struct, frozen=True):
    """A copy of a region on a DataNode; `size` in bytes, None where the server does not know it."""

    node: int
    role: str
    status: str
    size: int | None


class Region(Struct, frozen=True):
    """A part of a database's data or schema, with its copies."""

    region_id: int
    type: str
    database: str
    series_slots: int
    time_slots: int
    created: str
    compression: float | None
    replicas: tuple[Replica, ...]

    @property
    def leader(self) -> Replica:
        """The copy that leads, or the first."""
        return next((each for each in self.replicas if each.role.lower() == "leader"), self.replicas[0])


def database_resources(client: IotdbClient, make: ResourceMaker) -> list[Resource]:
    """The databases of both data models; the server's own is left out."""
    found: list[Resource] = []
    for dialect in Dialect:
        try:
            rows = read_databases(client, dialect)
        except IotdbError as error:
            if dialect is Dialect.TREE or error.status not in NOT_UNDERSTOOD:
                raise
            continue  # A server without the table dialect has no such databases.
        found.extend(_database(make, dialect, row) for row in rows if row["database"] != SYSTEM_DATABASE)
    return found


def read_databases(client: IotdbClient, dialect: Dialect) -> list[Mapping[str, str]]:
    """The rows of SHOW DATABASES DETAILS, with the time to live also where the server keeps it apart."""
    rows = client.rows("SHOW DATABASES DETAILS", dialect=dialect)
    if dialect is Dialect.TABLE or any(each.lower() == _TTL for each in rows.columns):
        return list(rows.texts())
    limits = _time_limits(client)
    return [{**row, _TTL: ttl_of(row["database"], limits)} for row in rows.texts()]


def ttl_of(path: str, limits: Mapping[str, str]) -> str:
    """The time to live of what is below a path of the tree: that of the nearest pattern `X.**`, as the server writes it; empty when not told."""
    nodes = quoting.path_nodes(path)
    above = (".".join(nodes[:length]) for length in range(len(nodes), 0, -1))
    return next((limits[f"{each}.**"] for each in above if f"{each}.**" in limits), "")


def _time_limits(client: IotdbClient) -> dict[str, str]:
    """By pattern; empty where the server or the user's privileges do not tell them."""
    try:
        return {row["device"]: row[_TTL] for row in client.rows("SHOW ALL TTL").texts()}
    except IotdbError as error:
        if error.status not in (*NOT_UNDERSTOOD, NO_PERMISSION):
            raise
        return {}


def read_regions(client: GivesRows) -> list[Region]:
    """The regions of both data models in the order of their numbers; raises IotdbError when the user may not see them."""
    rows: list[Mapping[str, str]] = []
    for dialect in Dialect:
        rows.extend(client.rows("SHOW REGIONS", dialect=dialect).texts())
    return regions_of(rows)


def regions_of(rows: Iterable[Mapping[str, str]]) -> list[Region]:
    """Regions with their copies, of rows of SHOW REGIONS, which have a row for each copy."""
    copies: dict[int, list[Mapping[str, str]]] = {}
    for row in rows:
        copies.setdefault(int(row["regionid"]), []).append(row)
    return [_region(region_id, found) for region_id, found in sorted(copies.items())]


def region_resource(make: ResourceMaker, region: Region, node: int | None = None) -> Resource:
    """A region; with `node` as that DataNode has it."""
    shown = next((each for each in region.replicas if each.node == node), region.leader)
    return make(
        "region",
        str(region.region_id),
        cells={
            "database": region.database,
            "type": region.type.removesuffix("Region").lower(),
            "role": shown.role.lower(),
            "node": shown.node,
            "replicas": ", ".join(f"{each.node} {each.role.lower()}" for each in region.replicas),
            "size": shown.size,
            "series_slots": region.series_slots,
            "time_slots": region.time_slots,
            "compression": region.compression,
        },
        health=_region_health(region).value,
        state=shown.status,
        reason=", ".join(
            f"its copy on DataNode {each.node} is {each.status}"
            for each in region.replicas
            if each.status.lower() != "running"
        ),
    )


def configuration_resources(client: IotdbClient, make: ResourceMaker) -> list[Resource]:
    """Every setting that there is, those that were changed first."""
    found = [
        make(
            "configuration",
            each.key,
            cells={
                "value": each.value,
                "default": each.default,
                "changed": each.changed,
                "holds": each.effect.told,
                "type": each.data_type,
            },
            state="changed" if each.changed else "default",
        )
        for each in read_entries(client)
    ]
    return sorted(found, key=lambda each: (each.state != "changed", each.name))


def size_of(written: str) -> int | None:
    """Bytes of a size as the server writes it (`12.5 KB`), None for one that it does not know."""
    number, _, unit = written.strip().partition(" ")
    factor = _SIZES.get(unit.strip().lower() or "b")
    try:
        return round(float(number.replace(",", "")) * factor) if factor else None
    except ValueError:
        return None


def _database(make: ResourceMaker, dialect: Dialect, row: Mapping[str, str]) -> Resource:
    interval = row.get("timepartitioninterval", "")
    return make(
        "database",
        row["database"],
        cells={
            "model": dialect.value,
            "ttl": ttl_text(row.get(_TTL, "")),
            "schema_replicas": _whole(row.get("schemareplicationfactor", "")),
            "data_replicas": _whole(row.get("datareplicationfactor", "")),
            "schema_regions": _whole(row.get("schemaregiongroupnum", "")),
            "data_regions": _whole(row.get("dataregiongroupnum", "")),
            "partition": ttl_text(interval),
        },
    )


def _region(region_id: int, rows: list[Mapping[str, str]]) -> Region:
    first = rows[0]
    return Region(
        region_id,
        first["type"],
        first["database"],
        int(first.get("seriesslotnum") or 0),
        int(first.get("timeslotnum") or 0),
        first.get("createtime", ""),
        _number(first.get("compressionratio", "")),
        tuple(
            Replica(int(row["datanodeid"]), row.get("role", ""), row["status"], size_of(row.get("tsfilesize", "")))
            for row in rows
        ),
    )


def _region_health(region: Region) -> Health:
    healths = [_REGION_HEALTH.get(each.status.lower(), Health.BUSY) for each in region.replicas]
    order = (Health.FAILED, Health.DEGRADED, Health.BUSY)
    return next((health for health in order if health in healths), Health.OK)


def _whole(written: str) -> int | None:
    return int(float(written)) if written.replace(".", "", 1).isdecimal() else None


def _number(written: str) -> float | None:
    try:
        found = float(written)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
