"""An AINode in a real cluster that does what a test tells it to, and a way to a DataNode on which answers get lost."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iotdb_cluster import Cluster
from own_ainode import Sql, until
from quarterdeck_ainode.serving.engine import (
    AinodeStatus,
    EngineError,
    EngineMetrics,
    InferenceRequest,
    ServedModel,
)
from quarterdeck_ainode.serving.engine_settings import EngineSettings
from quarterdeck_ainode.serving.node_folder import NodeFolder
from quarterdeck_ainode.serving.server import AinodeServer
from quarterdeck_ainode.serving.server_parameters import ServerParameters

_PATIENCE = 60.0


class ScriptedEngine:
    """Two devices and some models; a load is accepted, and instances come up when `come_up` is set."""

    def __init__(self) -> None:
        self.known = {
            "lazy": ServedModel("lazy", "scripted", "builtin", "active"),
            "broken": ServedModel("broken", "scripted", "builtin", "inactive"),
        }
        self.counts: dict[tuple[str, str], int] = {}
        self.loads: list[tuple[str, tuple[str, ...]]] = []
        self.come_up = threading.Event()
        #: Inference waits for it.
        self.answer = threading.Event()
        self.asked = threading.Event()
        #: The state in which a new model stands.
        self.state_of_new = "active"

    def devices(self) -> Mapping[str, str]:
        return {"cpu": "cpu", "0": "cuda"}

    def models(self) -> tuple[ServedModel, ...]:
        return tuple(self.known[name] for name in sorted(self.known))

    def loaded(self) -> Mapping[str, Mapping[str, int]]:
        up = 2 if self.come_up.is_set() else 0
        found: dict[str, dict[str, int]] = {}
        for device, model in self.counts:
            found.setdefault(device, {})[model] = up
        return found

    def load(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        self.loads.append((model_id, device_ids))
        self.counts.update({(device, model_id): 0 for device in device_ids})

    def unload(self, model_id: str, device_ids: tuple[str, ...]) -> None:
        for device in device_ids:
            self.counts.pop((device, model_id), None)

    def register(self, model_id: str, uri: str) -> None:
        if uri.endswith("refused"):
            raise EngineError(AinodeStatus.CREATE_MODEL_FAILED, "no such file")
        self.known[model_id] = ServedModel(model_id, "scripted", "user_defined", self.state_of_new)

    def delete(self, model_id: str) -> None:
        del self.known[model_id]

    def infer(self, request: InferenceRequest) -> NDArray[np.float64]:
        self.asked.set()
        self.answer.wait(_PATIENCE)
        return np.zeros(request.output_length)

    def metrics(self) -> EngineMetrics:
        return EngineMetrics(0, 0, 0, 0, 0, 0)

    def close(self) -> None:
        self.answer.set()


class ScriptedAinode:
    """A node in this process; it has joined when it is made."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.engine = ScriptedEngine()
        self._cluster = cluster
        parameters = ServerParameters(config_node=cluster.config_node, port=0, data=str(folder))

        def opened(settings: EngineSettings) -> ScriptedEngine:
            return self.engine

        self.server = AinodeServer(parameters, NodeFolder(folder), opened)
        self.server.start(self.server.find_cluster())
        until(lambda: self._statuses() == ["Running"])

    def close(self) -> None:
        """Ends it, and takes it out of the cluster."""
        with contextlib.suppress(Exception):  # It may be out already.
            session = Sql(self._cluster)
            session.do("REMOVE AINODE")
            session.close()
            until(lambda: self.server.told_to_end or self._statuses() == [])
        self.server.stop(0.0)
        until(lambda: self._statuses() == [])

    def _statuses(self) -> list[str | None]:
        session = Sql(self._cluster)
        try:
            return session.query("SHOW AINODES").column(1)
        finally:
            session.close()


class LosingProxy:
    """Stands between a client and a DataNode; with `lose` set, whatever holds that word is passed on and its answer is lost.

    With `swallow` it is not even passed on. `seen` counts how often a word of `lose` or `swallow` came.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lose = b""
        self.swallow = b""
        self.seen = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._open):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, self._judged), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, None), daemon=True).start()

    def _judged(self, data: bytes) -> tuple[bool, bool]:
        """Whether to pass data on, and whether to go on afterwards."""
        for word, passed in ((self.lose, True), (self.swallow, False)):
            if word and word in data:
                self.seen += 1
                return passed, False
        return True, True

    def _pass(
        self, source: socket.socket, target: socket.socket, judge: Callable[[bytes], tuple[bool, bool]] | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed, on = judge(data) if judge else (True, True)
                if not on:
                    source.shutdown(socket.SHUT_RDWR)  # The answer finds nobody.
                if passed:
                    target.sendall(data)
                if not on:
                    return
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
