"""How the two kinds of node of an IoTDB are configured and started: ports, memory, folders, logging."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from loopback_ports import LOOPBACK


class Node(StrEnum):
    """A node of the cluster."""

    CONFIGNODE = "confignode"
    DATANODE = "datanode"


@dataclass(frozen=True)
class Ports:
    """Where the nodes listen, all on loopback."""

    config_node: int
    config_consensus: int
    client: int
    data_node: int
    exchange: int
    schema_consensus: int
    data_consensus: int


@dataclass(frozen=True)
class _Program:
    """How one node is started: its main class, memory, and what it calls its folders."""

    main: str
    name: str
    heap: str
    folders: tuple[str, ...]
    logs: str


_PROGRAMS = {
    Node.CONFIGNODE: _Program(
        "org.apache.iotdb.confignode.service.ConfigNode",
        "iotdb.ConfigNode",
        "384m",
        ("CONFIGNODE_HOME", "CONFIGNODE_DATA_HOME", "TSFILE_HOME"),
        "CONFIGNODE_LOGS",
    ),
    Node.DATANODE: _Program(
        "org.apache.iotdb.db.service.DataNode",
        "iotdb.IoTDB",
        "768m",
        ("IOTDB_HOME", "IOTDB_DATA_HOME", "TSFILE_HOME"),
        "IOTDB_LOG_DIR",
    ),
}
_CONFIGURATION_FOLDERS = {
    Node.CONFIGNODE: ("CONFIGNODE_CONF", "TSFILE_CONF"),
    Node.DATANODE: ("IOTDB_CONF", "TSFILE_CONF"),
}
_DIRECT_MEMORY = "256m"
_OPENED = ("java.util.concurrent", "java.lang", "java.util", "java.nio", "java.io", "java.net")

#: One file per node, without the many files that a server in production keeps.
LOGBACK = """<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="console"/></root>
</configuration>
"""


def settings(ports: Ports) -> dict[str, str]:
    """The lines of `iotdb-system.properties`."""
    seed = f"{LOOPBACK}:{ports.config_node}"
    return {
        "cluster_name": "defaultCluster",
        "cn_seed_config_node": seed,
        "dn_seed_config_node": seed,
        "cn_internal_address": LOOPBACK,
        "cn_internal_port": str(ports.config_node),
        "cn_consensus_port": str(ports.config_consensus),
        "dn_rpc_address": LOOPBACK,
        "dn_rpc_port": str(ports.client),
        "dn_internal_address": LOOPBACK,
        "dn_internal_port": str(ports.data_node),
        "dn_mpp_data_exchange_port": str(ports.exchange),
        "dn_schema_region_consensus_port": str(ports.schema_consensus),
        "dn_data_region_consensus_port": str(ports.data_consensus),
        # Each region of data takes two of these from the direct memory; with the 32 MiB that are usual, seven databases fill it.
        "wal_buffer_size_in_byte": str(2 * 1024 * 1024),
        "schema_replication_factor": "1",
        "data_replication_factor": "1",
        "config_node_consensus_protocol_class": "org.apache.iotdb.consensus.ratis.RatisConsensus",
    }


def arguments(node: Node, folder: Path, installation: Path) -> Iterator[str]:
    """What `java` is given to run a node of the cluster in a folder."""
    program = _PROGRAMS[node]
    for package in _OPENED:
        yield f"--add-opens=java.base/{package}=ALL-UNNAMED"
    yield from (f"-D{name}={folder}" for name in program.folders)
    yield from (f"-D{name}={folder / 'conf'}" for name in _CONFIGURATION_FOLDERS[node])
    yield f"-D{program.logs}={folder / 'logs'}"
    yield f"-Dlogback.configurationFile={folder / 'conf' / 'logback.xml'}"
    yield f"-Dname={program.name}"
    yield f"-DOFF_HEAP_MEMORY={_DIRECT_MEMORY}"
    yield from ("-Diotdb-foreground=yes", "-Diotdb.jmx.local=true")
    yield from ("-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8")
    yield from ("-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xss512k")
    yield from ("-Xms128m", f"-Xmx{program.heap}", f"-XX:MaxDirectMemorySize={_DIRECT_MEMORY}")
    yield from ("-cp", f"{installation / 'lib'}/*", program.main, "-s")
