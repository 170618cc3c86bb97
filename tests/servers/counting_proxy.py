"""A way to a DataNode that counts the statements which change something: so a test sees what was sent, not what was meant to be sent."""

import contextlib
import socket
import struct
import threading
from collections import Counter

from loopback_ports import LOOPBACK

#: How statements begin that change something, as this project's clients write them.
_CHANGES = tuple(
    word.encode()
    for word in ("INSERT INTO ", "CREATE ", "DROP ", "ALTER ", "LOAD MODEL ", "UNLOAD MODEL ", "REMOVE ", "SET ")
)
_AT_ONCE = struct.pack("ii", 1, 0)


class CountingProxy:
    """Passes everything on, both ways and unchanged. A DataNode that does not listen is a connection that is reset at once.

    `sent` counts the whole requests that came for the DataNode by their statement, whether it ever took them or not.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def sent(self) -> Counter[str]:
        """How often each statement came."""
        with self._lock:
            return Counter(self._sent)

    def close(self) -> None:
        """Takes no more connections; those that stand end with their DataNode or their client."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # It was closed.
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection((LOOPBACK, self._target))
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            near.close()
            return
        back = threading.Thread(target=self._pass, args=(far, near, False), daemon=True)
        back.start()
        self._pass(near, far, True)
        back.join()
        near.close()
        far.close()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        waiting = bytearray()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if counted:
                    waiting += data
                    self._count(waiting)
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _count(self, waiting: bytearray) -> None:
        """Takes whole frames off; a frame is its length in four bytes and what thrift wrote, in which a text has its length before it."""
        while len(waiting) >= 4 and len(waiting) >= 4 + (size := int.from_bytes(waiting[:4], "big")):
            frame = bytes(waiting[4 : 4 + size])
            del waiting[: 4 + size]
            for change in _CHANGES:
                place = frame.find(change)
                if place < 4:
                    continue
                length = int.from_bytes(frame[place - 4 : place], "big")
                if place + length <= len(frame):  # Else the word stands within a text.
                    with self._lock:
                        self._sent[frame[place : place + length].decode("utf-8", "replace")] += 1
                    break
