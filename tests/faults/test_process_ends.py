"""When a process has ended: not before its last thread, which may hold its locks."""

import asyncio
import platform
import subprocess
import sys
import time

import psutil
import pytest

from quarterdeck.runtime.workers.guard_child import creation_time
from quarterdeck.runtime.workers.process_sessions import ProcessIdentity, end_session, session_members

_EXIT = {"x86_64": 60, "aarch64": 93}
_FIRST_THREAD_ENDS = """
import ctypes, sys, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
print(flush=True)
ctypes.CDLL(None).syscall(int(sys.argv[1]), 0)
"""


@pytest.mark.skipif(
    not (sys.platform.startswith("linux") and platform.machine() in _EXIT), reason="ends one thread by a Linux call"
)
def test_a_process_whose_first_thread_is_gone_has_not_ended() -> None:
    command = [sys.executable, "-c", _FIRST_THREAD_ENDS, str(_EXIT[platform.machine()])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            leader = ProcessIdentity(process.pid, creation_time(process.pid))
            while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
            assert session_members(leader) == [process.pid]
            asyncio.run(end_session(leader))
            assert session_members(leader) == []
            assert process.wait() != 0
        finally:
            process.kill()
