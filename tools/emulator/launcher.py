"""Starts MiniStack with its gaps filled, and writes down what functions do.

    python launcher.py            the environment says where: GATEWAY_PORT, BIND_HOST, …
    python launcher.py --gaps     prints the gaps as JSON, and starts nothing

The file at SLUICE_EMULATOR_RECORD gets the lines of `recorder.py`. With the pid of its parent in SLUICE_EMULATOR_OWNER, it ends
with that process.
"""

import json
import os
import signal
import sys
import threading
import time

import ministack.app  # The services are loaded by it in the right order.

import recorder
from patches import NAMES, PATCHES


def main():
    if "--gaps" in sys.argv:
        print(json.dumps([{"name": name, "gap": patch.GAP} for name, patch in zip(NAMES, PATCHES)]))
        return
    gone = [name for name, patch in zip(NAMES, PATCHES) if not patch.is_there()]
    if gone:
        files = ", ".join(f"tools/emulator/patches/{name}.py" for name in gone)
        sys.exit(f"This release of MiniStack no longer has the gap of {files}: delete it, and its name in __init__.py")
    for patch in PATCHES:
        patch.fill()
    record = os.environ.pop("SLUICE_EMULATOR_RECORD", None)
    if record:
        recorder.start(record)
    owner = os.environ.pop("SLUICE_EMULATOR_OWNER", None)
    if owner:
        threading.Thread(target=_end_with, args=(int(owner),), daemon=True).start()
    ministack.app.main()


def _end_with(owner):
    # Its pid may live on, as a zombie that nobody waits for or as another's: but then it is no longer our parent.
    while os.getppid() == owner:
        time.sleep(1)
    os.killpg(os.getpgid(0), signal.SIGKILL)


main()
