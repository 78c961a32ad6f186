import threading
import time

from ministack.core import lambda_runtime

GAP = (
    "core/lambda_runtime.py:1713 ends the processes of a function that is updated, also those that are in the middle of a call, whose caller "
    "then gets a 502. Lambda lets what runs end, and starts nothing new on it."
)
POLL_S = 0.05
# Between being taken out of the pool for a call and beginning with it.
BEGUN_S = 0.2


class _Busy:
    """A process in the middle of a call, as the pool has it."""

    in_use = True
    config = {}
    _lock = threading.Lock()
    _proc = None

    def __init__(self):
        self.ended = False

    def _discard_tmpdir(self):
        self.ended = True


def is_there():
    busy = _Busy()
    lambda_runtime._workers["0:us-east-1:trial:$LATEST"] = [busy]
    lambda_runtime.invalidate_worker("trial")
    return busy.ended


def fill():
    end = lambda_runtime.kill_workers

    def when_idle(workers):
        busy = [worker for worker in workers if _is_busy(worker)]
        end([worker for worker in workers if worker not in busy])
        for worker in busy:
            threading.Thread(target=_end_later, args=(worker, end), daemon=True).start()

    lambda_runtime.kill_workers = when_idle


def _is_busy(worker):
    return worker is not None and (worker.in_use or worker._lock.locked())


def _end_later(worker, end):
    time.sleep(BEGUN_S)
    while worker._lock.locked():
        time.sleep(POLL_S)
    end([worker])
