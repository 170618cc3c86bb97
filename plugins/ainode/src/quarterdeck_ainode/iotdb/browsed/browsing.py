"""Browsed kinds of a cluster: which list a page is of, by its kind and by what it is below."""

from collections.abc import Sequence

from quarterdeck_ainode.iotdb import quoting
from quarterdeck_ainode.iotdb.browsed.cluster_lists import (
    configuration_resources,
    database_resources,
    read_regions,
    region_resource,
)
from quarterdeck_ainode.iotdb.browsed.counting import Counts, Lister
from quarterdeck_ainode.iotdb.browsed.paging import ListSource, Narrowing, Source, page_of
from quarterdeck_ainode.iotdb.browsed.table_lists import (
    ColumnSource,
    TableDeviceSource,
    TableSource,
    column_resources,
    columns_of,
    require_tags,
)
from quarterdeck_ainode.iotdb.browsed.table_names import parse_table, parse_table_device
from quarterdeck_ainode.iotdb.browsed.tree_lists import DeviceSource, SeriesSource
from quarterdeck_ainode.iotdb.client.cluster_client import IotdbClient
from quarterdeck_ainode.iotdb.declared_kinds import KINDS
from quarterdeck_ainode.iotdb.quoting import in_tree
from quarterdeck_api.browsing import BrowseRequest, Page, ResourceMaker
from quarterdeck_api.catalogue import Column
from quarterdeck_api.errors import UnsupportedError, UsageError
from quarterdeck_api.filters import Filter, TermKind
from quarterdeck_api.resources import Address, Resource

_ROOT = "root"


