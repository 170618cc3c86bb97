"""A plugin that never gets imported, and leaves a child that ignores signals."""

import signal
import subprocess
import sys
import time

subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(600)
