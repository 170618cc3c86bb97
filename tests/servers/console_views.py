"""What the console shows of a cluster, in the columns of the server's own statements."""

from collections.abc import Callable
from typing import Any

from console_program import Console

#: Rows of cells, in no order.
Shown = list[tuple[Any, ...]]
View = Callable[[Console], Shown]

_PURPOSES = ("internal", "consensus", "client", "data exchange", "schema consensus", "data consensus")


def nodes(*columns: str, of: str = "") -> View:
    """Of each node, or of those of a type: type, id, state, host, port, version, build."""

    def found(console: Console) -> Shown:
        rows: Shown = []
        for node in console.get("node").values():
            kind, _, number = node["uid"].partition("-")
            host, _, port = node["cells"]["endpoint"].rpartition(":")
            known = {**node["cells"], "id": number, "state": node["state"], "host": host, "port": port}
            if kind == of or not of:
                rows.append(tuple(known[column] for column in columns))
        return rows

    return found


def ports(console: Console) -> Shown:
    """Every port of each node, by what it is for."""
    rows: Shown = []
    for name in console.get("node"):
        known = {purpose: port for port, purpose, _ in console.table(f"node/{name}", "Ports")}
        rows.append(tuple(known.get(purpose, "") for purpose in _PURPOSES))
    return rows


def client_addresses(console: Console) -> Shown:
    """Where clients connect to the one DataNode."""
    return [tuple(str(console.facts("node/datanode-1")["Address for clients"]).split(":"))]


def connected(console: Console) -> Shown:
    """Who is connected to the one DataNode, and from where."""
    return [(user, client) for user, client, _ in console.table("node/datanode-1", "Connected")]


def models(*names: str) -> View:
    """Id, type, category and state of the named models, or of all."""
    return lambda console: [
        (name, each["cells"]["type"], each["cells"]["category"], each["state"])
        for name, each in console.get("model").items()
        if name in names or not names
    ]


def devices(console: Console) -> Shown:
    """AI devices with their types."""
    return [(name, each["cells"]["type"]) for name, each in console.get("ai-device").items()]


def loaded(console: Console) -> Shown:
    """Device, model, instances."""
    return [
        (device, name, count)
        for device in console.get("ai-device")
        for name, count in console.table(f"ai-device/{device}", "Loaded models")
    ]


def regions(model: str) -> View:
    """The regions of databases of one data model: id, type, state, database, DataNode, role, slots."""
    columns = ("database", "node", "role", "series_slots", "time_slots")

    def found(console: Console) -> Shown:
        ours = {name for name, each in console.get("database").items() if each["cells"]["model"] == model}
        return [
            (name, f"{each['cells']['type']}region", each["state"], *(each["cells"][key] for key in columns))
            for name, each in console.get("region").items()
            if each["cells"]["database"] in ours
        ]

    return found


def region_counts(console: Console) -> Shown:
    """The one DataNode's number, and how many regions it has for data and for schema."""
    kinds = [each["cells"]["type"] for each in console.get("region").values()]
    return [("1", kinds.count("data"), kinds.count("schema"))]


def settings(console: Console) -> Shown:
    """Setting, value, default."""
    shown = console.every("configuration").values()
    return [(each["name"], each["cells"]["value"], each["cells"]["default"]) for each in shown]


def databases(model: str) -> View:
    """Databases of one data model, with their copies of schema and data."""
    return lambda console: [
        (name, each["cells"]["schema_replicas"], each["cells"]["data_replicas"])
        for name, each in console.get("database").items()
        if each["cells"]["model"] == model
    ]


def series(parent: str) -> View:
    """Path, type, encoding, compression of the series below something."""
    return lambda console: [
        (name, *(each["cells"][key] for key in ("type", "encoding", "compression")))
        for name, each in console.get("series", "--parent", parent).items()
    ]


def names(kind: str, parent: str) -> View:
    """The names of what is below something; of a table, without its database."""
    return lambda console: [
        (name.rpartition(".")[2] if kind == "table" else name,) for name in console.get(kind, "--parent", parent)
    ]


def tag_values(parent: str) -> View:
    """The values of a table's one tag."""
    return lambda console: [(name.split('"')[1],) for name in console.get("device", "--parent", parent)]


def columns(name: str) -> View:
    """Name, category and type of a table's columns."""
    return lambda console: [tuple(row[:3]) for row in console.table(name, "Columns")]


def fact(name: str, *labels: str) -> View:
    """Facts of a described resource."""
    return lambda console: [tuple(console.facts(name)[label] for label in labels)]


def table(name: str, title: str) -> View:
    """A table of a described resource."""
    return lambda console: [tuple(row) for row in console.table(name, title)]