class Browsing:
    """Gives pages of one cluster; may be used by many threads at once."""

    def __init__(self, backend: str, client: IotdbClient, counts: Counts) -> None:
        self._backend = backend
        self._client = client
        self._counts = counts

    def page(self, request: BrowseRequest, make: ResourceMaker) -> Page:
        """The page; raises UnsupportedError where there can be none of the kind, UsageError and NotFoundError for a wrong parent."""
        narrowing = Narrowing(request.filter)
        parent = Address.parse(request.parent) if request.parent else None
        match request.kind:
            case "database":
                return self._whole(request, narrowing, database_resources(self._client, make))
            case "region":
                return self._whole(request, narrowing, self._regions(make, parent))
            case "configuration":
                return self._whole(request, narrowing, configuration_resources(self._client, make))
            case "device":
                sources, filtered = self._devices(make, parent, narrowing)
            case "table":
                sources, filtered = self._tables(make, parent, narrowing)
            case "series":
                sources, filtered = self._series(make, parent, narrowing)
            case _:
                raise UnsupportedError(
                    f"{self._backend} has no {request.kind} to browse",
                    f"there are: {', '.join(kind.id for kind in KINDS if not kind.mirrored)}",
                )
        return page_of(sources, request, unfiltered=not filtered)

    def _lister(self, make: ResourceMaker) -> Lister:
        return Lister(self._client, self._counts, make, self._backend)

    def _whole(self, request: BrowseRequest, narrowing: Narrowing, found: Sequence[Resource]) -> Page:
        return page_of([ListSource(narrowing.passing(found, _columns(request.kind)))], request)

    def _regions(self, make: ResourceMaker, parent: Address | None) -> list[Resource]:
        """All regions, as the ConfigNodes know them, or those of a DataNode."""
        regions = read_regions(self._client)
        if parent is None or parent.kind != "node" or parent.name.startswith("confignode-"):
            database = parent.name if parent is not None and parent.kind == "database" else None
            return [region_resource(make, each) for each in regions if database in (None, each.database)]
        number = parent.name.removeprefix("datanode-")
        if not number.isdecimal():
            raise UnsupportedError(f"{parent.name} has no regions", "DataNodes have: see those of `datanode-N`")
        node = int(number)
        return [
            region_resource(make, each, node)
            for each in regions
            if any(replica.node == node for replica in each.replicas)
        ]

    def _devices(self, make: ResourceMaker, parent: Address | None, narrowing: Narrowing) -> tuple[list[Source], bool]:
        if parent is not None and parent.kind == "table":
            table = parse_table(parent.name)
            tags = [each.name for each in columns_of(self._client, table) if each.category == "TAG"]
            if not tags:
                raise UnsupportedError(f"{parent.name} has no tags to tell devices by", "see its series")
            devices = TableDeviceSource(self._lister(make), table, tags)
            return [devices], not narrowing.filter.terms
        database = parent.name if parent is not None and parent.kind == "database" else ""
        if database and not in_tree(database):
            raise UnsupportedError(
                f"{database} is a database of tables, which has no devices of its own",
                "see its tables, and their devices",
            )
        source = DeviceSource(self._lister(make), database or _ROOT, narrowing.word)
        return [source], not narrowing.more

    def _tables(self, make: ResourceMaker, parent: Address | None, narrowing: Narrowing) -> tuple[list[Source], bool]:
        database = parent.name if parent is not None and parent.kind == "database" else ""
        if database and in_tree(database):
            raise UnsupportedError(f"{database} is a database of the tree, which has no tables", "see its devices")
        source = TableSource(self._lister(make), database, narrowing.word)
        return [source], not narrowing.more

    def _series(self, make: ResourceMaker, parent: Address | None, narrowing: Narrowing) -> tuple[list[Source], bool]:
        def of_tree(pattern: str) -> Source:
            return SeriesSource(self._lister(make), pattern, narrowing.word)

        def of_tables(database: str) -> Source:
            return ColumnSource(self._lister(make), database, narrowing.word)

        match parent.kind if parent is not None else "", parent.name if parent is not None else "":
            case "device", name if in_tree(name):
                return [of_tree(f"{quoting.path(name)}.*")], not narrowing.more
            case "database", name if in_tree(name):
                return [of_tree(f"{quoting.path(name)}.**")], not narrowing.more
            case "device", name:
                device = parse_table_device(name)
                found = self._columns(make, device.table.name, device.tags, narrowing.filter)
                return [ListSource(found)], True
            case "table", name:
                return [ListSource(self._tagged(make, name, narrowing))], True
            case (("" | "node"), _):
                return [of_tree(f"{_ROOT}.**"), of_tables("")], not narrowing.more
            case "database", name:
                return [of_tables(name)], not narrowing.more
            case kind, name:
                raise UsageError(f"no series are below a {kind}", f"look below a device or a table, not below {name}")

    def _tagged(self, make: ResourceMaker, name: str, narrowing: Narrowing) -> list[Resource]:
        """A table's columns; terms like `press=4` that name a tag choose rows, the others choose columns."""
        columns = columns_of(self._client, parse_table(name))
        named = {each.name.lower(): each.name for each in columns if each.category == "TAG"}
        tags: list[tuple[str, str]] = []
        others = []
        for term in narrowing.filter.terms:
            if term.kind is TermKind.TYPED and term.operator == "=" and not term.negated and term.field in named:
                tags.append((named[term.field], term.text))
            else:
                others.append(term)
        return self._columns(make, name, tags, Filter(narrowing.filter.text, tuple(others)))

    def _columns(
        self, make: ResourceMaker, name: str, tags: Sequence[tuple[str, str]], wanted: Filter
    ) -> list[Resource]:
        table = parse_table(name)
        columns = columns_of(self._client, table)
        require_tags(columns, table, [tag for tag, _ in tags])
        measured = [each for each in columns if each.category == "FIELD"]
        found = column_resources(self._client, make, self._backend, table, measured, tags)
        return [each for each in found if wanted.matches(each, _columns("series"))]


def _columns(kind: str) -> tuple[Column, ...]:
    return next(each.columns for each in KINDS if each.id == kind)
